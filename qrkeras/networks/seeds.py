"""Seeds for the layers of a network."""

import itertools
import random


def layer_seeds(seed, network):
    """Endless stream of one seed per layer, drawn from `seed` and the name of the architecture.

    Two architectures built with the same `seed` share no layer seed. `seed=None` leaves every layer
    to `keras.utils.set_random_seed`.
    """
    if seed is None:
        return itertools.repeat(None)
    stream = random.Random(f"{network} {seed}")
    return (stream.getrandbits(31) for _ in itertools.count())
