"""What is searched of the toy."""

from qrkeras.families.space import Parameter, Space, Uniform, rates

_BUDGET = {"steps": 10, "evaluate_samples": 64}
SPACES = (
    Space(
        "toy",
        "toy-digits",
        _BUDGET,
        "toy-digits",
        _BUDGET,
        (
            Parameter("power", Uniform(1.0, 3.0), "Choice: a toy"),
            rates("optimizer", 1e-3, 1e-1, "Choice: a toy"),
        ),
    ),
)
