"""What is searched of PixelCNN and PixelIQN  (AIQN, Supplement: "Hyperparameter Tuning and Evaluation").

The paper searches 500 configurations for PixelCNN and for PixelIQN, each trained for 100K steps on CIFAR-10 and scored
by FID on 2,500 samples, over optimizers, learning rates and kappa. It gives no ranges: those here are wide enough that
what it settled on lies well inside.
"""

from qrkeras.families.pixels.schema import GatedPixelCnn
from qrkeras.families.space import MINIATURE, SCHEDULES, Choice, Parameter, Space, rates

_OPTIMIZER = (
    Parameter("optimizer", Choice(("RmsProp", "Adam", "Sgd")), "AIQN, Supplement: RMSProp, Adam and SGD"),
    rates(
        "optimizer",
        1e-5,
        1e-2,
        "Choice: log-uniform; the paper settled on 1e-4 and 3e-5, the offline preset has 1e-3",
        ("optimizer", ("RmsProp", "Adam")),
    ),
    rates(
        "optimizer",
        1e-3,
        1.0,
        "Choice: log-uniform, a hundred times the others', since SGD does not divide by the gradient's size",
        ("optimizer", ("Sgd",)),
    ),
)
_DECAYS = Parameter(
    "optimizer.decays",
    Choice(tuple(SCHEDULES)),
    "AIQN, Supplement: constant, or its three stages; Choice: scaled to the trial's steps",
)
_KAPPA = Parameter(
    "kappa",
    Choice((0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)),
    "AIQN, Supplement: a range, of which 0 (the plain quantile loss) and 0.002 are named; Choice: the others",
)
_BUDGET = {"steps": 100_000, "evaluate_samples": 2_500}  # AIQN, Supplement
_TINY = {**MINIATURE, "network": GatedPixelCnn(blocks=1, kernel_size=3, planes=16, output_planes=32)}

SPACES = (
    Space("pixeliqn", "pixeliqn-cifar10", _BUDGET, "pixeliqn-digits", _TINY, (*_OPTIMIZER, _KAPPA)),
    Space("pixelcnn", "pixelcnn-cifar10", _BUDGET, "pixelcnn-digits", _TINY, (*_OPTIMIZER, _DECAYS)),
)
