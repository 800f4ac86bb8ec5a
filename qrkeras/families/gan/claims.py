"""What the papers of QRGAN and of M-BGAN claim, and how it is tried here."""

from qrkeras.families.claim import DISTANCES, FID, Claim, Measure, Order, Scale, Search
from qrkeras.families.gan import images, mixed

FED = Measure("fed", "modes with at least 20 of 10,000", "more", digits=1, worst=0.0)
MODES = (
    FED,
    Measure("captured", "modes captured", "more", digits=1, worst=0.0),
    Measure("high_quality", "high quality", "more", worst=0.0),
)
MINIMUM_FID = Measure("FID[{features}] train", "FID", "less", over="best", digits=2)
BASELINES = ("nsgan", "lsgan", "wgan-gp", "qrgan")
EPSILON_AND_UPDATE = Search(
    {
        ("generator_optimizer.epsilon", "discriminator_optimizer.epsilon"): (1e-7, 1e-4, 1e-3),
        ("update",): ("alternating", "simultaneous"),
    },
    (FED.name, "high quality"),
    seeds=3,  # one seed chose settings that held in it and lost modes in others; see docs/results/gan.md
)


def _modes(data, modes):
    """QRGAN's claim of one mixture."""
    return Claim(
        f"qrgan-{data}",
        f"QRGAN holds all modes of {data}, where NSGAN and LSGAN lose some",
        "QRGAN, Section 4.1 and Fig. 2",
        BASELINES,
        MODES,
        (
            Order(FED.name, "qrgan", "nsgan"),
            Order(FED.name, "qrgan", "lsgan"),
            Order(FED.name, "qrgan", modes - 0.5),
        ),
        {
            "small": Scale(
                f"{{arm}}-{data}",
                10,
                says="The paper's size; networks, noise, rates and steps are equal. Adam's epsilon, of which "
                "the paper says nothing, and the update rule are each method's own. The uniform noise and the two "
                "hidden layers, of which it says nothing either, were once chosen for QRGAN alone, by a few seeds.",
                search=EPSILON_AND_UPDATE,
            )
        },
    )


def _mixed_points(data, modes):
    """The chapter's claim of one mixture."""
    majority = modes / 2
    return Claim(
        f"bgan-{data}",
        f"On {data}, mixup and BGAN fit the majority of the modes, M-BGAN alike, where the GAN diverges",
        "Lucas, Section 4.5.1 and Fig. 4.3",
        ("nsgan", "mixup", "bgan", "mbgan"),
        MODES,
        tuple(Order(FED.name, arm, than) for arm in ("mixup", "bgan", "mbgan") for than in (majority, "nsgan")),
        {
            "small": Scale(
                f"{{arm}}-{data}",
                5,
                {"network.width": 128},
                "Networks of 128 units a layer, where the chapter has 512; all else is its own.",
            ),
            "paper": Scale(f"{{arm}}-{data}", 5),
        },
    )


IMAGES = ("wgan-gp-sngan", "gan-gp", "sngan", "minibatch", "bgan-pure", "bgan", "mbgan")
BEST_OF_ALL = tuple(Order(FID.name, "mbgan", arm) for arm in IMAGES[:-1])

MIXED_IMAGES = Claim(
    "bgan-cifar10",
    "M-BGAN's samples are nearer to CIFAR-10 than those of BGAN and of five baselines on the same network",
    "Lucas, Table 4.1",
    IMAGES,
    DISTANCES,
    BEST_OF_ALL,
    {
        "small": Scale(
            "{arm}-cifar10",
            3,
            {
                "data.image_size": 16,
                "network.width": 16,
                "steps": 2_000,
                "evaluate_every": 1_000,
                "evaluate_samples": 5_000,
                "evaluate_features": "cifar10-cnn",
            },
            "Images of 16 x 16, a quarter of the chapter's width, 4,000 updates of both networks for every method, as "
            "the chapter counts them, where it has 400,000: orders are those of the beginning of a training.",
            {"wgan-gp-sngan": {"steps": 667, "evaluate_every": 667}},
        ),
        "paper": Scale("{arm}-cifar10", 3),
    },
    mixed.FID["cifar10"],
    "FID of 5,000 samples against 10,000 images (Inception)",
)
MIXED_DIGITS = Claim(
    "bgan-digits",
    "On digits, M-BGAN's samples are nearer to the data than those of BGAN and of five baselines on the same network",
    "Lucas, Table 4.1, of CIFAR-10; Choice: on digits",
    IMAGES,
    DISTANCES,
    BEST_OF_ALL,
    {
        "small": Scale(
            "{arm}-digits",
            3,
            says="Digits of 8 x 8 and 4,000 generator updates, 1,333 of WGAN-GP, whose discriminator has five to each: "
            "8,000 updates of both networks for every method, as the chapter counts them.",
        )
    },
)
QRGAN_ARMS = (*BASELINES, "qrgan-no-bn")
QRGAN_IMAGES = Claim(
    "qrgan-cifar10",
    "QRGAN's samples are nearer to CIFAR-10 than those of NSGAN and LSGAN",
    "QRGAN, Section 3.2.2 and Table 1",
    QRGAN_ARMS,
    (MINIMUM_FID, FID),
    tuple(Order(MINIMUM_FID.name, "qrgan", arm) for arm in ("nsgan", "lsgan")),
    {
        "small": Scale(
            "{arm}-cifar10",
            3,
            {
                "data.image_size": 16,
                "network.width": 32,
                "network.hidden_layers": 2,
                "steps": 10_000,
                "evaluate_every": 2_000,
                "evaluate_samples": 5_000,
                "evaluate_features": "cifar10-cnn",
            },
            "Images of 16 x 16, networks of half the width and a layer less, so that they end at 4 x 4 as the paper's; "
            "10,000 updates, where the paper does not say how many it has. QRGAN updates both networks at once, as its "
            "Algorithm 1, the others the discriminator first. WGAN-GP, with which the paper calls QRGAN competitive, "
            "is to be read beside qrgan-no-bn: both are without batch normalisation in the discriminator.",
        ),
        "paper": Scale("{arm}-cifar10", 3),
    },
    {arm: images.PUBLISHED[f"{arm}-cifar10"].value for arm in BASELINES},
    "minimum FID over training",
)
CLAIMS = (
    _modes("ring8", 8),
    _modes("grid25", 25),
    QRGAN_IMAGES,
    _mixed_points("squares", 25),
    _mixed_points("circles", 8),
    MIXED_DIGITS,
    MIXED_IMAGES,
)
