"""AGAVE on CIFAR-10, and on digits and photo patches  (Lucas's thesis, chapter 3).

qrkeras train agave-digits
qrkeras train agave-cifar10
"""

from qrkeras.families.agave.schema import AgavePreset, Auxiliary
from qrkeras.families.optimizers import Adamax
from qrkeras.families.papers import Published
from qrkeras.families.pixels.schema import PixelCnnPp
from qrkeras.families.preset import AS_PIXELIQN, SILENT, Data, made_small, with_sources
from qrkeras.families.vae.schema import TopDown

SETUP = "Lucas, Section 3.4.1"
SOURCES = {
    **SILENT,
    **AS_PIXELIQN,
    "data": SETUP,
    "data.image_size": f"{SETUP}: 32 x 32",
    "network": f"{SETUP}: that of Salimans 2017; Choice: as in its authors' code",
    "hierarchy": f"{SETUP}: that of Kingma 2016; Choice: as in its authors' code for 3.11 bits",
    "auxiliary": "Lucas, Section 3.4.2: the image itself",
    "optimizer": f"{SETUP}: Adamax, 0.002, without decay; the rest Keras' defaults",
    "kl_weight": "Lucas, Table 3.1",
    "auxiliary_weight": "Lucas, eq. 3.13",
    "pretrain_steps": f'{SETUP}: "we independently pretrain"; Choice: how long, and in one run',
    "detach": "Lucas, eq. 3.13",
    "average_decay": "Choice: PixelCNN++'s, of its authors' code",
    "batch_size": "Choice: the chapter is silent",
    "steps": "Choice: the chapter is silent",
    "precision": "Choice: the chapter is silent",
}
CIFAR10 = AgavePreset(
    data=Data("cifar10", 32),
    network=PixelCnnPp(planes=160, blocks=5, resolutions=3, components=10, dropout=0.5),
    hierarchy=TopDown(planes=(160,), latent_planes=(32,), blocks=(20,), stem=(5, 2)),
    auxiliary=Auxiliary(),
    optimizer=Adamax(0.002),
    kl_weight=12.0,
    pretrain_steps=200_000,
    batch_size=64,
    steps=400_000,
    log_every=100,
    sample_every=10_000,
    checkpoint_every=1_000,
    steps_per_execution=1,
    evaluate_every=50_000,
    evaluate_samples=10_000,
    evaluate_references=10_000,
    sources=SOURCES,
)
SMALL = ("data", "data.image_size", "network", "hierarchy", "optimizer", "average_decay", "batch_size", "steps")
SMALL += ("pretrain_steps", "kl_weight", "evaluate_every", "evaluate_samples", "sample_every")
DIGITS = made_small(
    CIFAR10,
    SMALL,
    dict.fromkeys(("network.levels", "auxiliary.levels"), "Choice: those of the data"),
    data=Data("digits"),
    network=PixelCnnPp(planes=16, blocks=1, resolutions=2, components=5, levels=17, dropout=0.3),
    hierarchy=TopDown(planes=(32,), latent_planes=(4,), blocks=(2,), stem=(5, 2)),
    auxiliary=Auxiliary(levels=17),
    optimizer=Adamax(0.004),
    kl_weight=2.0,
    pretrain_steps=0,
    average_decay=0.999,
    batch_size=32,
    steps=3_000,
    sample_every=500,
    steps_per_execution=10,
    evaluate_every=3_000,
    evaluate_samples=2_000,
    evaluate_features="digits-cnn",
)
PATCHES = with_sources(
    DIGITS,
    {"network.levels": "Choice: those of the data", "auxiliary": "Lucas, Section 3.4.2: the image itself"},
    data=Data("photo-patches", 16),
    network=PixelCnnPp(planes=24, blocks=1, resolutions=3, components=10, dropout=0.3),
    auxiliary=Auxiliary(),
    kl_weight=8.0,
    pretrain_steps=600,
    steps=1_200,
    evaluate_every=1_200,
    evaluate_samples=500,
    evaluate_features="cifar10-cnn",
)
# As many latents, and another image of x that they are to tell.
AUXILIARIES = {
    "16x16": (Auxiliary(size=16), "Lucas, Section 3.4.5: 16 x 16"),
    "8x8": (Auxiliary(size=8), "Lucas, Section 3.4.5: 8 x 8"),
    "grey": (Auxiliary(levels=16, grey=True), "Lucas, Section 3.4.5: grey of 4 bits"),
    "levels32": (Auxiliary(levels=32), "Lucas, Fig. 3.8: fewer levels"),
}


def _plain(preset):
    """The bound of the image alone: what collapses."""
    alone = {"kl_weight": "Lucas, eq. 3.6: the bound", "auxiliary_weight": "Lucas, Section 3.4.4: no auxiliary loss"}
    return with_sources(preset, alone, kl_weight=1.0, auxiliary_weight=0.0)


PRESETS = {
    "agave-digits": DIGITS,
    "agave-digits-plain": _plain(DIGITS),
    "agave-digits-control": with_sources(
        _plain(DIGITS),
        {"start_from": "Lucas, Section 3.4.4: the auxiliary loss is removed from a trained model"},
        start_from="runs/agave-digits-0",
    ),
    "agave-photo-patches": PATCHES,
    "agave-photo-patches-plain": _plain(PATCHES),
    "agave-cifar10": CIFAR10,
    **{
        f"agave-cifar10-{name}": with_sources(CIFAR10, {"auxiliary": source}, auxiliary=auxiliary)
        for name, (auxiliary, source) in AUXILIARIES.items()
    },
    "agave-imagenet32": with_sources(
        CIFAR10, {"data": "Choice: the chapter has CIFAR-10 alone"}, data=Data("imagenet32", 32)
    ),
}
BITS, BOUND = "bits per dimension", "a bound of 150 samples (Lucas, Table 3.1)"
PUBLISHED = {
    **{
        name: Published("Choice: the values of Lucas, Section 3.4, made small, for minutes on a laptop")
        for name, preset in PRESETS.items()
        if preset.data.name in ("digits", "photo-patches")
    },
    "agave-cifar10": Published("Lucas, Table 3.1", BITS, 2.92, BOUND),
    "agave-cifar10-16x16": Published("Lucas, Section 3.4.5", BITS, 2.94, BOUND),
    "agave-cifar10-8x8": Published("Lucas, Section 3.4.5", BITS, 2.93, BOUND),
    "agave-cifar10-grey": Published("Lucas, Section 3.4.5", BITS, 2.93, BOUND),
    "agave-cifar10-levels32": Published("Lucas, Section 3.4.5 and Fig. 3.8", "a picture (Fig. 3.8) and no figure"),
    "agave-imagenet32": Published("Choice: the values of Lucas, Section 3.4, on small ImageNet"),
}
