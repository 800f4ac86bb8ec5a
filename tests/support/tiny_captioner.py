"""A captioner of 8 x 8 images, small enough for tests, and captions for it."""

import keras
import numpy as np

from qrkeras import layers, models, networks
from qrkeras.words import Vocabulary

WORDS = ("a", "red", "blue", "circle", "square")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 8, 8, 3)).astype("uint8")
BOXES = np.sort(RNG.uniform(size=(16, 3, 2, 2)), axis=2).reshape(16, 3, 4).astype("float32")
CAPTIONS = [[f"a {RNG.choice(['red', 'blue'])} {RNG.choice(['circle', 'square'])}", "a thing"] for _ in IMAGES]


def encoder(seed=1):
    keras.utils.set_random_seed(seed)
    images = keras.Input((8, 8, 3))
    penultimate = keras.layers.Conv2D(6, 3, 2, "same", activation="relu")(images)
    last = keras.layers.Conv2D(5, 3, padding="same", activation="relu")(penultimate)
    vector = keras.layers.Dense(7)(keras.layers.Flatten()(last))
    return keras.Model(images, [penultimate, last, vector])


def build(area_dim=5, areas=None, thins=False, boxes=False, dropout=0.25, frozen=False, seed=3, **options):
    """The model, compiled; its decoder has 5 area descriptors, or those of `areas`."""
    sizes = {"word_dim": 4, "state_dim": 6, "dropout": dropout, "seed": 2}
    feedback = {} if area_dim else {"feedback": "none"}
    decoder = networks.CaptionDecoder(len(WORDS) + 2, 7, area_dim, **{**sizes, **feedback, **options})
    model = models.Captioner(encoder(), decoder, WORDS, 5, areas, thins, boxes, seed=seed)
    if frozen:
        model.freeze("encoder")
    model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.001))
    return model


def encoded(captions):
    """Captions as ids, `(images, captions, 5)`: what a batch holds."""
    vocabulary = Vocabulary(WORDS)
    return np.array([[vocabulary.encode(caption, 4) for caption in of_one] for of_one in captions], "int32")


def talkative():
    """The model, which does not end its captions at once, whatever it sees: no state makes STOP probable."""
    model = build()
    attention = model.decoder.attention
    attention.word.assign(attention.word + 1)
    attention.words.assign(keras.ops.concatenate([attention.words[:1] - 5, attention.words[1:]]))
    return model


def patches():
    keras.utils.set_random_seed(4)
    return layers.TransformedPatches(5, hidden=3)
