"""`qrkeras calibration`: a run's predicted quantiles held against held-out images."""

import dataclasses
import pathlib

from qrkeras.verbs import tables
from qrkeras.verbs.arguments import Runs

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def calibration(run: Runs = (), /, images: int = 1_000, output: pathlib.Path | None = None):
    """Count how many held-out values lie below the quantiles that a PixelIQN predicts; a table and a picture.

    Args:
      run: Run directories of PixelIQN.
      images: Number of held-out images that are looked at, at most.
      output: PNG of the reliability diagram; None: RUN/calibration.png, in the first run.
    """
    from qrkeras.experiments import directories, runs

    if images < 1:
        raise ValueError(f"images must be at least 1. Received: {images}")
    opened = runs.load_all(run)
    output = output or opened[0].path / "calibration.png"
    directories.check_file(output, ".png")
    rows = measure(opened, images)
    shown = table(rows)
    with tables.not_lost(shown):
        draw(rows, output)
    return [shown, output]


@dataclasses.dataclass(frozen=True)
class Row:
    """Calibration of a run's quantiles: `metrics.Calibration` of each level."""

    name: str
    levels: tuple


def measure(opened, images=1_000, levels=LEVELS):
    """Calibration of each run on its held-out images, quantiles rounded to grey levels as samples are.

    Args:
      opened: `Run`s of PixelIQN.   images: at most so many held-out images.   levels: tau, in (0, 1).
    Returns: list of `Row`.
    Raises:
      ValueError: where a run's model predicts no quantiles.
    """
    import numpy as np

    from qrkeras import metrics
    from qrkeras.data import take
    from qrkeras.experiments import build
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import HasQuantiles

    rows = []
    for run in opened:
        model = load_model(run, able=HasQuantiles)
        labels = run.preset.takes_labels
        held_out = take(build.dataset(run.preset, "test", labels=labels), images)
        held_out, classes = held_out if labels else (held_out, None)
        found = []
        for tau in levels:
            quantiles = np.clip(np.round(model.quantiles(held_out, tau, classes)), 0, 255)
            found.append(metrics.calibration(held_out, quantiles, tau))
        rows.append(Row(str(run.path), tuple(found)))
    return rows


def table(rows):
    """Markdown table of `measure`'s rows."""
    lines = ["| | tau | below | at or below | gap |", "|---|---|---|---|---|"]
    for row in rows:
        lines += [f"| {row.name} | {c.tau:g} | {c.below:.3f} | {c.at_or_below:.3f} | {c.gap:.3f} |" for c in row.levels]
    lines += ["", f"Fractions of {rows[0].levels[0].count:,} held-out values below a predicted tau-quantile, and at or"]
    lines[-1] += " below it; gap: distance of tau from the two."
    return "\n".join(lines)


def draw(rows, output):
    """Writes the reliability diagram of `measure`'s rows as PNG."""
    from qrkeras import pictures

    output.parent.mkdir(parents=True, exist_ok=True)
    pictures.reliability({row.name: row.levels for row in rows}, output)
