"""What every generative model shares: a subclass brings equations."""

import functools

import numpy as np
from keras import ops

from qrkeras import kinds
from qrkeras.models import noise
from qrkeras.models.batches import in_batches, shared
from qrkeras.models.feed import require
from qrkeras.models.fitting import TrainedModel
from qrkeras.models.image_checks import check_labels, grey_levels
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature


class GenerativeModel(TrainedModel):
    """A model of examples. All its noise is a function of (seed, step, name, place in the batch).

    A subclass sets what its parts and options are called, `example_shape` and `noise_shape`, and gives two equations:

        measures(batch, noise, training)        # every one of REPORTS: means over the batch
        drawn(noise, labels, way)               # examples; row i from row i

    where `batch.examples` and `batch.labels` are what `fit` was given, and `noise(name)` has a row for each example.
    If `PLAYERS` are several, `measures` also takes `wanted`, the player that is to move, or None for all.

    Attributes:
      noise_shapes: shapes of noises that have another than `noise_shape`, by name.
      WAYS: ways to draw, the default first.   BOUNDED_WAY: the one whose likelihood `bits_per_dim` is or bounds.
      distribution: of the noise, one of `noise.DISTRIBUTIONS`.   batch_size: samples drawn at a time.
      num_classes: number of classes that the model draws by label, or None.

    Args:
      seed: int32, of all noise; two models with the same weights and seed train alike.
    """

    NOISES = ("tau",)
    noise_shapes = {}
    WAYS = ("prior",)
    BOUNDED_WAY = "prior"
    distribution = "levels"
    batch_size = 256

    @property
    def bits_of(self):
        """What bits per dimension are of, in words: figures of different ones do not compare."""
        return f"{self.levels} levels"

    def noise(self, shape, seed):
        """Noise of the model's `distribution`, a pure function of `seed`, int32 `(2,)`."""
        return noise.DISTRIBUTIONS[self.distribution](shape, seed)

    def noise_of_seeds(self, seeds, index=None, name=None):
        """Noise `(batch, *noise_shape)` whose row i depends on row i of `seeds`, int32 `(batch, 2)`, alone.

        An int `index` gives more noise of the same seeds, and so does a `name` of `noise_shapes`: each its own.
        """
        shape = self.noise_shapes.get(name, self.noise_shape)
        return noise.of_seeds(self.noise, shape, seeds, index, None if name is None else self.NOISES.index(name))

    def draw(self, seeds, labels=None, way=None):
        """Samples as a pure function of (weights, seeds, labels): row i depends on seed and label i alone.

        It serves `sample`, evaluation, and exported signatures.

        Args:
          seeds: int32 `(batch, 2)`.   labels: int32 `(batch,)` where the model has classes.
          way: one of `WAYS`; None: the first.
        Returns: `(batch, height, width, channels)` uint8 images, or `(batch, n)` float32 points.
        """
        return self.drawn(self.noise_of_seeds(seeds), labels, self._way(way))

    @functools.cached_property
    def draw_functions(self):
        """`draw`, compiled, by way."""
        inputs = [((None, 2), "int32")] + ([] if self.num_classes is None else [((None,), "int32")])
        return {way: compiled(functools.partial(self.draw, way=way), *inputs) for way in self.WAYS}

    def sample(self, n, seed=0, batch_size=None, *, labels=None, way=None):
        """`n` samples; the i-th is a function of (weights, seed, i, label i, way), whatever n and batch_size.

        Args:
          n: number of samples, at least 1.   seed: int32.
          batch_size: samples drawn at a time; None: as many as suit the model.
          labels: an int or `(n,)`, where the model has classes; None: the classes in turn.
          way: what is drawn through, one of `WAYS`; None: the first.
        Returns: NumPy array `(n, height, width, channels)` uint8, or `(n, d)` float32.
        """
        return np.concatenate(list(self.sample_batches(n, seed, batch_size, labels=labels, way=way)))

    def sample_batches(self, n, seed=0, batch_size=None, *, labels=None, way=None, share=(0, 1)):
        """The same samples as a generator of NumPy arrays, at most `batch_size` each.

        `share=(i, w)`: those that worker i of w draws, as `batches.shared` tells; `n` of all workers' are the samples.
        """
        inputs = [noise.sample_seeds(seed, n)]
        if labels is None and self.num_classes is not None:
            labels = np.arange(n) % self.num_classes
        labels = check_labels("labels", labels, n, self.num_classes)
        if self.num_classes is not None:
            inputs.append(labels)
        function = self.draw_functions[self._way(way)]
        batch_size = self.batch_size if batch_size is None else batch_size
        if share != (0, 1):
            own, batch_size = shared(n, batch_size, share)
            inputs = [rows[own] for rows in inputs]
        return in_batches(function, batch_size, *inputs)

    def _way(self, way):
        if way is None:
            return self.WAYS[0]
        if way not in self.WAYS:
            known, name = " or ".join(f'"{each}"' for each in self.WAYS), type(self).__name__
            hint = f" A {name} has no AIQN; train an AIQNVAE for one." if way == "aiqn" else ""
            raise ValueError(f"way must be {known} for {name}. Received: {way!r}.{hint}")
        return way

    @property
    def kind(self):
        """What examples are: one of `qrkeras.kinds`."""
        return kinds.of(self.example_shape)

    def signatures(self):
        """What an export serves: `sample`, of labels where the model has classes, and `sample_WAY` of other ways.

        Returns: name -> `Signature`.
        """

        def sampler(way):
            def sample(seed, label=None):
                return {self.kind.served[0]: self.draw(seed, self._served_labels(label), way)}

            return Signature(sample, {"seed": ((2,), "int32"), **self._label_input()})

        first, *others = self.WAYS
        return {"sample": sampler(first), **{f"sample_{way}": sampler(way) for way in others}}

    def _label_input(self):
        return {} if self.num_classes is None else {"label": ((), "int32")}

    def _require_levels(self, images):
        """Stops a graph at images of other grey levels than the likelihood is of, as `check_grey_levels` does."""
        if self.levels < 256:
            known = np.isin(np.arange(256), grey_levels(self.levels))
            known = ops.take(ops.convert_to_tensor(known), ops.cast(images, "int32"))
            require(known, f"images must have no more grey levels than levels={self.levels}. Received:", images)

    def _served_labels(self, label):
        if label is not None:
            valid = (label >= 0) & (label < self.num_classes)
            require(valid, f"label must be in 0..{self.num_classes - 1}. Received:", label)
        return label
