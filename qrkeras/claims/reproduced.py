"""One claim at one scale: which runs it needs, what they measure, and how it stands."""

import dataclasses
import hashlib
import math
import pathlib

import numpy as np

from qrkeras import callbacks, presets
from qrkeras.claims.verdict import judge, together
from qrkeras.experiments import build, kinds, many, runs
from qrkeras.experiments.train import load_model
from qrkeras.families.claim import changed, words
from qrkeras.families.parts import leaves


@dataclasses.dataclass(frozen=True)
class Arm:
    """One method of a claim: its preset as the scale changes it, and its runs, one for each seed from the first on.

    `fields` are those of metrics.jsonl that the claim reads at the last step; None where it measures the model of that
    step itself.
    """

    name: str
    preset_name: str
    preset: presets.Preset
    options: tuple[str, ...]
    paths: tuple[pathlib.Path, ...]
    first_seed: int = 0
    fields: tuple[str, ...] | None = ()

    @property
    def command(self):
        return " ".join(["qrkeras train", self.preset_name, *self.options])


def arms(claim, scale, seeds, runs_dir, first_seed=0):
    """The claim's arms. Runs of equal presets have one directory, so that no claim trains what another has trained.

    Args:
      scale: `Scale`.   seeds: number of seeds, from `first_seed` on.   runs_dir: folder of the runs.
    """
    found = []
    for name in claim.arms:
        preset_name = scale.preset_of(name)
        changes = scale.changes_of(name)
        plain = presets.get(preset_name)
        preset = changed(plain, changes)
        presets.check(preset)
        # What a run may change when it goes on does not tell it from another.
        before, rhythm = leaves(plain), presets.rhythm(preset)
        lasting = {field: value for field, value in changes.items() if field not in rhythm and value != before[field]}
        label = _label(preset_name, [f"{field}={value}" for field, value in lasting.items()])
        paths = tuple(pathlib.Path(runs_dir) / f"{label}-{seed}" for seed in range(first_seed, first_seed + seeds))
        read = tuple(preset.logged(each.field) for each in claim.measures if name in claim.arms_with(each))
        fields = None if name in claim.measured else read
        found.append(Arm(name, preset_name, preset, tuple(words(changes)), paths, first_seed, fields))
    return found


def _label(preset_name, changes):
    """What the runs of a changed preset are called: its changes, or a digest of them where they are many.

    File systems take names of 255 bytes; a few words are what a reader takes in.
    """
    whole = "+".join([preset_name, *changes])
    if len(whole) <= 120:
        return whole
    return f"{preset_name}+{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def train(of, workers, runs_dir, verbose=1):
    """Trains the runs of arms that are not done; the same call again goes on where it stopped.

    A run that diverged is done: it has its best figures before that, and none of the last step.
    """
    many.check_places([path for arm in of for path in arm.paths], runs_dir)
    jobs = [
        many.Job(arm.preset_name, seed, path, arm.preset.steps, arm.options, _is_done(path, arm), arm.preset)
        for arm in of
        for seed, path in enumerate(arm.paths, arm.first_seed)
    ]
    many.train_all(jobs, workers, verbose)


def _is_done(path, arm):
    run = many.run_of(path, arm.preset)
    return run is not None and (_is_whole(run, arm) or run.diverged is not None)


def _is_whole(run, arm):
    """Whether a run has what its claim reads of the last step: a line may be there and the model not, after a kill."""
    steps = arm.preset.steps
    logged = {field for record in run.records() if record["step"] == steps for field in record}
    if arm.fields is not None:
        return {*arm.fields} <= logged
    saved = any(runs.step_of(file) >= steps for file in callbacks.checkpoints(run.checkpoints))
    return saved and ("features" in logged or not arm.preset.evaluate_every)


def _diverged(run, arm):
    """What stopped being finite in a run before it had all of the last step; else None."""
    return None if _is_whole(run, arm) else run.diverged


@dataclasses.dataclass(frozen=True)
class Reproduced:
    """What came out.

    Attributes:
      values: measure -> arm -> figures, one for each seed.   curves: arm -> for each seed, pairs of step and figure of
        the first measure.   verdicts: one for each of the claim's orders.
      diverged: arm -> seed -> what stopped being finite, of runs that diverged.
      searched: `Searched`, where the scale searches settings; else None.
    """

    claim: object
    scale: object
    arms: list
    values: dict
    curves: dict
    verdicts: list
    diverged: dict = dataclasses.field(default_factory=dict)
    searched: object = None

    @property
    def says(self):
        return together(self.verdicts)


