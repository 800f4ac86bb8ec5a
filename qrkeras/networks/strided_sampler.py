"""Sampling a PixelCNN++ pixel by pixel, with everything that is already known kept, on every resolution.

The plain sampler runs the network once a pixel. Here all pixels together cost about one pass. Resolution n moves at
every 2^n-th row and column of the image:

* its row of the stream u is due when the rows above are complete, and is computed at once; so is what the rows above, u
  and the condition add to each block of l, its context;
* its pixel of l is due before the first pixel of the image that reads it, and costs its own column and the kept one to
  the left;
* what a coarser resolution gives spreads to two rows and two columns, the later of which are kept till then.

A `while_loop` over rows and a `scan` over columns; what is kept are loop variables, and resolutions that are not due
are left out by `cond`. So the sampler is a pure function, its batch is dynamic, and its graph is that of one pixel.
"""

import itertools

from keras import ops

from qrkeras.layers import last_row


def sample_strided(network, tau, known, mask, labels, given, pixel_of):
    """Images drawn from `network`, pixels in raster order.

    Args:
      network: `PixelPlusNetwork`.
      tau: `(batch, height, width, channels)` in (0, 1), one level for each value.
      known: images in [-1, 1], same shape; mask: `(batch, height, width)`, 1 where the pixel is taken from `known`.
      labels: int `(batch,)`; not looked at where the network has no classes.   given: of `network.given`.
      pixel_of: outputs `(batch, num_outputs)` and levels `(batch, channels)` to values `(batch, channels)` in [-1, 1].
    Returns: `(batch, height, width, channels)` float32.
    """
    height, width, channels = network.image_shape
    batch, dtype = ops.shape(tau)[0], network.compute_dtype
    levels = [
        _Level(n, resolution, network.planes, width >> n, labels, None if given is None else given[n])
        for n, resolution in enumerate(network.resolutions)
    ]
    (start_upper, upper_bias), (start_above, above_bias), (start_left, left_bias), (head, head_bias) = (
        layer.parts() for layer in (network.start_upper, network.start_above, network.start_left, network.head)
    )
    start_last = last_row(start_left)
    # Rows first, then columns, so that what a step takes lies together: (height, width, batch, ...).
    tau, known = (ops.transpose(x, (1, 2, 0, 3)) for x in (tau, known))
    mask = ops.transpose(ops.cast(mask, "bool"), (1, 2, 0))[..., None]

    def draw_row(i, image, seen, above_upper, above_left):
        upper = network.start_upper.windowed(start_upper, seen)[:, 0] + upper_bias
        above = network.start_above.windowed(start_above, seen[:, 1:])[:, 0]
        begin = above + network.start_left.windowed(start_left[:1], seen[:, 1:])[:, 0] + above_bias + left_bias
        _, contexts, above_upper = _start_row(levels, i, upper, begin, above_upper, above_left, batch)

        def draw_column(carry, j):
            pixel, columns = carry  # of the column to the left; the pixel with its one behind it
            begin = ops.matmul(ops.cast(pixel, dtype), start_last)
            left, columns = _pixel(levels, i, j, begin, contexts, columns)
            outputs = ops.matmul(ops.cast(ops.elu(left), "float32"), head) + head_bias
            value = ops.where(mask[i, j], known[i, j], pixel_of(outputs, tau[i, j]))
            carry = ops.concatenate([value, ops.ones_like(value[:, :1])], axis=-1), columns
            return carry, carry

        first = ops.zeros((batch, channels + 1), "float32"), [level.columns(batch, dtype) for level in levels]
        _, (pixels, columns) = ops.scan(draw_column, first, ops.arange(width))
        row = ops.transpose(pixels, (1, 0, 2))
        seen = ops.concatenate([seen[:, 1:], ops.cast(row, dtype)[:, None]], axis=1)
        image = ops.where(ops.arange(height)[:, None, None] == i, row[:, None, :, :-1], image)
        above_left = [level.row_end(i, *each) for level, *each in zip(levels, above_left, columns, strict=True)]
        return i + 1, image, seen, above_upper, above_left

    image = ops.zeros((batch, height, width, channels), "float32")
    seen = ops.zeros((batch, 2, width, channels + 1), dtype)
    above_upper = [level.upper_rows(batch, dtype) for level in levels]
    above_left = [level.columns(batch, dtype, level.width) for level in levels]
    _, image, *_ = ops.while_loop(lambda i, *_: i < height, draw_row, (0, image, seen, above_upper, above_left))
    return image


