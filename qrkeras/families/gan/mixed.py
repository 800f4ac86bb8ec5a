"""BGAN, M-BGAN, mixup GAN and what they are compared with  (Lucas's thesis, chapter 4).

    qrkeras train bgan-squares
    qrkeras train mbgan-cifar10

Squares and circles are a grid and a ring of Gaussians, mixup's toy sets: here Grid-25 and Ring-8. On images all methods
have one network, the simple SNGAN of Miyato 2018 (Table 3 there).
"""

import dataclasses

from qrkeras.families.gan.schema import BatchSmoothing, GanPreset, Hinge, Mixup, Mlp, NonSaturating, Sngan, Wasserstein
from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import SILENT, Data, with_sources

POINTS = "Lucas, Section 4.5.1"
CIFAR10 = "Lucas, Section 4.5.2"
CELEBA = "Lucas, Section 4.5.3"
NOT_PART = "not part of the method"

SOURCES = {
    **SILENT,
    "update": "Choice: the discriminator first; the chapter counts its updates apart",
    "weight_clip": NOT_PART,
    "gradient_penalty": NOT_PART,
    "precision": "Choice: the chapter is silent",
}


def _both(source, **fields):
    """Sources of both optimizers alike."""
    names = ("generator_optimizer", "discriminator_optimizer")
    return dict.fromkeys(names, source) | {f"{n}.{field}": cited for n in names for field, cited in fields.items()}


