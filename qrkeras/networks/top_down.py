"""Top-down hierarchy of Gaussian latents: one network for posterior, prior and decoder  (thesis, eqs. 2.52 to 2.55 and
Fig. 2.12; the block: Kingma et al. 2016).

A stem takes the image down to the first resolution. Blocks lead up from there, and the same blocks lead down again in
reverse, from one trained vector that stands at every place, to a head. Every block has its latents, so that the first
ones drawn are those of the coarsest resolution. With z latent planes and h planes, ELU before every convolution, all of
them weight-normalised with scale 0.1:

    up      3x3, of stride 2 where the block halves: mean and log-deviation q, context, rest
            x + 0.1 3x3(rest)
    down    3x3: mean and log-deviation p, and r, context, rest
            prior N(p), posterior N(q + r); then the flow, with the sum of the contexts
            x + 0.1 3x3([z, rest]), transposed of stride 2 where the block doubles

So the posterior of a block's latents depends on the image and on all latents above, their prior on all latents above.

**Choice**: block and features of one latent are those of its own layer: eq. 2.55 gives it the features of the next one.
"""

import functools
import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from qrkeras.layers import InverseAutoregressiveFlow, WeightNormConv2D, WeightNormConv2DTranspose
from qrkeras.networks.seeds import layer_seeds

RANDOM = ("all", "top")
TOP_PRIORS = ("trained", "standard")
SCALE = 0.1  # of layers at their start from data, and of what a block adds


def top_down(
    image_size,
    channels=3,
    planes=(160,),
    latent_planes=(32,),
    blocks=(2,),
    stem=(5, 2),
    flow=True,
    output_size=None,
    output_channels=None,
    stem_planes=None,
    random="all",
    top_prior="trained",
    num_classes=None,
    seed=None,
    name="hierarchy",
):
    """The hierarchy for square images.

    Args:
      image_size: side of the image.   channels: of the image.
      planes, latent_planes, blocks: h, z and the number of blocks at each resolution, the finest first; each further
        one has half the side.
      stem: kernel size and stride of the first and of the last convolution.
      flow: whether posteriors pass an inverse autoregressive flow.
      output_size, output_channels: of what comes out; None: the image's. The head resamples the finest resolution,
        image_size / stride, to that size.
      stem_planes: of the stem, and what the head sees; None: as many as the first of `planes`.
      random: "all", or "top": below the first ones drawn, latents are the mean of their prior, and are none of the n.
      top_prior: of the first latents drawn, "trained", or "standard": N(0, 1).
      num_classes: number of classes, of which every convolution has gains and biases of their own, but those of flows
        (thesis, Sec. 5.6.1 and eq. 5.8); labels, int `(batch,)`, then go with every pass. Or None.
      seed: int, from which every layer draws its own seed, or None.
    Returns: a `TopDownNetwork`.
    Raises:
      ValueError: for sizes of unequal numbers, an image_size that the strides do not divide, an output_size that is
        neither a multiple nor a divisor of the finest resolution, or another `random` or `top_prior`.
    """
    options = {
        "planes": planes, "latent_planes": latent_planes, "blocks": blocks, "stem": stem, "flow": flow,
        "output_size": output_size, "output_channels": output_channels, "stem_planes": stem_planes, "random": random,
        "top_prior": top_prior, "num_classes": num_classes,
    }  # fmt: skip
    return TopDownNetwork(image_size, channels, **options, seed=seed, name=name)


class Inferred(NamedTuple):
    """What the posterior gives, L layers and C latent planes of all of them, the top first.

    Attributes:
      latents: `(batch, n)`.   log_ratio: `log p(z) - log q(z | x)` of each latent plane, `(batch, C)`.
      gaussians: of each layer, mean and log-deviation of the posterior before its flow, and of the prior: 4 tensors
        `(batch, h, w, z)`.
      outputs: `(batch, output_size, output_size, output_channels)` float32.
    """

    latents: Any
    log_ratio: Any
    gaussians: Any
    outputs: Any


class _Pass(keras.layers.Layer):
    """Layers, and weights that are no layer's, as one part of a network: what is frozen or moved together."""

    def __init__(self, layers, weights=(), **kwargs):
        super().__init__(**kwargs)
        self.members, self.own = list(layers), list(weights)
        self.built = True


