"""PixelCNN++ on CIFAR-10, and on digits and photo patches as offline defaults  (Salimans et al. 2017).

    qrkeras train pixelcnnpp-digits
    qrkeras train pixelcnnpp-cifar10

Optimizer, batch and average are those that AGAVE is trained with here, whose PixelCNN++ this is without its condition:
what the two are compared in is the condition alone.
"""

from qrkeras.families.optimizers import Adamax
from qrkeras.families.papers import Published
from qrkeras.families.pixels.schema import PixelCnnPp, PixelPlusPreset
from qrkeras.families.preset import AS_PIXELIQN, SILENT, Data, made_small

CODE = "PixelCNN++, authors' code"
SOURCES = {
    **SILENT,
    **AS_PIXELIQN,
    "data": "PixelCNN++, Section 3",
    "data.image_size": "PixelCNN++, Section 3: 32 x 32",
    "network": f"{CODE}: 5 blocks on each of 3 resolutions, 160 planes, 10 logistics",
    "network.levels": "PixelCNN++, Section 2.1: grey levels of uint8",
    "network.dropout": "PixelCNN++, Section 2.5; the code: 0.5",
    "optimizer": "Choice: Adamax, 0.002 without decay, as AGAVE's; the code has Adam, 0.001 times 0.999995 a step",
    "class_conditional": "Choice: without classes",
    "average_decay": f"{CODE}: 0.9995; Choice: a warm-up (`models.average`)",
    "batch_size": "Choice: 64, as AGAVE's; the code has 12 on each of 8 GPUs",
    "steps": "Choice: as AGAVE's",
}
CIFAR10 = PixelPlusPreset(
    data=Data("cifar10", 32),
    network=PixelCnnPp(planes=160, blocks=5, resolutions=3, components=10, dropout=0.5),
    optimizer=Adamax(0.002),
    batch_size=64,
    steps=400_000,
    log_every=100,
    sample_every=5_000,
    checkpoint_every=1_000,
    steps_per_execution=1,
    evaluate_every=100_000,
    evaluate_samples=10_000,
    evaluate_references=10_000,
    sources=SOURCES,
)


def _offline(data, features, planes, resolutions, levels):
    """One block at each resolution, for minutes on a laptop."""
    fields = (
        "data", "data.image_size", "network", "network.dropout", "optimizer", "average_decay", "batch_size", "steps",
        "evaluate_every", "evaluate_samples",
    )  # fmt: skip
    return made_small(
        CIFAR10,
        fields,
        {"network.levels": "Choice: those of the data"},
        data=data,
        network=PixelCnnPp(planes, blocks=1, resolutions=resolutions, components=5, levels=levels, dropout=0.3),
        optimizer=Adamax(0.004),
        average_decay=0.999,
        batch_size=32,
        steps=3_000,
        sample_every=500,
        evaluate_every=1_000,
        evaluate_samples=2_000,
        evaluate_features=features,
    )


PRESETS = {
    "pixelcnnpp-digits": _offline(Data("digits"), "digits-cnn", planes=16, resolutions=2, levels=17),
    "pixelcnnpp-photo-patches": _offline(
        Data("photo-patches", 16), "cifar10-cnn", planes=24, resolutions=3, levels=256
    ),
    "pixelcnnpp-cifar10": CIFAR10,
}
MADE_SMALL = Published("Choice: PixelCNN++ of CIFAR-10 made small, for minutes on a laptop")
PUBLISHED = {
    "pixelcnnpp-digits": MADE_SMALL,
    "pixelcnnpp-photo-patches": MADE_SMALL,
    "pixelcnnpp-cifar10": Published("PixelCNN++, Table 1", "bits per dimension", 2.92, "of the test images, exact"),
}
