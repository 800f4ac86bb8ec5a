"""PixelCNN and PixelIQN on CIFAR-10 and small ImageNet, and on digits and photo patches as offline defaults
(AIQN, Supplement: "PixelIQN" and "Hyperparameter Tuning and Evaluation").

    qrkeras train pixeliqn-digits
    qrkeras train pixeliqn-cifar10
"""

import dataclasses

from qrkeras.families.optimizers import Adam, RmsProp
from qrkeras.families.papers import Published
from qrkeras.families.pixels.schema import GatedPixelCnn, PixelPreset
from qrkeras.families.preset import SILENT, Data

SOURCES = {
    **SILENT,
    "data": "AIQN, Section 4",
    "data.image_size": "AIQN, Section 4: 32 x 32",
    "network": "AIQN, Supplement, PixelIQN: the small network",
    "head": "AIQN, Section 4: PixelIQN; van den Oord 2016b: PixelCNN",
    "kappa": "AIQN, Supplement; Choice: in units of pixels in [-1, 1]",
    "class_conditional": "Choice: without classes",
    "average_decay": "AIQN, Supplement; Choice: a warm-up (`models.average`)",
    "batch_size": "AIQN, Supplement",
    "steps": "AIQN, Supplement",
    "evaluate_every": "Choice: the length of its search's trials; the supplement names no interval",
    "evaluate_samples": "AIQN, Supplement",
    "evaluate_references": "AIQN, Supplement: 10,000 training points, not the whole training set",
    "evaluate_features": "AIQN, Supplement: Inception",
}
SMALL = GatedPixelCnn(blocks=15, kernel_size=5, planes=128, output_planes=1024)
LARGE = GatedPixelCnn(blocks=20, kernel_size=5, planes=256, output_planes=1024)
ADAM = (Adam(1e-4, beta_1=0.9, beta_2=0.999), "AIQN, Supplement: Adam, constant 1e-4; betas Keras' defaults")
CONSTANT = (RmsProp(1e-4), "AIQN, Supplement: constant 1e-4, best on ImageNet")
DECAYING = (
    RmsProp(1e-4, ((120_000, 3e-5), (180_000, 1e-5))),
    "AIQN, Supplement: 1e-4 for 120K steps, 3e-5 for 60K, then 1e-5, best on CIFAR-10",
)


def _preset(head, data, network, optimizer, **changes):
    optimizer, optimizer_source = optimizer
    preset = PixelPreset(
        data=data,
        network=network,
        head=head,
        optimizer=optimizer,
        batch_size=32,
        steps=300_000,
        log_every=100,
        sample_every=5_000,
        checkpoint_every=1_000,
        steps_per_execution=1,
        evaluate_every=100_000,
        evaluate_samples=10_000,
        evaluate_references=10_000,
        sources={**SOURCES, "optimizer": optimizer_source},
    )
    sources = changes.pop("sources", {})
    return dataclasses.replace(preset, sources={**preset.sources, **sources}, **changes)


def _paper():
    cifar10, imagenet32 = Data("cifar10", 32), Data("imagenet32", 32)
    large = {"batch_size": 128, "sources": {"network": "AIQN, Supplement, PixelIQN: the large network"}}
    return {
        "pixeliqn-cifar10": _preset("quantile", cifar10, SMALL, ADAM),
        "pixelcnn-cifar10": _preset("softmax", cifar10, SMALL, DECAYING),
        "pixeliqn-imagenet32": _preset("quantile", imagenet32, SMALL, ADAM, steps=400_000),
        "pixelcnn-imagenet32": _preset("softmax", imagenet32, SMALL, CONSTANT, steps=400_000),
        "pixeliqn-imagenet32-large": _preset("quantile", imagenet32, LARGE, ADAM, steps=400_000, **large),
        "pixelcnn-imagenet32-large": _preset("softmax", imagenet32, LARGE, CONSTANT, steps=400_000, **large),
    }


def _offline():
    """Small networks for minutes on a laptop: both heads alike in size, time and data."""
    network = GatedPixelCnn(blocks=4, kernel_size=5, planes=48, output_planes=128)
    adam = (Adam(1e-3, beta_1=0.9, beta_2=0.999), "Choice: ten times the paper's, for short training")
    choice = "Choice: minutes on a laptop"
    fields = ("data", "network", "average_decay", "batch_size", "steps", "evaluate_every", "evaluate_samples")
    sources = {"evaluate_features": "Choice: shipped", "evaluate_references": "Choice: all training images"}
    options = {
        "steps": 3_000,
        "average_decay": 0.999,
        "sample_every": 500,
        "evaluate_every": 1_000,
        "evaluate_samples": 2_000,
        "evaluate_references": 50_000,
        "sources": {**dict.fromkeys(fields, choice), **sources},
    }
    return {
        f"{name}-{data.name}": _preset(head, data, network, adam, evaluate_features=features, **options)
        for data, features in ((Data("digits"), "digits-cnn"), (Data("photo-patches", 16), "cifar10-cnn"))
        for name, head in (("pixeliqn", "quantile"), ("pixelcnn", "softmax"))
    }


OFFLINE, PAPER = _offline(), _paper()
PRESETS = {**OFFLINE, **PAPER}
SOURCE, PROTOCOL = "AIQN, Supplement, PixelIQN", "10,000 samples against 10,000 training images (AIQN)"
PUBLISHED = {
    **dict.fromkeys(OFFLINE, Published("Choice: AIQN's networks made small, for minutes on a laptop")),
    **dict.fromkeys(PAPER, Published(SOURCE)),
    "pixelcnn-cifar10": Published(SOURCE, "FID", 65.93, PROTOCOL),
    "pixeliqn-cifar10": Published(SOURCE, "FID", 49.46, PROTOCOL),
}
