"""What is searched of captions: what the thesis is silent on, with sizes around its own  (Lucas, Section B.4.1)."""

from qrkeras.families.space import MINIATURE, Choice, Parameter, Space, Uniform, rates

SPACES = (
    Space(
        "captions",
        "captions-coco",
        {"steps": 20_000},
        "captions-scenes",
        {field: value for field, value in MINIATURE.items() if field != "evaluate_samples"},
        (
            Parameter("word_dim", Choice((64, 128, 256, 512)), "Choice: Lucas's 512 and less"),
            Parameter("state_dim", Choice((64, 128, 256, 512)), "Choice: Lucas's 512 and less"),
            Parameter("feedback", Choice(("none", "conditional", "marginal")), "Lucas, Table B.1"),
            Parameter("dropout", Uniform(0.0, 0.7), "Choice: around the released code's 0.5"),
            rates("optimizer", 1e-4, 1e-2, "Choice: log-uniform around the released code's 0.001"),
        ),
    ),
)
