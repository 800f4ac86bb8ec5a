"""Mixtures of Gaussians in the plane  (QRGAN, Section 3.1)."""

import dataclasses

import numpy as np

from qrkeras import kinds
from qrkeras.data.order import check_batches, rows


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Endless points `x = c + std * z`, `c` uniform over the centers, `z ~ N(0, I)`.

    Args:
      name: what errors and logs call it.
      centers: `(K, 2)` float32.
      std: standard deviation of every component.
      split: "train" or "test": two independent streams.
      labels: whether points come with labels `(n,)` int32, the component `c` of each.
    """

    name: str
    centers: np.ndarray
    std: float
    split: str = "train"
    labels: bool = False

    kind = kinds.POINTS
    shape = (2,)
    dtype = "float32"
    size = None
    left_out = ()

    def fingerprint(self):
        """None: these points cannot change."""

    @property
    def num_classes(self):
        return len(self.centers) if self.labels else None

    def sample(self, n, seed, step=0):
        """Points number `step` of the stream `seed`, on the device where it is called.

        Returns: `(n, 2)` float32, a function of its arguments and the split; with labels, the pair
          `(points, labels)`.
        """
        import tensorflow as tf

        # Four keys from one draw: two for each split.
        key = tf.stack([tf.cast(seed, "int64"), tf.cast(step, "int64")])
        keys = tf.unstack(tf.random.split(key, 4))
        choice_key, noise_key = keys[:2] if self.split == "train" else keys[2:]
        choice = tf.random.stateless_uniform((n,), choice_key, maxval=len(self.centers), dtype="int32")
        noise = tf.random.stateless_normal((n, 2), noise_key)
        points = tf.gather(tf.constant(self.centers), choice) + self.std * noise
        return (points, choice) if self.labels else points

    def batches(self, batch_size, seed, start_step=0, share=(0, 1)):
        """Endless dataset whose batch `k` is `sample(batch_size, seed, k)`, from `start_step` on.

        Args:
          share: `(i, n)`: part i of n equal parts of every batch.
        Returns: `tf.data.Dataset` of `(batch_size / n, 2)` float32, or of pairs of these and labels.
        """
        import tensorflow as tf

        check_batches(self, batch_size, seed, start_step)
        own = rows(batch_size, share)

        def batch(step):
            return tf.nest.map_structure(lambda part: part[own], self.sample(batch_size, seed, step))

        return tf.data.Dataset.counter(start_step).map(batch).prefetch(tf.data.AUTOTUNE)

    def evaluation_batches(self, batch_size):
        raise ValueError(
            f"{self.name!r} is endless and has no single pass. Draw as many points as you need with sample(n, seed)."
        )


def ring8(split="train", labels=False):
    """8 Gaussians of standard deviation 0.02 on a circle of radius 2.

    The angles are `2 pi i / 8`, i = 0..7: both ends of `linspace(0, 2 pi, 8)` are one center.
    """
    angles = 2 * np.pi * np.arange(8) / 8
    centers = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Mixture("ring8", centers.astype("float32"), std=0.02, split=split, labels=labels)


def grid25(split="train", labels=False):
    """5 x 5 Gaussians of standard deviation 0.05 with centers from (-4, -4) to (4, 4)."""
    axis = np.linspace(-4, 4, 5)
    centers = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(25, 2)
    return Mixture("grid25", centers.astype("float32"), std=0.05, split=split, labels=labels)
