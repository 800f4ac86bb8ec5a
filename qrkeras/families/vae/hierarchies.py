"""Hierarchical VAEs, their posteriors with an inverse autoregressive flow (IAF) and without  (Kingma et al. 2016).

    qrkeras train iafvae-digits
    qrkeras train iafvae-cifar10

The paper's best model of CIFAR-10 is that of its authors' code, github.com/openai/iaf, whose README has the command
that trains it.
"""

import dataclasses

from qrkeras.families.optimizers import Adamax
from qrkeras.families.papers import Published
from qrkeras.families.preset import AS_PIXELIQN, SILENT, Data, made_small, with_sources
from qrkeras.families.vae.schema import HierarchicalVaePreset, TopDown

CODE = "IAF, authors' code"
SOURCES = {
    **SILENT,
    **AS_PIXELIQN,
    "data": "IAF, Section 6",
    "data.image_size": "IAF, Section 6: 32 x 32",
    "network": f"{CODE}: one resolution of 20 blocks, 160 planes, 32 latent planes, a stem of stride 2",
    "network.flow": "IAF: one step in each block",
    "likelihood": "IAF, Section 6: the discretised logistic",
    "importance_samples": "Choice: the ELBO",
    "optimizer": f"{CODE}: Adamax, 0.002; the rest Keras' defaults",
    "kl_weight": "IAF: the bound",
    "free_nats": f"{CODE}: 0.1 in the model of 3.11 bits",
    "levels": "IAF, Section 6: grey levels of uint8",
    "batch_size": f"{CODE}: 32 on each of 8 GPUs",
    "steps": "Choice: the authors name none",
}
CIFAR10 = HierarchicalVaePreset(
    data=Data("cifar10", 32),
    network=TopDown(planes=(160,), latent_planes=(32,), blocks=(20,), stem=(5, 2)),
    optimizer=Adamax(0.002),
    free_nats=0.1,
    batch_size=256,
    steps=200_000,
    log_every=100,
    sample_every=5_000,
    checkpoint_every=1_000,
    steps_per_execution=1,
    evaluate_every=20_000,
    evaluate_samples=10_000,
    evaluate_references=10_000,
    sources=SOURCES,
)


DEQUANTIZED = {
    "uniform": "Lucas, eq. 2.83: a Gaussian density of values that uniform noise fills up",
    "variational": "Lucas, eq. 2.84: noise of a network that trains jointly (Ho et al. 2019)",
}


def _offline(data, features, **changes):
    """Three resolutions of a block each, the last one so coarse that its latents see the whole image."""
    fields = ("data", "data.image_size", "network", "batch_size", "steps", "evaluate_every", "evaluate_samples")
    return made_small(
        CIFAR10,
        fields,
        {"levels": "Choice: those of the data"},
        data=data,
        network=TopDown(planes=(64, 64, 64), latent_planes=(8, 8, 8), blocks=(1, 1, 1), stem=(3, 2)),
        batch_size=64,
        steps=4_000,
        sample_every=500,
        evaluate_every=1_000,
        evaluate_samples=2_000,
        evaluate_features=features,
        **changes,
    )


DIGITS = _offline(Data("digits"), "digits-cnn", levels=17)
PLAIN = with_sources(
    DIGITS,
    {"network.flow": "Choice: the plain hierarchy, what the flow is compared with"},
    network=dataclasses.replace(DIGITS.network, flow=False),
)
PRESETS = {
    "iafvae-digits": DIGITS,
    "hvae-digits": PLAIN,
    "hvae-iwae-digits": with_sources(
        PLAIN,
        {
            "importance_samples": "Lucas, eq. 2.64: the bound of IWAE; Choice: 5 samples",
            "free_nats": "IWAE: the bound, which nothing may weigh",
        },
        importance_samples=5,
        free_nats=0.0,
    ),
    **{
        f"hvae-{noise}-digits": with_sources(PLAIN, {"likelihood": source}, likelihood=f"dequantized_{noise}")
        for noise, source in DEQUANTIZED.items()
    },
    "iafvae-photo-patches": _offline(Data("photo-patches", 16), "cifar10-cnn"),
    "iafvae-cifar10": CIFAR10,
    "iafvae-imagenet32": with_sources(
        CIFAR10,
        dict.fromkeys(("data", "network", "free_nats", "batch_size"), "Choice: as for CIFAR-10"),
        data=Data("imagenet32", 32),
    ),
}
MADE_SMALL = Published("Choice: IAF's model of CIFAR-10 made small, for minutes on a laptop")
PUBLISHED = {
    **{name: MADE_SMALL for name, preset in PRESETS.items() if preset.data.name in ("digits", "photo-patches")},
    "iafvae-cifar10": Published("IAF, Section 6", "bits per dimension", 3.11, "a bound of 10,000 samples (IAF)"),
    "iafvae-imagenet32": Published("Choice: IAF's values for CIFAR-10, on small ImageNet"),
}
