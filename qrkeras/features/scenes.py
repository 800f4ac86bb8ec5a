"""The encoder of scenes that comes with the package, and how it was made: from single things, never from captions."""

import keras
import numpy as np

from qrkeras import networks
from qrkeras.data import scenes
from qrkeras.features.classifier import to_float
from qrkeras.features.shipped import load_weights

NAME = "scenes-cnn"
STEPS, BATCH_SIZE, RATE = 2_500, 64, 2e-3
UNSEEN = 10**8  # the first of the scenes that no seed trains on


def train(seed=0, steps=STEPS, verbose=1):
    """The encoder, trained to name colour and kind of the one thing in a scene, from its vector and from the greatest
    activations of its last map; weights are rounded to float16, as they are shipped.

    Returns: encoder, and the classifier that it was trained in.
    """
    keras.utils.set_random_seed(seed)
    encoder = networks.scenes_encoder(seed)
    images = keras.Input((scenes.SIDE, scenes.SIDE, 3))
    _, last, vector = encoder(images)
    greatest = keras.layers.GlobalMaxPooling2D(data_format="channels_last")(last)
    counts = {"colour": len(scenes.COLOURS), "kind": len(scenes.KINDS)}
    outputs = {
        f"{name}_by_{place}": keras.layers.Dense(count, name=f"{name}_by_{place}")(features)
        for place, features in (("vector", vector), ("map", greatest))
        for name, count in counts.items()
    }
    classifier = keras.Model(images, outputs)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(rate), dict.fromkeys(outputs, loss))
    classifier.fit(Singles(seed, list(outputs)), epochs=1, steps_per_epoch=steps, verbose=verbose, shuffle=False)
    encoder.set_weights([weight.astype("float16") for weight in encoder.get_weights()])
    return encoder, classifier


def accuracies(classifier, n=1_000):
    """Shares of n other single things whose colour and kind the classifier of `train` tells, by output."""
    images, colours, kinds = zip(*(scenes.single(UNSEEN + i) for i in range(n)))
    told = classifier.predict(to_float(np.stack(images)), verbose=0)
    true = {"colour": np.array(colours), "kind": np.array(kinds)}
    return {name: float((told[name].argmax(-1) == true[name.partition("_")[0]]).mean()) for name in told}


class Singles(keras.utils.PyDataset):
    """Endless batches of single things; batch k is a function of (seed, k)."""

    def __init__(self, seed, names):
        super().__init__()
        self.seed, self.names = seed, names

    num_batches = None

    def __getitem__(self, index):
        first = (self.seed * STEPS + index) * BATCH_SIZE
        images, colours, kinds = zip(*(scenes.single(i) for i in range(first, first + BATCH_SIZE)))
        targets = {"colour": np.array(colours), "kind": np.array(kinds)}
        return to_float(np.stack(images)), {name: targets[name.partition("_")[0]] for name in self.names}


def load(path=None):
    """The encoder with the weights of `path`; None: those that are shipped.

    Raises:
      ValueError: where the file is missing or damaged.
    """
    encoder = networks.scenes_encoder(name=NAME.replace("-", "_"))
    return load_weights(encoder, NAME, path)
