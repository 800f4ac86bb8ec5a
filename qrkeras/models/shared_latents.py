"""Images that share their latents: what the decoder says of these, and draws of what it leaves open."""

import functools

import numpy as np
from keras import ops

from qrkeras.models.batches import all_batches
from qrkeras.models.latent import given
from qrkeras.models.noise import sample_seeds
from qrkeras.models.over_hierarchy import OverHierarchy
from qrkeras.models.saved_model import compiled


class SharedLatents(OverHierarchy):
    """A model over a hierarchy that draws images of given latents in two ways: `BOUNDED_WAY` draws them by the
    likelihood, at levels of their values, the other is what the decoder means.

    A subclass gives the equation

        images_by(way, outputs, tau)    # uint8 images of the hierarchy's outputs, at levels tau of the images' shape

    A draw takes the levels of its latents, and behind them those of its values.
    """

    def __init__(self, example_shape, latent_dim, seed=0, **kwargs):
        super().__init__(example_shape, latent_dim, seed, **kwargs)
        self.noise_shape = (latent_dim + self.num_values,)
        latents, seeds = ((None, latent_dim), "float32"), ((None, 2), "int32")
        labels = [] if self.num_classes is None else [((None,), "int32")]
        self.latents_function = compiled(self._latents, seeds, *labels)
        self.decode_functions = {
            way: compiled(functools.partial(self._decode_by, way), latents, seeds, *labels) for way in self.WAYS
        }

    def of_values(self, tau):
        """Levels of an image's values, `(batch, height, width, channels)`, of the noise of a draw."""
        return ops.reshape(tau[:, self.latent_dim :], (-1, *self.example_shape))

    def draws(self, n, draws=8, seed=0, batch_size=64, labels=None):
        """What the decoder says of n draws of latents, and images drawn of each: what they share is what z tells.

        Args: labels: an int or `(n,)`, where the model has classes; None: the classes in turn.
        Returns: NumPy array `(n, 1 + draws, height, width, channels)` uint8, the decoder's first.
        """
        if labels is None and self.num_classes is not None:
            labels = np.arange(n) % self.num_classes
        labels = self.checked_labels(labels, n)
        latents = all_batches(self.latents_function, batch_size, sample_seeds(seed, n), *labels)
        return self._sharing(latents, labels, draws, seed, batch_size)

    def redraw(self, images, draws=8, seed=0, batch_size=64, labels=None):
        """What the decoder says of the codes of uint8 images, and images drawn of each, as of `draws`."""
        codes = self.encode(images, batch_size, *given(labels))
        return self._sharing(codes, self.checked_labels(labels, len(images)), draws, seed, batch_size)

    def _sharing(self, latents, labels, draws, seed, batch_size):
        if draws < 1:
            raise ValueError(f"draws must be at least 1. Received: {draws}")
        meant = next(way for way in self.WAYS if way != self.BOUNDED_WAY)
        n = len(latents)
        means = self.decoded(meant, latents, sample_seeds(seed, n), batch_size, *labels)[:, None]
        latents, *labels = (np.repeat(rows, draws, axis=0) for rows in (latents, *labels))
        drawn = self.decoded(self.BOUNDED_WAY, latents, sample_seeds(seed, n * draws), batch_size, *labels)
        return np.concatenate([means, drawn.reshape(n, draws, *self.example_shape)], axis=1)

    def decoded(self, way, latents, seeds, batch_size, *labels):
        """Images of latents, whose noise is that of `seeds`."""
        return all_batches(self.decode_functions[self._way(way)], batch_size, latents, seeds, *labels)

    def _latents(self, seeds, *labels):
        return self.generate(self.noise_of_seeds(seeds), None, *labels)[0]

    def _decode_by(self, way, latents, seeds, *labels):
        return self.images_by(way, self.outputs(latents, *labels), self.of_values(self.noise_of_seeds(seeds)))
