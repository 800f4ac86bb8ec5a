"""`qrkeras coverage`: modes held by presets of mixtures over several seeds; they are trained, measured, tabulated."""

import dataclasses
import json
import pathlib
import shlex
from typing import Annotated

from tyro.conf import Positional, arg

from qrkeras import presets
from qrkeras.experiments import directories, many, runs
from qrkeras.verbs import tables

Presets = Annotated[Positional[tuple[str, ...]], arg(metavar="[PRESET ...]", help_behavior_hint="")]


def coverage(
    preset: Presets = (),
    /,
    seeds: int = 10,
    steps: int | None = None,
    workers: int = 2,
    runs_dir: pathlib.Path = pathlib.Path("runs/coverage"),
    train_options: str = "",
    output: pathlib.Path | None = None,
):
    """Train mixture presets over several seeds and tabulate their mode coverage, mean and deviation.

    Args:
      preset: Presets of mixtures; none: the four methods on ring8 and grid25.
      seeds: Number of seeds, 0 to seeds - 1.
      steps: Generator updates of each run; None: the preset's.
      workers: Number of trainings at a time, processes of one thread each.
      runs_dir: Folder of the runs; finished ones are not trained again.
      train_options: More options of `qrkeras train`, in one string: --train-options="--update simultaneous".
      output: JSON file of every run's figures.
    """
    from qrkeras.data.catalog import MIXTURES

    names = preset or [f"{m}-{d}" for d in MIXTURES for m in ("nsgan", "lsgan", "wgan-gp", "qrgan")]
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: {seeds}")
    if output:
        directories.check_file(output, ".json")
        output.parent.mkdir(parents=True, exist_ok=True)
    results = measure(names, range(seeds), steps, workers, runs_dir, shlex.split(train_options))
    shown = table(results)
    with tables.not_lost(shown):
        if output:
            output.write_text(to_json(results) + "\n")
    return [shown]


@dataclasses.dataclass(frozen=True)
class Result:
    """Coverage at the end of one run; fields as in `qrkeras.metrics.ModeCoverage`."""

    preset: str
    seed: int
    steps: int
    modes: int
    captured: int
    fed: int
    high_quality: float
    reverse_kl: float


def measure(names, seeds, steps=None, workers=2, runs_dir="runs/coverage", train_options=(), verbose=1):
    """Trains every preset with every seed, each in a process of one thread, and collects the coverage at the end.

    Runs that are done already are not trained again, and interrupted ones go on; of a longer run the coverage at
    `steps` is taken.

    Args:
      names: presets of mixtures.   seeds: ints.   steps: None takes each preset's own.
      workers: processes at a time.   runs_dir: folder of the run directories, `NAME-SEED`.
      train_options: further options of `qrkeras train`, such as `("--update", "simultaneous")`.
    Returns: list of `Result`, by preset, then seed.
    Raises:
      ValueError: where a preset is unknown or not of a mixture, there is no step or worker, or somebody else's files
        lie where the runs would.
      RuntimeError: where a training process fails, with its last words.
    """
    from qrkeras import kinds
    from qrkeras.data.catalog import known_kind

    for name in names:
        if known_kind(presets.get(name).data.name) is not kinds.POINTS:
            raise ValueError(f"presets must be of mixtures, such as qrgan-grid25. Received: {name}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1. Received: {steps}")
    wanted = {name: presets.get(name).steps if steps is None else steps for name in names}
    jobs = []
    for name in names:
        preset = dataclasses.replace(presets.get(name), steps=wanted[name])
        options = ("--steps", str(preset.steps), *train_options)
        for seed in seeds:
            path = pathlib.Path(runs_dir) / f"{name}-{seed}"
            done = not train_options and _is_done(path, preset)
            jobs.append(many.Job(name, seed, path, preset.steps, options, done))
    many.check_places([job.path for job in jobs], runs_dir)
    many.train_all(jobs, workers, verbose)
    return [_result(runs.load(job.path), job.steps) for job in jobs]


def table(results):
    """Markdown table of `measure`'s results: mean and standard deviation over seeds, and seeds that hold all modes."""
    lines = [
        "| preset | seeds | steps | modes captured | with at least 20 of 10,000 | all modes fed "
        "| high quality | reverse KL |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(result.preset for result in results):
        rows = [result for result in results if result.preset == name]
        modes = rows[0].modes
        steps = "/".join(f"{s:,}" for s in sorted({r.steps for r in rows}))
        whole = sum(r.fed == modes for r in rows)
        lines.append(
            f"| {name} | {len(rows)} | {steps} | {tables.spread([r.captured for r in rows], 1)} of {modes} "
            f"| {tables.spread([r.fed for r in rows], 1)} | {whole} of {len(rows)} "
            f"| {tables.spread([r.high_quality for r in rows], 3)} | {tables.spread([r.reverse_kl for r in rows], 3)} |"
        )
    return "\n".join(lines)


def _is_done(path, preset):
    run = many.run_of(path, preset)
    return run is not None and bool(_coverage(run, preset.steps))


def _coverage(run, step):
    """The records of coverage at `step`: one, or none."""
    return [record for record in run.records() if "fed" in record and record["step"] == step]


def _result(run, step):
    found = _coverage(run, step)
    if not found:
        raise RuntimeError(
            f"{run.path} must hold the coverage at step {step:,}, its last or a multiple of "
            f"sample_every={run.preset.sample_every}. It has none."
        )
    fields = {f.name: found[0][f.name] for f in dataclasses.fields(Result) if f.name in found[0]}
    return Result(preset=run.name, seed=run.seed, steps=step, **fields)


def to_json(results):
    return json.dumps([dataclasses.asdict(result) for result in results], indent=1)