def measure(claim, scale, of):
    """`Reproduced`, from what the runs of the arms `of` have logged, and what the claim measures of them itself.

    Raises:
      RuntimeError: where there is no run of an arm's preset, it has not logged a measure at its last step, its model is
        of another step, or runs were evaluated by different numbers of images.
    """
    opened = {arm.name: [_opened(path, arm) for path in arm.paths] for arm in of}
    _check_alike([(run, arm.preset.steps) for arm in of for run in opened[arm.name]])
    values, curves, diverged = {m.name: {} for m in claim.measures}, {}, {}
    for arm in of:
        found = opened[arm.name]
        diverged[arm.name] = {seed: why for seed, run in enumerate(found) if (why := _diverged(run, arm))}
        told = [run.records() for run in found]
        if function := claim.measured.get(arm.name):
            source = build.dataset(arm.preset, "test")
            held_out = kinds.of(source.kind).held_out(source)
            for seed, run in enumerate(found):
                if seed not in diverged[arm.name]:
                    told[seed] = _measured(told[seed], function, run, arm.preset.steps, held_out)
        for each in claim.measures:
            if arm.name not in claim.arms_with(each):
                continue
            field, steps = arm.preset.logged(each.field), arm.preset.steps
            pairs = [_pairs(records, field, steps) for records in told]
            for seed in diverged[arm.name]:
                pairs[seed].append((steps, each.worst))
            for path, of_seed in zip(arm.paths, pairs, strict=True):
                if not of_seed or of_seed[-1][0] != steps:
                    raise RuntimeError(
                        f"{path} must have {field} at step {steps:,}, its last. It has none. Remove it to have it "
                        "trained anew."
                    )
            values[each.name][arm.name] = [_figure(of_seed, each) for of_seed in pairs]
            if each is claim.measures[0]:
                curves[arm.name] = pairs
    verdicts = [_judged(order, claim.measure(order.measure), values[order.measure]) for order in claim.orders]
    return Reproduced(claim, scale, of, values, curves, verdicts, diverged)


def _opened(path, arm):
    run = many.run_of(path, arm.preset)
    if run is None:
        raise RuntimeError(f"{path} must be a run of `{arm.command}`. Remove what lies there to have it trained anew.")
    return run


def _check_alike(found):
    """Raises RuntimeError where runs, given with their last steps, were evaluated by different numbers of images."""
    told = [(run, r) for run, steps in found for r in run.records() if r["step"] == steps and "features" in r]
    for run, record in told[1:]:
        first, of_first = told[0]
        if not callbacks.comparable(of_first, record):
            raise RuntimeError(
                f"runs of a claim must be evaluated alike. Received: {_counts(first, of_first)}, "
                f"{_counts(run, record)}. Remove one of them to have it trained anew."
            )


def _counts(run, record):
    return f"{run.path} with {record['samples']:,} samples against {record.get('references', 'unknown')} images"


def _measured(records, function, run, steps, held_out):
    """A run's records with what `function` measures of its last model, in place of what training logs of the same."""
    model = load_model(run)
    if model.step != steps:
        raise RuntimeError(f"{run.path} must have a model of step {steps:,}. It has one of {model.step:,}.")
    figures = function(model, held_out)
    kept = [{field: value for field, value in record.items() if field not in figures} for record in records]
    return [*kept, {"step": steps, **figures}]


def _judged(order, measure, values):
    better = order.sense or measure.better
    than = np.asarray(values[order.than] if isinstance(order.than, str) else order.than, "float64")
    return judge(values[order.better], than - order.by if better == "less" else than + order.by, better)


def _pairs(records, field, steps):
    """Steps and figures of a field, to `steps`; what was not finite is NaN."""
    found = [(r["step"], r[field]) for r in records if field in r and r["step"] <= steps]
    return [(step, math.nan if value is None else float(value)) for step, value in found]


def _figure(pairs, of):
    if of.over == "last":
        return pairs[-1][1]
    finite = [value for _, value in pairs if math.isfinite(value)]
    return (min if of.better == "less" else max)(finite, default=math.nan)
