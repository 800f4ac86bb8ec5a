"""Layers by name, built on inputs that are drawn anew for each: what tests of layers with kernels share."""

import numpy as np
import tensorflow as tf


class Layers:
    """`builds`: name -> function of options to a layer, and the shape of its inputs."""

    def __init__(self, builds):
        self.builds = builds
        self.rng = np.random.default_rng(0)

    def normal(self, *shape):
        return self.rng.normal(size=shape).astype("float32")

    def built(self, name, **options):
        """The layer called `name`, built, and inputs for it."""
        build, shape = self.builds[name]
        layer = build(**options)
        layer.build(shape)
        return layer, tf.constant(self.normal(*shape))
