"""What is searched of QRGAN and M-BGAN.

QRGAN's paper does not search: its ranges are choices around its values, and a trial has 20,000 steps of 100,000.
M-BGAN's chapter searches the smoothing and the number of discriminator updates (Lucas, Section 4.5.2).
"""

from qrkeras.families.space import MINIATURE, Choice, LogUniform, Parameter, Space, Uniform, rates

SPACES = (
    Space(
        "qrgan",
        "qrgan-cifar10",
        {"steps": 20_000, "evaluate_samples": 2_500},
        "qrgan-digits",
        MINIATURE,
        (
            Parameter(
                "loss.penalty_weight",
                LogUniform(1e-3, 10.0),
                "Choice: log-uniform around QRGAN's lambda (Table 4), 0.1 and 1",
            ),
            Parameter("loss.norm_target", Choice((0.0, 0.5, 1.0, 2.0)), "Choice: around QRGAN's k (Table 4), 0 and 1"),
            Parameter("loss.num_quantiles", Choice((8, 16, 32, 64, 128)), "Choice: around QRGAN's N (Table 4), 64"),
            rates("generator_optimizer", 1e-5, 2e-3, "Choice: log-uniform around QRGAN's 2e-4 and 5e-5 (Table 4)"),
            rates("discriminator_optimizer", 1e-5, 2e-3, "Choice: log-uniform around QRGAN's 2e-4 and 5e-5 (Table 4)"),
        ),
    ),
    Space(
        "mbgan",
        "mbgan-cifar10",
        {"steps": 20_000, "evaluate_samples": 2_500},
        "mbgan-digits",
        MINIATURE,
        (
            Parameter("loss.smoothing", Uniform(0.2, 0.5), "Lucas, Section 4.5.2"),
            Parameter("discriminator_steps", Choice((1, 2, 3, 4, 5)), "Lucas, Section 4.5.2"),
            rates("generator_optimizer", 2e-5, 2e-3, "Choice: log-uniform around the chapter's 2e-4"),
            rates("discriminator_optimizer", 2e-5, 2e-3, "Choice: log-uniform around the chapter's 2e-4"),
        ),
    ),
)
