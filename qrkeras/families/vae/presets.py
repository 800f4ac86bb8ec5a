"""VAE and AIQN-VAE on CelebA, and on CIFAR-10 and digits  (AIQN, Supplement: "AIQN-VAE").

    qrkeras train aiqnvae-digits
    qrkeras train aiqnvae-celeb_a

The supplement changes an implementation, github.com/LynnHo/VAE-Tensorflow (its footnote 4), and says what it changes;
what it leaves alone is taken from there, and cited as footnote 4; its loss, squared errors plus 2 KL, is that of the
presets called squared.
"""

import dataclasses

from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import AS_PIXELIQN, SILENT, Data
from qrkeras.families.vae.schema import Aiqn, ConvVae, VaePreset

SOURCES = {
    **SILENT,
    **AS_PIXELIQN,
    "data": "AIQN, Supplement, CelebA",
    "data.image_size": "AIQN, Supplement, CelebA: 64 x 64",
    "network": "AIQN, Supplement, footnote 4: convolutions; Choice: as `networks.vae_encoder` says",
    "network.width": "AIQN, Supplement, footnote 4",
    "network.hidden_layers": "AIQN, Supplement, footnote 4",
    "latent_dim": "AIQN, Supplement, CelebA",
    "likelihood": "Choice: the supplement is silent, footnote 4 has squared errors (the presets called squared)",
    "importance_samples": "Choice: the ELBO",
    "levels": "Choice: grey levels of uint8",
    "optimizer": "AIQN, Supplement, footnote 4: Adam, 2e-4, beta_1 0.5; the rest Keras' defaults",
    "batch_size": "AIQN, Supplement, footnote 4",
    "steps": "AIQN, Supplement, CelebA",
}
AIQN_SOURCES = {
    "aiqn": "AIQN, Supplement, CelebA",
    "aiqn.kappa": "Choice: PixelIQN's; the supplement names none for latents",
    "aiqn.average_decay": "AIQN, Supplement: Polyak averaging; Choice: PixelIQN's decay and warm-up",
    "aiqn.stop_gradient": 'Choice: it "models the training distribution over latent codes"',
    "kl_weight": "AIQN, Supplement, CelebA: for the AIQN-VAE, but not the VAE",
    "latent_variance": "AIQN, Supplement, CelebA; Choice: of the noise",
}
VAE_SOURCES = {"aiqn": "VAE", "kl_weight": "VAE (Kingma & Welling 2014)", "latent_variance": "VAE"}


def _presets(data, hidden_layers, width=64, aiqn=Aiqn(width=512, hidden_layers=3), sources=None, **changes):  # noqa: B008
    """The VAE, and the AIQN-VAE that differs from it as the supplement says."""
    fields = {
        "data": data,
        "network": ConvVae(width, hidden_layers),
        "latent_dim": 32,
        "optimizer": Adam(2e-4, beta_1=0.5, beta_2=0.999),
        "batch_size": 64,
        "steps": 200_000,
        "log_every": 100,
        "sample_every": 5_000,
        "checkpoint_every": 1_000,
        "steps_per_execution": 10,
        "evaluate_every": 20_000,
        "evaluate_samples": 10_000,
        "evaluate_references": 10_000,
        **changes,
    }
    vae = VaePreset(aiqn=None, kl_weight=1.0, latent_variance=1.0, **fields)
    aiqnvae = VaePreset(aiqn=aiqn, kl_weight=0.5, latent_variance=0.1, **fields)
    sources = {**SOURCES, **(sources or {})}
    vae = dataclasses.replace(vae, sources={**VAE_SOURCES, **_without(sources, "aiqn")})
    aiqnvae = dataclasses.replace(aiqnvae, sources={**AIQN_SOURCES, **sources})
    return {
        f"vae-{data.name}": vae,
        f"aiqnvae-{data.name}": aiqnvae,
        f"vae-squared-{data.name}": _squared(vae, 2.0, "AIQN, Supplement, footnote 4"),
        f"aiqnvae-squared-{data.name}": _squared(aiqnvae, 0.5, "AIQN, Supplement, CelebA"),
    }


def _squared(preset, kl_weight, source):
    """The preset with the loss of the implementation that the supplement changes, and the weights that belong to it."""
    cited = {"likelihood": "AIQN, Supplement, footnote 4: squared errors, tanh", "kl_weight": source}
    return dataclasses.replace(
        preset, likelihood="squared_error", kl_weight=kl_weight, sources={**preset.sources, **cited}
    )


def _without(sources, part):
    return {field: source for field, source in sources.items() if field.partition(".")[0] != part}


def _cifar10():
    choices = {
        "data": "Choice: as for PixelIQN",
        "data.image_size": "Choice: as for PixelIQN: 32 x 32",
        "network.hidden_layers": "Choice: 32 / 2**3 = 4, as CelebA's 64 / 2**4",
        "latent_dim": "Choice: CelebA's",
        "steps": "Choice: CelebA's",
    }
    return _presets(Data("cifar10", 32), hidden_layers=3, sources=choices)


def _digits():
    fields = ("data", "data.image_size", "network", "network.width", "network.hidden_layers", "latent_dim", "optimizer")
    fields += ("aiqn.average_decay", "steps", "evaluate_every", "evaluate_samples")
    return _presets(
        Data("digits"),
        hidden_layers=1,
        width=32,
        aiqn=Aiqn(width=512, hidden_layers=3, average_decay=0.999),
        optimizer=Adam(1e-3, beta_1=0.9, beta_2=0.999),
        steps=4_000,
        sample_every=500,
        evaluate_every=1_000,
        evaluate_samples=5_000,
        evaluate_references=50_000,
        evaluate_features="digits-cnn",
        sources={
            **dict.fromkeys(fields, "Choice: minutes on a laptop"),
            "evaluate_features": "Choice: shipped",
            "evaluate_references": "Choice: all training images",
        },
    )


DIGITS, CIFAR10, CELEB_A = _digits(), _cifar10(), _presets(Data("celeb_a", 64), hidden_layers=4)
PRESETS = {**DIGITS, **CIFAR10, **CELEB_A}
PUBLISHED = {
    **dict.fromkeys(DIGITS, Published("Choice: AIQN's values for CelebA made small, for minutes on a laptop")),
    **dict.fromkeys(CIFAR10, Published("Choice: AIQN's values for CelebA, on CIFAR-10")),
    **{
        name: Published('AIQN, Supplement, "AIQN-VAE"', "pictures and no figures (AIQN, Supplement)")
        for name in CELEB_A
    },
}
