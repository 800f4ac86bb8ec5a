"""What the chapter of AV-ADE claims, and how it is tried on digits and on CIFAR-10 at half its side."""

import functools

from qrkeras.families.ade.presets import TABLE_5_1
from qrkeras.families.bounds import bounds
from qrkeras.families.claim import FID, Claim, Measure, Order, Scale

ARMS = tuple(TABLE_5_1)
BITS = Measure("iwae", "bits per dimension, IWAE, 20 samples", "less")
ELBO = Measure("elbo", "bits per dimension, ELBO", "less")
KL = Measure("kl", "KL of training batches, nats", "more", digits=1)
# The chapter measures on held-out data; 166 held-out digits are too few for a Frechet distance.
HELD_OUT_FID = Measure("FID[{features}] test", "FID, held-out images", "less", digits=2)
SCORE = Measure("IS[{features}]", "Inception score", "more", digits=2)
DIGITS = Claim(
    "ade-digits",
    "With both losses, in the space of an invertible map, a model is near the best bits per dimension and the best FID",
    "Lucas, Table 5.1, of CIFAR-10; Choice: on digits",
    ARMS,
    (FID, BITS, ELBO, KL, SCORE),
    (
        Order(BITS.name, "v-ade", "av-ade"),
        Order(BITS.name, "av-ade", "v-ade", by=-0.3),
        Order(BITS.name, "av-ade", "vae", by=0.9),
        Order(BITS.name, "av-ade", "av-gde", by=0.9),
        Order(BITS.name, "av-ade", "gan", by=1.5),
        *(Order(FID.name, "av-ade", arm) for arm in ("gan", "vae", "v-ade")),
        Order(KL.name, "v-ade", 5.0),
        Order(KL.name, "av-ade", 5.0),
    ),
    {
        "small": Scale(
            "{arm}-ade-digits",
            3,
            says="Digits of 8 x 8, 3,000 steps of 64 images for every variant. Bits are of 256 levels, where digits "
            "have 17, and compare with nothing else. The presets were tuned on seed 0 alone. The GAN's bits are those "
            "of the encoder that trains along, a loose bound, and its samples are means; the others' have the "
            "Gaussian's noise.",
        )
    },
    TABLE_5_1,
    "FID of CIFAR-10 (Inception)",
    measured=dict.fromkeys(ARMS, functools.partial(bounds, importance_samples=20)),
)

# A quarter of the chapter's planes, and three of its four resolutions.
QUARTER = {
    "data.image_size": 16,
    "network.planes": (16, 32, 64),
    "network.latent_planes": (8, 8, 8),
    "network.blocks": (1, 1, 1),
    "network.stem_planes": 16,
    "optimizer.beta_1": 0.5,
    "steps": 2_000,
    "evaluate_every": 2_000,
    "evaluate_samples": 5_000,
    "evaluate_features": "cifar10-cnn",
}
FLOW = {"flow.width": 8, "flow.blocks": 1}
ADVERSARY = {
    "discriminator.planes": (16, 16, 32, 32, 64, 64, 128),
    "discriminator_optimizer.beta_1": 0.5,
    "discriminator_optimizer.learning_rate": 0.004,
    "gradient_penalty": 10.0,
}
SUM = {**ADVERSARY, "adversarial_weight": 50.0}
CIFAR10 = Claim(
    "ade-cifar10",
    "On CIFAR-10, a model with both losses behind an invertible map has most of V-ADE's bits and the best FID",
    "Lucas, Table 5.1",
    ARMS,
    (HELD_OUT_FID, BITS, ELBO, KL, SCORE),
    (
        Order(BITS.name, "v-ade", "av-ade"),
        Order(BITS.name, "av-ade", "v-ade", by=-0.4),
        *(Order(BITS.name, "av-ade", arm) for arm in ("vae", "av-gde", "gan")),
        *(Order(HELD_OUT_FID.name, "av-ade", arm) for arm in ("gan", "av-gde", "v-ade", "vae")),
    ),
    {
        "small": Scale(
            "{arm}-ade-cifar10",
            3,
            QUARTER,
            "Images of 16 x 16, a quarter of the chapter's planes, 2,000 steps of 64 images, rates and penalty as on "
            "digits, w in proportion to the root of the number of values. Bits are means of 500 held-out images. The "
            "GAN's bits are those of the encoder that trains along, and its samples are means; the others' have the "
            "Gaussian's noise.",
            {
                "gan": ADVERSARY,
                "v-ade": FLOW,
                "av-gde": SUM,
                "av-ade": {**FLOW, **SUM},
            },
        ),
        "paper": Scale("{arm}-ade-cifar10", 3),
    },
    TABLE_5_1,
    "FID (Inception)",
    measured=dict.fromkeys(ARMS, functools.partial(bounds, importance_samples=20, first=500)),
)
CLAIMS = (DIGITS, CIFAR10)
