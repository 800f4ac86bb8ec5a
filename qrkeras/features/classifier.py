"""Small classifiers trained on labelled images: feature networks, and the judges of GAN-train and GAN-test."""

import keras
import numpy as np

from qrkeras import networks

BATCH_SIZE = 512
WHITENING_IMAGES = 5_000


def fit_classifier(images, labels, num_classes, epochs, widths=(64, 128, 256), flip=True, seed=0, verbose=1):
    """Trains `networks.image_classifier` with augmentation.

    Stochastic gradient descent with Nesterov momentum 0.85, peak rate 0.75 on batches of 512 after a warm-up
    over a fifth of the steps, then a cosine to zero  (after Jordan 2024, "94% on CIFAR-10 in 3.29 seconds").
    Labels are smoothed by 0.1. Fewer than 32,768 images come in smaller batches, and the rate shrinks with them.

    Args:
      images: `(n, height, width, channels)` uint8, square, at least 16 of them.   labels: `(n,)` ints
        in [0, num_classes).
      flip: mirror images, alternately from one epoch to the next; not for digits and letters.
      seed: int, of weights, order and augmentation.   verbose: Keras' own.
    Returns: the trained `keras.Model`, from floats in [-1, 1] to logits.
    """
    _check(images, labels, num_classes)
    classifier = networks.image_classifier(images.shape[1], images.shape[-1], num_classes, widths, seed)
    networks.whiten(classifier, to_float(images[:WHITENING_IMAGES]))
    batches = Augmented(images, labels, min(BATCH_SIZE, max(16, len(images) // 64)), flip, seed)
    steps = epochs * len(batches)
    peak = 0.75 * batches.batch_size / BATCH_SIZE
    rate = keras.optimizers.schedules.CosineDecay(
        0.2 * peak, decay_steps=steps - steps // 5, warmup_target=peak, warmup_steps=steps // 5
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.85, nesterov=True, weight_decay=0.0089)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta"])
    classifier.compile(
        optimizer,
        _smoothed_cross_entropy,
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    classifier.fit(batches, epochs=epochs, verbose=verbose, shuffle=False)
    return classifier


def accuracy(classifier, images, labels, batch_size=500):
    """Fraction of uint8 images whose largest logit is their label's."""
    labels = np.asarray(labels)
    right = 0
    for i in range(0, len(images), batch_size):
        logits = classifier.predict_on_batch(to_float(images[i : i + batch_size]))
        right += int((logits.argmax(axis=-1) == labels[i : i + batch_size]).sum())
    return right / len(images)


def to_float(images):
    """uint8 images as float32 in [-1, 1]."""
    return np.asarray(images, "float32") / 127.5 - 1.0


class Augmented(keras.utils.PyDataset):
    """Permuted batches of images, shifted by up to a sixteenth of their size, and flipped where asked.

    A flipped epoch mirrors the images that the epoch before left alone. Batch and augmentation are functions of
    (seed, epoch, index).
    """

    def __init__(self, images, labels, batch_size, flip, seed):
        super().__init__()
        self.size = images.shape[1]
        self.shift = max(1, self.size // 16)
        border = ((0, 0), (self.shift, self.shift), (self.shift, self.shift), (0, 0))
        self.images = np.pad(images, border, mode="reflect")
        self.labels = np.asarray(labels)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.flipped = np.random.default_rng(seed).random(len(images)) < 0.5 if flip else None
        self._permute()

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        random = np.random.default_rng([self.seed, self.epoch, index])
        shifts = random.integers(0, 2 * self.shift + 1, (len(rows), 2))
        windows = np.lib.stride_tricks.sliding_window_view(self.images, (self.size, self.size), axis=(1, 2))
        batch = np.moveaxis(windows[rows, shifts[:, 0], shifts[:, 1]], 1, -1)
        if self.flipped is not None:
            mirrored = self.flipped[rows] ^ (self.epoch % 2 == 1)
            batch = np.where(mirrored[:, None, None, None], batch[:, :, ::-1], batch)
        return to_float(batch), self.labels[rows]

    def on_epoch_end(self):
        self.epoch += 1
        self._permute()

    def _permute(self):
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.images))


def _smoothed_cross_entropy(labels, logits):
    targets = keras.ops.one_hot(labels, logits.shape[-1])
    return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=0.1)


def _check(images, labels, num_classes):
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1] != images.shape[2] or len(images) < 16:
        raise ValueError(
            "images must be at least 16 square images (n, size, size, channels) of uint8. "
            f"Received: shape {images.shape} of {images.dtype}"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be {len(images)} integers, one for each image. "
            f"Received: shape {labels.shape} of {labels.dtype}"
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels must lie in [0, {num_classes}). Received: values from {labels.min()} to {labels.max()}"
        )
