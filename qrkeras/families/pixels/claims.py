"""What the supplement claims of PixelIQN, and how it is tried here."""

from qrkeras.families.claim import DISTANCES, FID, Claim, Order, Scale
from qrkeras.families.pixels.presets import PROTOCOL, PUBLISHED, SOURCE

ARMS = ("pixeliqn", "pixelcnn")
ORDERS = (Order(FID.name, "pixeliqn", "pixelcnn"),)

CIFAR10 = Claim(
    "pixeliqn-cifar10",
    "PixelIQN's samples are nearer to CIFAR-10 than those of PixelCNN on the same network",
    SOURCE,
    ARMS,
    DISTANCES,
    ORDERS,
    {
        "small": Scale(
            "{arm}-cifar10",
            3,
            {
                "data.image_size": 16,
                "network.blocks": 4,
                "network.planes": 48,
                "network.output_planes": 128,
                "optimizer.learning_rate": 1e-3,
                "average_decay": 0.999,
                "steps": 2_000,
                "evaluate_every": 1_000,
                "evaluate_samples": 2_000,
                "evaluate_features": "cifar10-cnn",
            },
            "Images of 16 x 16, 4 blocks of 48 planes where the paper has 15 of 128, 2,000 steps where it has 300,000, "
            "and ten times its learning rates.",
        ),
        "paper": Scale("{arm}-cifar10", 3),
    },
    {arm: PUBLISHED[f"{arm}-cifar10"].value for arm in ARMS},
    f"FID of {PROTOCOL}",
)
DIGITS = Claim(
    "pixeliqn-digits",
    "On digits, PixelIQN's samples are nearer to the data than those of PixelCNN on the same network",
    f"{SOURCE}, of CIFAR-10; Choice: on digits",
    ARMS,
    DISTANCES,
    ORDERS,
    {"small": Scale("{arm}-digits", 3, says="Digits of 8 x 8 and 3,000 steps, 4 blocks of 48 planes.")},
)
CLAIMS = (CIFAR10, DIGITS)
