"""What the chapter of AGAVE claims, and how it is tried on digits and photo patches."""

import dataclasses
import functools

from qrkeras.families.agave.figures import decomposed
from qrkeras.families.bounds import exact
from qrkeras.families.claim import Claim, Measure, Order, Scale

LAMBDAS = {f"lambda {weight:g}": weight for weight in (1.0, 2.0, 4.0)}
AGAVES = (*LAMBDAS, "plain")
ARMS = (*AGAVES, "pixelcnnpp")
KL = Measure("kl", "KL, nats", "more", digits=2, arms=AGAVES)
PIXELS = Measure("pixel_bits", "x given z, bits", "less", arms=AGAVES)
AUXILIARY = Measure("auxiliary_bits", "y given z, bits", "less", arms=tuple(LAMBDAS))
ELBO = Measure("elbo", "ELBO of x, bits", "less")
IWAE = Measure("iwae", "IWAE of x, 150 samples, bits", "less")
OTHER = Measure("other_bits", "x under another's f(z), bits more", "more", arms=AGAVES)


def _falling(measure, by=0.0):
    """That the measure falls from each lambda to the next, at first by so much at least."""
    low, middle, high = LAMBDAS
    return Order(measure.name, middle, low, by, "less"), Order(measure.name, high, middle, sense="less")


def _rising(measure):
    """That the measure rises from each lambda to the next."""
    low, middle, high = LAMBDAS
    return Order(measure.name, middle, low, sense="more"), Order(measure.name, high, middle, sense="more")


DIGITS = Claim(
    "agave-digits",
    "With an auxiliary loss AGAVE uses latents that it ignores without, and its bound is on a par with PixelCNN++",
    "Lucas, Sections 3.4.2 to 3.4.4, Table 3.1 and Fig. 3.4, of CIFAR-10; Choice: on digits",
    ARMS,
    (KL, PIXELS, AUXILIARY, ELBO, IWAE, OTHER),
    (
        Order(KL.name, "lambda 2", 5.0, sense="more"),
        Order(OTHER.name, "lambda 2", 0.5, sense="more"),
        Order(KL.name, "plain", 0.2, sense="less"),
        Order(OTHER.name, "plain", 0.01, sense="less"),
        *_falling(ELBO, by=0.1),
        *_falling(KL),
        *_rising(PIXELS),
        *_rising(AUXILIARY),
        Order(IWAE.name, "lambda 2", "pixelcnnpp", by=-0.01),
    ),
    {
        "small": Scale(
            "",
            3,
            {"evaluate_every": None},
            "Digits of 8 x 8 with 17 levels, of which bits are bits a value, means of the held-out images; the lambdas "
            "are those at which so few values leave the latents something. PixelCNN++ has the same network, steps and "
            "batch, and its likelihood is exact.",
            {name: {"kl_weight": weight} for name, weight in LAMBDAS.items() if weight != 2.0},
            {
                **dict.fromkeys(LAMBDAS, "agave-digits"),
                "plain": "agave-digits-plain",
                "pixelcnnpp": "pixelcnnpp-digits",
            },
        )
    },
    measured={**dict.fromkeys(AGAVES, decomposed), "pixelcnnpp": exact},
    against="lambda",
    at=LAMBDAS,
)
# The same of colour, where the first measurements had PixelCNN++ ahead. An IWAE of 150 samples would take longer than
# the training.
PATCH_ARMS = ("lambda 8", "plain", "pixelcnnpp")
PATCH_AGAVES = PATCH_ARMS[:2]
PATCH_IWAE = dataclasses.replace(IWAE, name="IWAE of x, 20 samples, bits")
PATCHES = Claim(
    "agave-photo-patches",
    "On patches of photographs AGAVE uses latents that it ignores without an auxiliary loss, on a par with PixelCNN++",
    "Lucas, Sections 3.4.2 to 3.4.4 and Table 3.1, of CIFAR-10; Choice: on photo patches",
    PATCH_ARMS,
    (
        dataclasses.replace(KL, arms=PATCH_AGAVES),
        dataclasses.replace(PIXELS, arms=PATCH_AGAVES),
        dataclasses.replace(AUXILIARY, arms=PATCH_ARMS[:1]),
        ELBO,
        PATCH_IWAE,
        dataclasses.replace(OTHER, arms=PATCH_AGAVES),
    ),
    (
        Order(KL.name, "lambda 8", "plain", sense="more"),
        Order(OTHER.name, "lambda 8", "plain", sense="more"),
        Order(PATCH_IWAE.name, "lambda 8", "pixelcnnpp", by=-0.01),
    ),
    {
        "small": Scale(
            "",
            3,
            {"evaluate_every": None, "steps": 1_200},
            "Crops of 16 x 16 of two photographs; bits a value of 256 levels, means of 1,300 held-out crops. All have "
            "the same network of pixels, steps and batch, and are far from converged after so few.",
            of={"pixelcnnpp": {"network.components": 10}},
            presets={
                "lambda 8": "agave-photo-patches",
                "plain": "agave-photo-patches-plain",
                "pixelcnnpp": "pixelcnnpp-photo-patches",
            },
        )
    },
    measured={
        **dict.fromkeys(PATCH_AGAVES, functools.partial(decomposed, importance_samples=20)),
        "pixelcnnpp": exact,
    },
)
CLAIMS = (DIGITS, PATCHES)
