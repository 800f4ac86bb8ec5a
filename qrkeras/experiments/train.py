"""Train a preset into a run directory; the same call again goes on where it stopped."""

import contextlib
import json
import pathlib
import re

import keras
import tensorflow as tf

from qrkeras import callbacks
from qrkeras.experiments import build, runs, stages
from qrkeras.machine import collectives, rendezvous
from qrkeras.machine import devices as machine
from qrkeras.machine.quiet import said
from qrkeras.models import abilities
from qrkeras.presets import check, leaves

_MEND = ". Lower the learning rates or raise the penalty, and begin a new run directory."


class TrainingFailed(RuntimeError):
    """Training cannot go on; the message says at which step, why, and what was kept."""


def train(name, preset, seed=0, run_dir=None, verbose=1, devices=1):
    """Trains `preset` up to `preset.steps`, reporting into the run directory.

    Args:
      name: of the preset.   preset: `Preset`.   seed: int, of weights, noise and order of data.
      run_dir: where to report and save; None: `runs/NAME-SEED`. A directory with a run of the same
        experiment is gone on with, from its newest checkpoint.
      verbose: 1 shows Keras' progress bar and messages, 0 nothing.
      devices: how many GPUs (CPUs where there are none) of this machine share every batch, or "all": also those of
        the other machines that `TF_CONFIG` or Slurm name, on each of which the same is called. A run may go on with
        another number: it trains alike, but for rounding. Worker 0 alone writes and reads the run directory.
    Returns: `Run`.
    Raises:
      ValueError: before training, if preset, data and run directory do not fit, another training writes there, or
        workers do not agree.
      WorkerLost: where another worker does not come or is gone.
      TrainingFailed: where a loss or a weight stops being finite, or the disk fails.
    """
    check(preset)
    chosen = machine.choose(devices)
    if preset.batch_size % chosen.count:
        raise ValueError(
            f"devices must divide batch_size={preset.batch_size}, of which each takes an equal part. Received: "
            f"{chosen.count}. Choose others, or another --batch-size."
        )
    rendezvous.meet(chosen.cluster, _must_agree(name, preset, seed, chosen))
    with collectives.watched(chosen.cluster):
        return _on(chosen, name, runs.anchored(preset), seed, run_dir, verbose if chosen.cluster.first else 0)


def _must_agree(name, preset, seed, chosen):
    """What all workers must say alike, by name."""
    return {**runs.agreed_versions(), "preset": name, "seed": seed, "devices": len(chosen.names), **leaves(preset)}


def _on(chosen, name, preset, seed, run_dir, verbose):
    strategy = machine.strategy(chosen)  # before anything is computed
    source = build.dataset(preset, labels=preset.takes_labels)
    found = source.fingerprint()
    _check_data(source.name, found, strategy)
    build.batches(preset, source, seed, 0)  # refuses what the data cannot fill, before a run is made
    keras.utils.set_random_seed(seed)
    run_dir = pathlib.Path(run_dir or f"runs/{name}-{seed}")
    with strategy.scope():
        model = build.model(preset, source, seed)
    started = evaluator = None
    if chosen.cluster.first and not callbacks.checkpoints(run_dir / "checkpoints"):
        # Checkpoints hold what training made of the first weights.
        stages.initialize(model, source, seed)
        started = stages.start(model, preset.start_from)
    if preset.evaluate_every:
        real = build.dataset(preset) if preset.takes_labels else source
        evaluator = build.evaluator(preset, real, verbose=verbose)
    with _opened(chosen.cluster, run_dir, name, preset, seed, found) as run:
        _train(run, source, model, started, evaluator, chosen, verbose)
    return run


def _check_data(name, found, strategy):
    """Raises ValueError, on all workers alike, where what tells data from others is not that of worker 0."""
    if others := collectives.differing(strategy, json.dumps(found, sort_keys=True)):
        raise ValueError(
            f"all workers must have the same data. Received: other files of {name!r} than worker 0's on worker "
            f"{', '.join(map(str, others))}. Copy them, or give all workers one folder."
        )


def _opened(cluster, *arguments):
    """The run directory, held by the worker that writes; the others look at nothing in it."""
    return runs.opened(*arguments) if cluster.first else contextlib.nullcontext(runs.Run(*arguments))


