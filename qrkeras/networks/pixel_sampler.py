"""Sampling a PixelCNN value by value, with everything that is already known kept.

The plain sampler runs the network once a value, `height * width * channels` times. Here each value costs its own
column only, so that all values together cost about one pass:

* a row of the vertical stack is convolved once, when the row above it is complete;
* the horizontal stack keeps the last k // 2 columns of every block;
* within a pixel the colours follow one another, and each computes its own planes.

Two nested `while_loop`s, rows and columns; what is kept are loop variables. So the sampler is a pure function, its
batch is dynamic, and it traces into a graph of one column.
"""

from keras import ops

from qrkeras.layers import append_planes, cut_planes, gate


def sample_pixels(network, tau, known, mask, classes, value_of):
    """Images drawn from `network`, pixels in raster order, colours R, G, B.

    Args:
      network: `PixelNetwork`.
      tau: `(batch, height, width, channels)` in (0, 1), one level for each value.
      known: images in [-1, 1] or categories, same shape.
      mask: `(batch, height, width)`, 1 where the pixel is taken from `known`.
      classes: one-hot `(batch, num_classes)`, or None.
      value_of: outputs `(batch, num_outputs)` and levels `(batch,)` to values `(batch,)`, numbers or categories.
    Returns: `(batch, height, width, channels)` float32.
    """
    height, width, channels = network.image_shape
    batch, dtype = ops.shape(tau)[0], network.compute_dtype
    blocks, reach = network.blocks, network.blocks[0].kernel_size // 2
    parts = [block.parts() for block in blocks]
    head = [layer.parts() for layer in network.head]
    levels_above, levels = (None, None) if not network.quantile else network.levels(tau)
    planes = [network.seen_planes] + [block.planes for block in blocks[:-1]]  # of each block's input

    # Rows first, then columns, so that what a step takes lies together: (height, width, batch, ...).
    tau, known = (ops.transpose(x, (1, 2, 0, 3)) for x in (tau, known))
    mask = ops.transpose(ops.cast(mask, "bool"), (1, 2, 0))[..., None]

    def contexts_of_row(i, windows):
        """Vertical stack of row i: contexts by colour `(width, blocks, batch, planes)`, and the windows it leaves."""
        above, here = (None if x is None else x[:, i][:, None] for x in (levels_above, levels))
        contexts, kept, vertical = [], [], None
        for block, window in zip(blocks, windows, strict=True):
            if vertical is not None:
                window = ops.concatenate([window, vertical], axis=1)  # rows i - k // 2 to i
            upper = block.upper(block.vertical_conv.rows(window), above, classes)
            contexts.append(block.context(upper, here, classes)[:, 0])
            kept.append(window[:, 1:])
            vertical = gate(upper)
        by_column = ops.transpose(ops.stack(contexts), (2, 0, 1, 3))
        return cut_planes(by_column, channels, stacks=2), kept

    def draw_pixel(i, j, contexts, columns):
        """Values of the pixel `(batch, channels)`, and the columns with it in place of the oldest."""
        taus, is_known, given = tau[i, j], mask[i, j], known[i, j]  # (batch, channels), the mask (batch, 1)
        pixel, present, gated, seen = None, [None] * len(blocks), [None] * len(blocks), [None] * len(head)
        for colour in range(channels):
            horizontal = None
            for k, (block, context) in enumerate(zip(blocks, ops.unstack(contexts[colour][j]), strict=True)):
                if k > 0:
                    present[k] = append_planes(present[k], horizontal)
                inputs = columns[k] if present[k] is None else (*columns[k], present[k])
                gated[k], horizontal = block.value(parts[k][colour], inputs, context, gated[k], horizontal)
            x = ops.concatenate(gated, axis=-1)
            for k, part in enumerate(head):
                if k > 0:
                    seen[k] = x = append_planes(seen[k], ops.relu(x))
                kernel, bias = part[colour]
                x = ops.matmul(ops.cast(x, kernel.dtype), kernel) + bias
            value = value_of(ops.cast(x, "float32"), taus[:, colour])
            value = ops.where(is_known, given[:, colour : colour + 1], value[:, None])
            pixel = append_planes(pixel, value)
            present[0] = ops.cast(network.seen(pixel), dtype)
        return pixel, tuple((*kept[1:], new) for kept, new in zip(columns, present, strict=True))

    def draw_row(i, image, windows):
        contexts, windows = contexts_of_row(i, windows)

        def draw_column(j, row, columns):
            pixel, columns = draw_pixel(i, j, contexts, columns)
            return j + 1, ops.where(ops.arange(width)[:, None] == j, pixel[:, None], row), columns

        row = ops.zeros((batch, width, channels))
        columns = tuple(tuple(ops.zeros((batch, n), dtype) for _ in range(reach)) for n in planes)
        _, row, _ = ops.while_loop(lambda j, *_: j < width, draw_column, (0, row, columns))
        windows[0] = ops.concatenate([windows[0], ops.cast(network.seen(row), dtype)[:, None]], axis=1)
        image = ops.where(ops.arange(height)[:, None, None] == i, row[:, None], image)
        return i + 1, image, tuple(windows)

    image = ops.zeros((batch, height, width, channels))
    windows = tuple(ops.zeros((batch, reach, width, n), dtype) for n in planes)
    _, image, _ = ops.while_loop(lambda i, *_: i < height, draw_row, (0, image, windows))
    return image