def _points(data):
    """Four methods on one mixture."""
    adam = Adam(learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    plain = GanPreset(
        data=Data(data),
        network=Mlp(width=512, hidden_layers=3, activation="relu"),
        loss=NonSaturating(),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        batch_size=128,
        latent_dim=2,
        prior="normal",
        update="alternating",
        discriminator_steps=5,
        steps=20_000,
        log_every=100,
        sample_every=(10, 100, *range(1_000, 20_001, 1_000)),
        checkpoint_every=5_000,
        steps_per_execution=10,
        sources={
            **SOURCES,
            **_both(f"{POINTS}: Adam's default parameters", epsilon="Choice: Adam's own (Kingma & Ba 2015)"),
            **dict.fromkeys(
                ("evaluate_every", "evaluate_samples", "evaluate_references", "evaluate_features"), "not for points"
            ),
            "data": "Zhang 2018's toy sets; Choice: Grid-25 and Ring-8",
            "data.image_size": "no images",
            "data.directory": "generated",
            "network": POINTS,
            "network.kernel_initializer": "Choice: Keras' default, the chapter is silent",
            "network.equivariant": NOT_PART,
            "loss": "Goodfellow 2014",
            "latent_dim": POINTS,
            "prior": POINTS,
            "batch_size": "Zhang 2018",
            "discriminator_steps": POINTS,
            "steps": "Lucas, Fig. 4.3",
            "sample_every": "Lucas, Fig. 4.3; Choice: and every thousand steps",
        },
    )
    whole = dataclasses.replace(plain.network, equivariant=True)
    cited = {"network.equivariant": "Lucas, eqs. 4.10 and 4.11"}
    return {
        "nsgan": plain,
        "mixup": with_sources(plain, {"loss": "Zhang 2018: Beta(0.2, 0.2)"}, loss=Mixup(0.2)),
        **{
            name: with_sources(
                plain,
                {**cited, "loss": f"Lucas, eq. {equation}", "loss.smoothing": "Lucas, Fig. 4.3"},
                loss=BatchSmoothing(0.3, average),
                network=whole,
            )
            for name, average, equation in (("bgan", "outputs", "4.13"), ("mbgan", "losses", "4.14"))
        },
    }


def _images(data, steps, sources, **changes):
    """Seven methods on one set of images; `steps` is the sum of all updates of both networks."""
    adam = Adam(learning_rate=2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
    mixed = {
        "data": data,
        "network": Sngan(batch_features="equivariant"),
        "loss": BatchSmoothing(0.5, "losses"),
        "generator_optimizer": adam,
        "discriminator_optimizer": adam,
        "batch_size": 64,
        "latent_dim": 128,
        "prior": "normal",
        "update": "alternating",
        "discriminator_steps": 1,
        "steps": steps // 2,
        "log_every": 100,
        "sample_every": 5_000,
        "checkpoint_every": 1_000,
        "steps_per_execution": 10,
        "evaluate_every": 10_000,
        "evaluate_samples": 5_000,
        "evaluate_references": 10_000,
    }
    cited = {
        **SOURCES,
        **_both(f"{CIFAR10}: as Miyato 2018", epsilon="Choice: Adam's own (Kingma & Ba 2015)"),
        "data": CIFAR10,
        "data.image_size": CIFAR10,
        "network": f"{CIFAR10}: the simple architecture of Miyato 2018, Table 3; Choice: as `networks.sngan` says",
        "network.batch_features": "Lucas, eqs. 4.10 and 4.12",
        "network.spectral_norm": "Choice: without; the network with spectral normalisation is a row of its own",
        "loss": "Lucas, eq. 4.14",
        "loss.smoothing": f"{CIFAR10}: searched over [0.2, 0.5]; Choice: 0.5",
        "latent_dim": "Miyato 2018",
        "prior": "Miyato 2018",
        "batch_size": "Miyato 2018",
        "discriminator_steps": f"{CIFAR10}: searched over 1 to 5; Choice: 1",
        "steps": f"{CIFAR10}: 400,000 updates of both networks together",
        "evaluate_samples": "Miyato 2018: 5,000",
        "evaluate_references": "Miyato 2018: 10,000",
        "evaluate_features": "Inception, as Miyato 2018",
        **sources,
    }
    mbgan = GanPreset(**{**mixed, **changes}, sources=cited)
    plain = _alone(mbgan)
    penalised = {"gradient_penalty": "Gulrajani 2017, 1-centred; Choice: of the logit"}
    return {
        "mbgan": mbgan,
        "bgan": with_sources(mbgan, {"loss": "Lucas, eq. 4.13"}, loss=BatchSmoothing(0.5, "outputs")),
        "bgan-pure": with_sources(
            mbgan,
            {"loss": "Lucas, eq. 4.1", "loss.smoothing": "Lucas, Fig. 4.5 and 4.6: pure batches"},
            loss=BatchSmoothing(0.0, "outputs"),
        ),
        "sngan": with_sources(
            plain, {"network.spectral_norm": "Miyato 2018, Algorithm 1"}, network=Sngan(spectral_norm=True)
        ),
        "gan-gp": with_sources(plain, penalised, gradient_penalty=10.0),
        "wgan-gp-sngan": with_sources(
            plain,
            {
                **penalised,
                "loss": "Arjovsky 2017; Gulrajani 2017",
                "discriminator_steps": "Gulrajani 2017: five",
            },
            loss=Wasserstein(),
            gradient_penalty=10.0,
            discriminator_steps=5,
            steps=steps // 6,
        ),
        "minibatch": with_sources(
            plain,
            {"network.batch_features": "Salimans 2016; Lucas, Section 4.5.2: before the last layer"},
            network=Sngan(batch_features="minibatch"),
        ),
    }


def _alone(mbgan):
    """The plain GAN, whose discriminator sees one example at a time."""
    cited = {"network.batch_features": NOT_PART, "loss": "Goodfellow 2014"}
    sources = {field: source for field, source in mbgan.sources.items() if not field.startswith("loss.")}
    return dataclasses.replace(mbgan, network=Sngan(), loss=NonSaturating(), sources={**sources, **cited})


def _digits():
    choices = (
        *("data", "data.image_size", "steps", "sample_every", "evaluate_every", "evaluate_samples", "network"),
        *("evaluate_references", "network.width"),
    )
    return _images(
        Data("digits"),
        steps=8_000,
        sources={
            **dict.fromkeys(choices, "Choice: minutes on a laptop"),
            "evaluate_features": "Choice: shipped",
        },
        sample_every=500,
        evaluate_every=500,
        evaluate_references=50_000,
        evaluate_features="digits-cnn",
    )


_CELEBA = Adam(learning_rate=1e-4, beta_1=0.0, beta_2=0.9, epsilon=1e-8)
_STL10 = {"data": CELEBA, "data.image_size": "Miyato 2018: 48 x 48", "network": f"{CELEBA}: as Miyato 2018 does for it"}
IMAGES = {
    "digits": _digits(),
    "cifar10": _images(Data("cifar10", 32), 400_000, {}),
    "stl10": _images(Data("stl10", 48), 400_000, _STL10),
    "celeb_a": _images(
        Data("celeb_a", 64),
        132_000,
        {
            **_both(CELEBA, epsilon="Choice: Adam's own (Kingma & Ba 2015)"),
            "data": CELEBA,
            "data.image_size": 'Choice: 64 x 64; Section 4.5.3: "the increased resolution"',
            "network": f"{CELEBA}: a layer more in both networks; Choice: as `networks.sngan` says",
            "discriminator_steps": CELEBA,
            "loss.smoothing": CELEBA,
            "steps": "Lucas, Fig. 4.5: after 66,000 iterations",
        },
        generator_optimizer=_CELEBA,
        discriminator_optimizer=_CELEBA,
    ),
}
IMAGES["celeb_a"]["nsgan"] = _alone(IMAGES["celeb_a"]["mbgan"])
IMAGES["stl10"]["sngan-hinge"] = with_sources(
    IMAGES["stl10"]["sngan"], {"loss": "Miyato 2018, eq. 16; Lucas, Table 4.2"}, loss=Hinge()
)
POINT_SETS = {"squares": _points("grid25"), "circles": _points("ring8")}
PRESETS = {f"{method}-{data}": p for data, methods in {**POINT_SETS, **IMAGES}.items() for method, p in methods.items()}

# Lucas, Tables 4.1 and 4.2; those of WGAN-GP, GAN-GP and SN are Miyato's.
FID = {
    "cifar10": {
        "wgan-gp-sngan": 40.2, "gan-gp": 37.7, "sngan": 29.3, "minibatch": 35.0, "bgan": 36.5, "mbgan": 23.7,
    },
    "stl10": {"wgan-gp-sngan": 55, "mbgan": 51, "sngan": 47.5, "sngan-hinge": 43.2},
}  # fmt: skip
PROTOCOL = "of 5,000 samples against 10,000 images (Lucas, Tables 4.1 and 4.2; Choice: as Miyato 2018 counts)"


def _published(method, data):
    if data in POINT_SETS:
        return Published("Lucas, Section 4.5.1", "pictures (Fig. 4.3) and no figure")
    if data == "digits":
        return Published("Choice: the values of Lucas, Section 4.5.2, on digits")
    source = f"Lucas, Section {'4.5.2' if data == 'cifar10' else '4.5.3'}"
    if data == "celeb_a":
        return Published(source, "pictures (Fig. 4.5) and no figure")
    value = FID[data].get(method)
    return Published(source) if value is None else Published(source, "FID", value, PROTOCOL)


PUBLISHED = {
    f"{method}-{data}": _published(method, data)
    for data, methods in {**POINT_SETS, **IMAGES}.items()
    for method in methods
}