class _Level:
    """One resolution: its blocks with their weights, made once, and the shapes of what is kept of it."""

    def __init__(self, n, resolution, planes, width, labels, features):
        self.every, self.planes, self.width, self.features = 2**n, planes, width, features

        def pairs(blocks):
            made = [(block, block.parts(labels)) for block in blocks]
            return list(zip(made[::2], made[1::2], strict=True))

        self.down, self.up = pairs(resolution.down), pairs(resolution.up)
        self.number = len(self.down) + len(self.up)
        self.halve = [(layer, *layer.parts()) for layer in resolution.halve]  # of u and of l; empty for the coarsest
        self.double = [(layer, *layer.parts()) for layer in resolution.double]
        if self.halve:
            self.halve_last = last_row(self.halve[1][1])
            first = self.double[1][1][0]  # (columns, planes, planes), of the row that a pixel spreads to
            self.double_first = ops.concatenate([first[0], first[1]], axis=-1)

    def due(self, i):
        """Whether the row, or the column, i of the image is one of this resolution."""
        return i % self.every == 0

    def conditions(self, i):
        """Of each pair of blocks, the row of its condition that the row i of the image meets, or None."""
        if self.features is None:
            return [None] * self.number
        return [ops.take(features, i // self.every, axis=1) for features in self.features]

    def upper_rows(self, batch, dtype):
        """Kept of u from row to row: e(v) and e(t) of each block, u before it halves, and what it spread to here."""
        pair = (batch, self.width, 2 * self.planes)
        edges = [ops.zeros((batch, self.width, self.planes), dtype) for _ in 2 * self.halve[:1]]
        return [(ops.zeros(pair, dtype), ops.zeros(pair, dtype)) for _ in range(self.number)], edges

    def columns(self, batch, dtype, *width):
        """Kept of l from column to column, or as a row: as of u, and l in the end."""
        pair, one = (batch, *width, 2 * self.planes), (batch, *width, self.planes)
        edges = [ops.zeros(one, dtype) for _ in 2 * self.halve[:1]]
        blocks = [(ops.zeros(pair, dtype), ops.zeros(pair, dtype)) for _ in range(self.number)]
        return blocks, edges, ops.zeros(one, dtype)

    def no_context(self, batch, dtype):
        planes = self.planes * (1 + 3 * self.number + len(self.halve[:1]))
        return ops.zeros((self.width, batch, planes), dtype)

    def context(self, rows):
        """What rows add to l, in one tensor, columns first."""
        return ops.transpose(ops.concatenate(rows, axis=-1), (1, 0, 2))

    def context_of(self, context, j):
        """That of column j of the image: what l begins with, t and g of each block, and what spread to here, if any."""
        edges = list(itertools.accumulate(self.planes * size for size in (1, *[1, 2] * self.number)))
        parts = ops.split(context[j // self.every], edges if self.halve else edges[:-1], axis=-1)
        blocks = parts[1 : len(edges)]
        return parts[0], list(zip(blocks[::2], blocks[1::2], strict=True)), parts[len(edges) :]

    def row_end(self, i, above, columns):
        """The columns of a row as the row above the next one, if the row was due."""

        def row(columns):  # (width of the image, batch, planes)
            return ops.transpose(columns[:: self.every], (1, 0, 2))

        def complete():
            blocks, edges, result = columns
            return [(row(v), row(t)) for v, t in blocks], [row(edge) for edge in edges], row(result)

        return complete() if self.every == 1 else ops.cond(self.due(i), complete, lambda: above)


def _start_row(levels, i, upper, begin, above_upper, above_left, batch):
    """u of row i on the first of `levels` and on coarser ones, and the contexts of l.

    Args:
      upper, begin: rows that u and l begin with, `(batch, w, planes)`.   above_upper, above_left: kept, by level.
    Returns: u in the end; contexts and what is kept of u, by level.
    """
    level, *coarser = levels
    (rows_upper, edges), *kept_coarser = above_upper
    rows_left = above_left[0][0]
    conditions = iter(level.conditions(i))
    contexts, kept, skips = [begin], [], [upper]

    def pair(blocks, upper, *aux):
        (first, first_parts), (second, second_parts) = blocks
        condition, place = next(conditions), len(kept)
        upper, rows = first.row(first_parts, upper, rows_upper[place], aux, condition)
        kept.append(rows)
        contexts.extend(second.context(second_parts, rows_left[place], upper, condition))
        return upper

    for blocks in level.down:
        upper = pair(blocks, upper)
        skips.append(upper)
    if not coarser:
        skips.pop()  # the way up begins with it
        contexts_coarser, kept_coarser, spread = [], [], []
    else:
        (halve_upper, kernel_upper, bias_upper), (halve_left, kernel_left, bias_left) = level.halve
        (double_upper, *weights_upper), (double_left, *weights_left) = level.double
        before, before_left, result = upper, above_left[0][1][0], above_left[1][2]

        def halved():
            inner = halve_upper.windowed(kernel_upper, ops.stack([edges[0], before], axis=1))[:, 0] + bias_upper
            begin = halve_left.windowed(kernel_left[:1], before_left[:, None])[:, 0] + bias_left
            inner, contexts, kept = _start_row(coarser, i, inner, begin, kept_coarser, above_left[1:], batch)
            both = double_upper.windowed(weights_upper[0], inner[:, None]) + weights_upper[1]
            return both[:, 0], both[:, 1], ops.zeros_like(before), contexts, kept

        def from_the_row_before():
            left = double_left.windowed(weights_left[0][1:], result[:, None])[:, 0] + weights_left[1]
            return edges[1], edges[1], left, [each.no_context(batch, before.dtype) for each in coarser], kept_coarser

        upper, later, left, contexts_coarser, kept_coarser = ops.cond(coarser[0].due(i), halved, from_the_row_before)
        edges, spread = [before, later], [left]
    for blocks in level.up:
        upper = pair(blocks, upper, skips.pop())
    return upper, [level.context([*contexts, *spread]), *contexts_coarser], [(kept, edges), *kept_coarser]


def _pixel(levels, i, j, begin, contexts, columns):
    """l of the pixel (i, j) on the first of `levels` and on coarser ones.

    Args:
      begin: what l begins with beside its context, `(batch, planes)`.   contexts, columns: by level.
    Returns: l in the end, and the columns with the pixel's in place of the ones to the left.
    """
    level, *coarser = levels
    (blocks_left, edges, _), *columns_coarser = columns
    start, block_contexts, spread = level.context_of(contexts[0], j)
    left, kept = start + begin, []
    skips = [left]

    def block(pair, v, *aux):
        (layer, parts), place = pair[1], len(kept)
        v, column = layer.pixel(parts, v, blocks_left[place], block_contexts[place], aux)
        kept.append(column)
        return v

    for pair in level.down:
        left = block(pair, left)
        skips.append(left)
    if not coarser:
        skips.pop()
    else:
        before, (_, _, bias) = left, level.double[1]

        def halved():
            inner = ops.matmul(ops.concatenate([edges[0], before], axis=-1), level.halve_last)
            inner, columns = _pixel(coarser, i, j, inner, contexts[1:], columns_coarser)
            here, later = ops.split(ops.matmul(inner, level.double_first), 2, axis=-1)
            return here + bias, later + bias, columns

        def from_the_column_before():
            return ops.where(coarser[0].due(i), edges[1], spread[0]), edges[1], columns_coarser

        due = ops.logical_and(coarser[0].due(i), coarser[0].due(j))
        left, later, columns_coarser = ops.cond(due, halved, from_the_column_before)
        edges = [before, later]
    for pair in level.up:
        left = block(pair, left, skips.pop())
    return left, [(kept, edges, left), *columns_coarser]
