"""What a sweep has found, while it runs and after: a table, the winner as a preset, pictures, TensorBoard's HParams."""

import csv
import dataclasses
import io
import json
import math

from qrkeras import presets
from qrkeras.machine import durable
from qrkeras.pictures import sweeps as plots
from qrkeras.search.trial import DEFAULT, outcome


@dataclasses.dataclass(frozen=True)
class Row:
    """One trial: `status` is completed, failed or running, and `value` of the objective None where there is none.

    `values` are those of the space's fields. `seconds` of building, training and scoring, `steps` of a trial that is
    done, `reason` of a failure: None where they are not known.
    """

    trial: str
    status: str
    value: float | None
    values: dict
    seconds: float | None = None
    steps: int | None = None
    reason: str | None = None


def rows(sweep):
    """A `Row` of each trial that was begun, in order; one whose files cannot be read is left out until they can.

    They come from keras-tuner's records, and from the outcomes in `runs` what those do not hold.
    """
    found = [_row(sweep, path) for path in sweep.path.glob("trial_*/trial.json")]
    return sorted((row for row in found if row), key=lambda row: (len(row.trial), row.trial))


def default(sweep):
    """The `Row` of the preset's own values, or None where it was not scored yet."""
    known = outcome(sweep.runs / DEFAULT)
    if known is None:
        return None
    status = "failed" if known.value is None else "completed"
    values = sweep.space.values_of(sweep.preset)
    return Row(DEFAULT, status, known.value, values, known.seconds, known.steps, known.reason)


def best(found):
    """The row of the smallest objective, or None; of equal ones the earliest."""
    return min((row for row in found if row.value is not None), key=lambda row: row.value, default=None)


def verdict(sweep, found, standard):
    """Lines that say how many trials there are, which is best, and whether it beats the preset's own values."""
    counts = {status: sum(row.status == status for row in found) for status in ("completed", "failed", "running")}
    told = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "none begun"
    lines = [f"{sweep.trials:,} trials of {sweep.space.name}: {told}."]
    winner = best(found)
    if winner is None:
        return [*lines, "No trial has a score."]
    lines.append(f"Best: trial {winner.trial}, {sweep.label} {winner.value:.5g}, with {_told(winner.values)}.")
    if standard is None or standard.value is None:
        return [*lines, "The preset's own values have no score to compare with."]
    comparison = "beats" if winner.value < standard.value else "does not beat"
    lines.append(f"It {comparison} the preset's own values, {standard.value:.5g} with {_told(standard.values)}.")
    return lines


def write(sweep):
    """Writes results.csv, and where a trial has a score best.json, the pictures and tensorboard/.

    Returns: lines of `verdict`.
    """
    found, standard = rows(sweep), default(sweep)
    durable.write(sweep.path / "results.csv", table(sweep, found, standard))
    winner = best(found)
    if winner is not None:
        durable.write(sweep.path / "best.json", _as_preset(sweep, winner))
        plots.best_so_far(found, standard, sweep.label, sweep.path / "best-so-far.png")
        plots.parameters(sweep.space, found, standard, sweep.label, sweep.path / "parameters.png")
        _write_hparams(sweep, [*found, *([standard] if standard else [])])
    return verdict(sweep, found, standard)


def table(sweep, found, standard=None):
    """The rows as CSV, in order of trials, the preset's own values first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "status", sweep.label, *sweep.space.fields, "steps", "seconds", "reason"])
    for row in [*([standard] if standard else []), *found]:
        values = [row.values.get(field) for field in sweep.space.fields]
        seconds = None if row.seconds is None else round(row.seconds, 2)
        writer.writerow([row.trial, row.status, row.value, *values, row.steps, seconds, row.reason])
    return text.getvalue()


def _row(sweep, path):
    trial = path.parent.name.removeprefix("trial_")
    try:
        known = json.loads(path.read_text())
        status, score, message = known["status"], known["score"], known["message"]
        values = known["hyperparameters"]["values"]
    except (OSError, ValueError, KeyError, TypeError):
        return _row_of_outcome(sweep, trial)
    known = outcome(sweep.runs / trial)
    status = {"COMPLETED": "completed", "RUNNING": "running"}.get(status, "failed")
    reason = (message or (known.reason if known else None)) if status == "failed" else None
    seconds, steps = (known.seconds, known.steps) if known else (None, None)
    value = score if status == "completed" and score is not None and math.isfinite(score) else None
    return Row(trial, status, value, _chosen(sweep, values), seconds, steps, reason)


def _row_of_outcome(sweep, trial):
    """Of a trial whose record is torn: the training run knows."""
    known = outcome(sweep.runs / trial)
    if known is None:
        return None
    status = "failed" if known.value is None else "completed"
    values = _chosen(sweep, known.values)
    return Row(trial, status, known.value, values, known.seconds, known.steps, known.reason)


def _chosen(sweep, values):
    return {field: values[field] for field in sweep.space.fields if field in values}


def _as_preset(sweep, winner):
    preset = sweep.space.full_length(sweep.space.apply(sweep.preset, winner.values))
    known = presets.leaves(sweep.preset)
    found = {"space": sweep.space.name, "trial": winner.trial, "objective": sweep.label, "value": winner.value}
    found |= {
        "steps": winner.steps,
        "samples": known.get("evaluate_samples"),
        "references": known.get("evaluate_references"),
    }
    found |= {"seed": sweep.seed}
    cited = f"sweep of {sweep.space.name}, trial {winner.trial}: {sweep.label} {winner.value:.5g}, seed {sweep.seed}"
    sources = {**preset.sources, **dict.fromkeys(winner.values, cited)}
    return presets.to_json(dataclasses.replace(preset, sources=sources), found=found)


def _told(values):
    return ", ".join(f"{field} {value:.3g}" if isinstance(value, float) else f"{field} {value}"
                     for field, value in values.items())  # fmt: skip


def _write_hparams(sweep, found):
    """One folder of events for each trial that is done, written once."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp

    folder = sweep.path / "tensorboard"
    for row in found:
        own = folder / row.trial
        if row.value is None or own.exists():
            continue
        with tf.summary.create_file_writer(str(own)).as_default():
            hp.hparams(row.values, trial_id=row.trial)
            tf.summary.scalar(sweep.label, row.value, step=row.steps or 0)
