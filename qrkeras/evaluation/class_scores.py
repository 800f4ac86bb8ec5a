"""GAN-train and GAN-test: do generated images teach and show their classes?  (Shmelkov 2018; Lucas 2020, 5.6.1)"""

import dataclasses
import math

import numpy as np

from qrkeras.features import accuracy, fit_classifier

WIDTHS = (64, 128, 256)


@dataclasses.dataclass(frozen=True)
class ClassScores:
    """Accuracies of one classifier architecture, trained equally long on equally many images.

    `gan_train`: trained on generated images, tested on held-out real ones; falls where classes lack variety.
    `gan_test`: trained on real images, tested on generated ones; falls where images do not show their class.
    `real`: trained on real images, tested on held-out real ones; what the two are to be compared with.
    """

    gan_train: float
    gan_test: float
    real: float
    samples: int


def class_scores(generated, train, test, num_classes, epochs=30, flip=True, seed=0, verbose=1):
    """`ClassScores` of a class-conditional generator.

    Args:
      generated, train, test: pairs of uint8 images `(n, size, size, channels)` and int labels `(n,)`. Of the larger
        of `generated` and `train` only as many as of the smaller are used, drawn at random, since either may lie
        sorted by class.
      num_classes: labels lie below it.   epochs: of each classifier's training.
      flip: mirror images in training; not for digits and letters.   seed: int.   verbose: Keras' own.
    Raises:
      ValueError: where images or labels do not fit each other.
    """
    samples = min(len(generated[0]), len(train[0]))
    generated, train = [_draw(pair, samples, seed) for pair in (generated, train)]
    widths = WIDTHS[: max(1, int(math.log2(train[0].shape[1])) - 1)]  # an image of 8 pixels is halved twice
    options = {"widths": widths, "flip": flip, "seed": seed, "verbose": verbose}
    taught_by_real = fit_classifier(*train, num_classes, epochs, **options)
    taught_by_generated = fit_classifier(*generated, num_classes, epochs, **options)
    return ClassScores(
        gan_train=accuracy(taught_by_generated, *test),
        gan_test=accuracy(taught_by_real, *generated),
        real=accuracy(taught_by_real, *test),
        samples=samples,
    )


def _draw(pair, samples, seed):
    """`samples` of the images with their labels."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(pair[0]))[:samples])
    return [np.asarray(part)[rows] for part in pair]