def _train(run, source, model, started, evaluator, chosen, verbose):
    preset, say = run.preset, print if verbose else (lambda *_: None)
    if source.left_out:
        say(f"{source.name}: {source.size:,} images; left out: {_few(source.left_out)}")
    if chosen.cluster.first:
        _go_on(run, model)
    model.agree()
    reports = build.reports(preset, source, run, evaluator)
    remaining = preset.steps - model.step
    if remaining <= 0:
        for report in reports:
            if isinstance(report, callbacks.Evaluation):
                report.make_up(model, at_end=True)  # that of the last checkpoint, where a kill came between the two
        say(f"{run.path}: {model.step:,} of {preset.steps:,} steps done, nothing to do; --steps trains longer")
        return
    model.steps_per_execution = min(remaining, model.steps_per_execution)
    frozen = f"{', '.join(preset.frozen)} frozen" if preset.frozen else None
    steps = f"steps {model.step + 1:,} to {preset.steps:,} on {chosen}"
    say("; ".join(filter(None, [f"{run.path}: {run.name}, seed {run.seed}, {steps}", started, frozen])))
    stop = callbacks.StopOnSignal()
    try:
        share = chosen.cluster.index, chosen.cluster.size
        batches = build.batches(preset, source, run.seed, model.step, share)
        with collectives.watched(chosen.cluster):
            model.fit(
                batches.take(remaining) if chosen.count == 1 else batches,  # whose last execution may be shorter
                verbose=verbose,
                shuffle=False,
                steps_per_epoch=remaining,
                callbacks=[stop, *reports],
            )
            collectives.anywhere(model.distribute_strategy, False)  # until worker 0 has saved
    except tf.errors.OpError as error:
        infinite = _infinite(error)
        _note(run, model, chosen, infinite)
        raise TrainingFailed(f"{infinite or said(error)}; {_kept(run)}{_MEND if infinite else ''}") from error
    except FloatingPointError as error:
        _note(run, model, chosen, str(error))
        raise TrainingFailed(f"{error}; {_kept(run)}") from error
    except OSError as error:
        raise TrainingFailed(f"{run.path} cannot be written ({error.strerror or error}); {_kept(run)}") from error
    finally:
        stop.restore()
    if stop.signal:
        say(f"\n{stop.signal}: saved at step {model.step:,}; the same command goes on from there")
    else:
        say(f"{run.path}: {model.step:,} steps done; samples in {run.samples}")


def _go_on(run, model):
    """Gives `model` the values of the run's newest checkpoint, and the run the lines up to it."""
    saved = callbacks.load_latest(run.checkpoints)
    if saved is not None:
        _check_alike(saved, model, run)
        model.take_over(saved)
    # Without a checkpoint what was reported before the first step comes again.
    run.rewind(-1 if saved is None else model.step)


def _check_alike(model, fresh, run):
    """Refuses checkpoints that the run's preset does not make."""
    there, now = (f"{type(m).__name__} with {m.count_params():,} values" for m in (model, fresh))
    if there != now:
        raise ValueError(
            f"run_dir must hold checkpoints of {run.name}, {now}. Received: {run.path}, whose newest holds {there}. "
            "Put back the config.json that they belong to, or name another with --run-dir."
        )


def _few(names):
    return f"{len(names):,}, {', '.join(names[:3])}{' ...' * (len(names) > 3)}"


def load_model(run, best=False, able=None):
    """The newest model of a run, or the best that was evaluated.

    Args:
      able: what it must be able to do, one of `qrkeras.models.abilities`; None: anything.
    Raises:
      ValueError: if it has none yet, none that can be read, or one that cannot do that.
    """
    model = _best(run) if best else _newest(run)
    if able is None:
        return model
    return abilities.require(model, able, "RUN must be of a model", f"{run.path} of {run.name}")


def _best(run):
    if not run.best.exists():
        raise ValueError(
            f"RUN must hold a best model. Received: {run.path}, which was never evaluated. Train it with "
            "--evaluate-every."
        )
    try:
        return callbacks.load(run.best)
    except Exception as error:  # a torn file fails in as many ways as the libraries that read it
        raise ValueError(
            f"RUN must hold a best model that can be read. Received: {run.best} ({error}). Leave out --best."
        ) from error


def _newest(run):
    model = callbacks.load_latest(run.checkpoints)
    if model is None:
        raise ValueError(f"RUN must hold a checkpoint. Received: {run.path}, which has none. Train it first.")
    return model


def _infinite(error):
    """Which loss was not finite, in words; None where something else failed."""
    found = re.search(r"assertion failed: \[(\w+) is not finite at step\] \[(\d+)\] \[([^\]]*)\]", str(error))
    return f"{found[1]} became {found[3]} at step {int(found[2]):,}" if found else None


def _note(run, model, chosen, infinite):
    """Writes what was not finite into metrics.jsonl, at the step that was not done."""
    if infinite and chosen.cluster.first:
        with contextlib.suppress(OSError):  # a full disk: who trains is told all the same
            callbacks.append_record(run.metrics, {"step": model.step + 1, "diverged": infinite})


def _kept(run):
    kept = callbacks.checkpoints(run.checkpoints)
    return f"the last good checkpoint is {kept[0]}" if kept else "no checkpoint had been saved"