class _Block(keras.layers.Layer):
    """The convolutions of a block, in both directions.

    Args:
      outer: planes below the block, nearer to the image.   resamples: whether the block halves and doubles.
      topmost: whether no block stands above.   flow: whether it has one; contexts are there for it alone.
      standard: whether its prior is N(0, 1).   num_classes: of labels, or None.
    """

    def __init__(
        self, planes, latent_planes, outer, resamples, topmost, flow, seeds, standard=False, num_classes=None, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)  # each layer casts for itself
        self.standard = standard
        self.planes, self.latent_planes, self.outer, self.resamples = planes, latent_planes, outer, resamples
        self.context_planes = planes if flow else 0

        def convolution(filters, size, kind=WeightNormConv2D, strides=1):
            initializer = keras.initializers.RandomNormal(0.0, 0.05, next(seeds))
            options = {"strides": strides, "scale": SCALE, "num_classes": num_classes}
            return kind(filters, size, kernel_initializer=initializer, **options, dtype=self.dtype_policy)

        strides = 2 if resamples else 1
        rest = 0 if topmost else planes
        self.up_in = convolution(2 * latent_planes + self.context_planes + rest, 3, strides=strides)
        self.up_out = None if topmost else convolution(planes, 3)
        self.down_in = convolution(4 * latent_planes + self.context_planes + planes, 3)
        kind = WeightNormConv2DTranspose if resamples else WeightNormConv2D
        self.down_out = convolution(outer, 3, kind, strides)
        self.up_skip = convolution(planes, 1) if outer != planes and not topmost else None
        self.down_skip = convolution(outer, 1) if outer != planes else None
        self.flow = InverseAutoregressiveFlow(planes, next(seeds)) if flow else None

    @property
    def upward(self):
        """What the posterior alone has."""
        return [layer for layer in (self.up_in, self.up_out, self.up_skip, self.flow) if layer is not None]

    @property
    def downward(self):
        """What the prior and the decoder have."""
        return [layer for layer in (self.down_in, self.down_out, self.down_skip) if layer is not None]

    def build(self, side):
        """Builds for latents of `side` x `side`."""
        inner, below = (None, side, side), (None, *2 * [2 * side if self.resamples else side])
        latents, here = (*inner, self.latent_planes), (*inner, self.planes)
        self.up_in.build((*below, self.outer))
        if self.up_out is not None:
            self.up_out.build(here)
        self.down_in.build(here)
        self.down_out.build((*inner, self.latent_planes + self.planes))
        if self.up_skip is not None:
            self.up_skip.build((*inner, self.outer))
        if self.down_skip is not None:
            self.down_skip.build((*below, self.planes))
        if self.flow is not None:
            self.flow.build(latents, here)

    def up(self, x, labels):
        """What the posterior takes from the image, float32, and x for the block above, or None."""
        z, c = self.latent_planes, self.context_planes
        mean, log_scale, context, rest = _parts(self.up_in(ops.elu(x), labels), z, z, c)
        features = _full(mean), _full(log_scale), _full(context)
        if self.up_out is None:
            return features, None
        x = x[:, ::2, ::2] if self.resamples else x
        x = x if self.up_skip is None else self.up_skip(x, labels)
        return features, x + SCALE * self.up_out(ops.elu(rest), labels)

    def prior(self, x, labels):
        """The prior's mean and log-deviation, the posterior's share of both, its context, and the rest."""
        z, c = self.latent_planes, self.context_planes
        *parts, rest = _parts(self.down_in(ops.elu(x), labels), z, z, z, z, c)
        mean, log_scale, *parts = (_full(part) for part in parts)
        if self.standard:
            mean, log_scale = ops.zeros_like(mean), ops.zeros_like(log_scale)
        return mean, log_scale, *parts, rest

    def posterior(self, above, features, noise):
        """Latents drawn at `noise`, their log-ratio, and the Gaussians that they are drawn with."""
        prior_mean, prior_log_scale, mean, log_scale, context, _ = above
        mean, log_scale, context = (a + b for a, b in zip((mean, log_scale, context), features, strict=True))
        latents = mean + ops.exp(log_scale) * noise
        minus_log_q = 0.5 * ops.square(noise) + log_scale  # and log(2 pi) / 2, as for p
        if self.flow is not None:
            latents, log_derivatives = self.flow(latents, context)
            minus_log_q = minus_log_q + log_derivatives
        minus_log_p = 0.5 * ops.square((latents - prior_mean) * ops.exp(-prior_log_scale)) + prior_log_scale
        log_ratio = ops.sum(minus_log_q - minus_log_p, axis=(1, 2))
        return latents, log_ratio, (mean, log_scale, prior_mean, prior_log_scale)

    def down(self, x, latents, rest, labels):
        """x for the block below."""
        joined = ops.concatenate([ops.cast(latents, rest.dtype), rest], axis=-1)
        added = self.down_out(ops.elu(joined), labels)
        if self.resamples:
            x = ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
        return (x if self.down_skip is None else self.down_skip(x, labels)) + SCALE * added


