"""What is searched of AV-ADE: the adversary's weight, the penalty and both rates  (Lucas's thesis, Section A.2)."""

from qrkeras.families.space import MINIATURE, LogUniform, Parameter, Space, rates

SPACES = (
    Space(
        "ade",
        "av-ade-ade-cifar10",
        {"steps": 40_000, "evaluate_samples": 2_500},
        "av-ade-ade-digits",
        MINIATURE,
        (
            Parameter(
                "adversarial_weight",
                LogUniform(1.0, 1000.0),
                "Choice: log-uniform around the 10 to 100 that work best (Lucas, Section A.2)",
            ),
            Parameter("gradient_penalty", LogUniform(1.0, 1000.0), "Choice: log-uniform around Lucas's 100"),
            rates("optimizer", 2e-4, 2e-2, "Choice: log-uniform around Lucas's 0.002"),
            rates("discriminator_optimizer", 2e-4, 2e-2, "Choice: log-uniform around Lucas's 0.002"),
        ),
    ),
)