@keras.saving.register_keras_serializable(package="qrkeras")
class TopDownNetwork(keras.Model):
    """The network that `top_down` makes. Latents of an image stand in one row, those that are drawn first, first.

    Attributes:
      latent_shapes: of each layer that is random, `(h, w, z)`, the top first.   latent_dim: number of latents, n.
      outputs_shape: of what comes out for an image, `(output_size, output_size, output_channels)`.
    """

    def __init__(
        self,
        image_size,
        channels,
        planes,
        latent_planes,
        blocks,
        stem,
        flow,
        seed,
        output_size=None,
        output_channels=None,
        stem_planes=None,
        random="all",
        top_prior="trained",
        num_classes=None,
        frozen=(),
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        planes, latent_planes, blocks, stem = (tuple(sizes) for sizes in (planes, latent_planes, blocks, stem))
        if not len(planes) == len(latent_planes) == len(blocks) >= 1:
            raise ValueError(
                "planes, latent_planes and blocks must have one number for each resolution. Received: "
                f"planes={planes}, latent_planes={latent_planes}, blocks={blocks}"
            )
        for name, value, known in (("random", random, RANDOM), ("top_prior", top_prior, TOP_PRIORS)):
            if value not in known:
                raise ValueError(f'{name} must be "{known[0]}" or "{known[1]}". Received: {value!r}')
        size, stride = stem
        halvings = stride * 2 ** (len(blocks) - 1)
        if image_size % halvings:
            raise ValueError(
                f"image_size must be a multiple of {halvings}: a stem of stride {stride}, and {len(blocks)} "
                f"resolution(s). Received: {image_size}"
            )
        self.image_shape = (image_size, image_size, channels)
        self._config = {
            "image_size": image_size, "channels": channels, "planes": planes, "latent_planes": latent_planes,
            "blocks": blocks, "stem": stem, "flow": flow, "seed": seed, "output_size": output_size,
            "output_channels": output_channels, "stem_planes": stem_planes, "random": random, "top_prior": top_prior,
            "num_classes": num_classes,
        }  # fmt: skip
        self.num_classes = num_classes
        seeds = layer_seeds(seed, "top_down")
        side = image_size // stride

        def kernels():
            return keras.initializers.RandomNormal(0.0, 0.05, next(seeds))

        stem_planes = planes[0] if stem_planes is None else stem_planes
        options = {"scale": SCALE, "num_classes": num_classes}
        self.stem = WeightNormConv2D(
            stem_planes, size, strides=stride, kernel_initializer=kernels(), **options, dtype=self.dtype_policy
        )
        output_size = image_size if output_size is None else output_size
        kind, strides = _resampling(side, output_size)
        self.outputs_shape = (output_size, output_size, output_channels or channels)
        self.head = kind(
            self.outputs_shape[-1], size, strides=strides, kernel_initializer=kernels(), **options,
            dtype="float32", name="head",
        )  # fmt: skip
        self.blocks, shapes = [], []  # from the image up
        for level, number in enumerate(blocks):
            for i in range(number):
                resamples = level > 0 and i == 0
                outer = self.blocks[-1].planes if self.blocks else stem_planes
                topmost = len(self.blocks) == sum(blocks) - 1
                options = {
                    "topmost": topmost, "flow": flow and (topmost or random == "all"), "seeds": seeds,
                    "standard": topmost and top_prior == "standard", "num_classes": num_classes,
                    "name": f"block_{len(self.blocks)}",
                }  # fmt: skip
                sizes = planes[level], latent_planes[level], outer, resamples
                self.blocks.append(_Block(*sizes, **options, dtype=self.dtype_policy))
                shapes.append((side // 2**level, side // 2**level, latent_planes[level]))
        self._shapes = shapes[::-1]
        self.latent_shapes = self._shapes if random == "all" else self._shapes[:1]
        self.latent_dim = sum(math.prod(shape) for shape in self.latent_shapes)
        self.flow = flow
        self.build((None, *self.image_shape))
        for name in frozen:
            getattr(self, name).trainable = False

    def build(self, input_shape):
        self.stem.build(input_shape)
        for block, (side, _, _) in zip(self.blocks, self._shapes[::-1], strict=True):
            block.build(side)
        side = self.image_shape[0] // self.stem.strides
        self.head.build((None, side, side, self.stem.filters))
        self.top = self.add_weight(shape=(self.blocks[-1].planes,), initializer="zeros", name="top", autocast=False)
        self.built = True

    @functools.cached_property
    def encoder(self):
        """What leads up, and the posteriors' flows, as one part."""
        return _Pass([self.stem, *(layer for block in self.blocks for layer in block.upward)], name="encoder")

    @functools.cached_property
    def decoder(self):
        """What leads down, from the trained vector to the head, as one part."""
        layers = [layer for block in reversed(self.blocks) for layer in block.downward]
        return _Pass([*layers, self.head], [self.top], name="decoder")

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, noise, labels=None):
        """`infer`, in one call."""
        return self.infer(self.features(images, labels), noise, labels)

    def features(self, images, labels=None):
        """What posteriors take from images `(batch, image_size, image_size, channels)` in [-1, 1]: it has no noise."""
        x, found = self.stem(images, labels), []
        for block in self.blocks:
            features, x = block.up(x, labels)
            found.append(features)
        return found[::-1]

    def infer(self, features, noise, labels=None):
        """Draws from the posteriors, at standard normal `noise` `(batch, n)`.

        Returns: `Inferred`.
        """
        ratios, gaussians, given = [], [], list(zip(features, self._cut(noise)))

        def drawn(block, above, layer):
            latents, log_ratio, gaussian = block.posterior(above, *given[layer])
            ratios.append(log_ratio)
            gaussians.append(gaussian)
            return latents

        latents, outputs = self._descend(noise, labels, drawn)
        return Inferred(latents, ops.concatenate(ratios, axis=-1), gaussians, outputs)

    def generate(self, noise, labels=None):
        """Draws from the priors, at standard normal `noise` `(batch, n)`: latents `(batch, n)`, outputs."""
        given = self._cut(noise)
        return self._descend(noise, labels, lambda block, above, layer: above[0] + ops.exp(above[1]) * given[layer])

    def decode(self, latents, labels=None):
        """Outputs of latents `(batch, n)`."""
        given = self._cut(latents)
        return self._descend(latents, labels, lambda block, above, layer: given[layer])[1]

    def _descend(self, rows, labels, drawn):
        """The pass down, of as many rows as `rows`; `drawn(block, above, layer)` tells where latents come from."""
        side, _, _ = self._shapes[0]
        x = ops.cast(
            ops.broadcast_to(self.top, (ops.shape(rows)[0], side, side, self.top.shape[0])), self.compute_dtype
        )
        found = []
        for layer, block in enumerate(reversed(self.blocks)):
            above = block.prior(x, labels)
            if layer < len(self.latent_shapes):
                latents = drawn(block, above, layer)
                found.append(ops.reshape(latents, (-1, math.prod(self.latent_shapes[layer]))))
            else:
                latents = above[0]
            x = block.down(x, latents, above[-1], labels)
        return ops.concatenate(found, axis=-1), self.head(ops.elu(x), labels)

    def _cut(self, rows):
        """`(batch, n)` by layer: list of `(batch, h, w, z)`."""
        *sizes, _ = (math.prod(shape) for shape in self.latent_shapes)
        parts = _parts(rows, *sizes) if sizes else [rows]
        return [ops.reshape(part, (-1, *shape)) for part, shape in zip(parts, self.latent_shapes, strict=True)]

    def get_config(self):
        frozen = [name for name in ("encoder", "decoder") if not getattr(self, name).trainable]
        return {**super().get_config(), **self._config, "frozen": frozen}


def _resampling(side, wanted):
    """The convolution that leads from a side to another, and its stride."""
    if wanted >= 1 and wanted % side == 0:
        return WeightNormConv2DTranspose, wanted // side
    if wanted >= 1 and side % wanted == 0:
        return WeightNormConv2D, side // wanted
    raise ValueError(
        f"output_size must be a multiple or a divisor of the finest resolution, {side}. Received: {wanted}"
    )


def _parts(x, *planes):
    """x cut into parts of so many planes, and what is left."""
    return ops.split(x, np.cumsum(planes).tolist(), axis=-1)


def _full(x):
    return ops.cast(x, "float32")
