"""`qrkeras plot`: how runs and sweeps went, drawn from what they have written."""

import pathlib

from qrkeras.experiments import directories
from qrkeras.verbs.arguments import Runs


def plot(run: Runs = (), /, output: pathlib.Path | None = None, steps: tuple[int, ...] | None = None):
    """Draw a run's losses and coverage over training; samples (mixtures) or FID (images) of several side by side.

    Each run's own curves are RUN/curves.png, whatever stands side by side. Of a sweep, finished or not: its table and
    its pictures.

    Args:
      run: Run directories, or the directory of one sweep.
      output: PNG of what stands side by side; None: samples.png or evaluation.png in the first run. The losses of
        several GANs come beside it, as losses.png or OUTPUT-losses.png.
      steps: Steps whose samples of mixtures are drawn; None: five, evenly spread.
    """
    from qrkeras import kinds, pictures
    from qrkeras.data.catalog import known_kind
    from qrkeras.experiments import runs

    if any((path / "sweep.json").exists() for path in run):
        if len(run) > 1 or output or steps:
            raise ValueError(
                f"RUN must be a sweep alone, without --output and --steps. Received: {', '.join(map(str, run))}"
            )
        from qrkeras.search import sweep
        from qrkeras.verbs import tune

        return tune.report(sweep.load(run[0]))
    opened, drawn = runs.load_all(run), []
    for each in opened:
        if not each.records():
            raise ValueError(f"RUN must hold lines in metrics.jsonl. Received: {each.path}, which has none yet.")
    if output:
        directories.check_file(output, ".png")
    of_points = all(known_kind(each.preset.data.name) is kinds.POINTS for each in opened)
    if steps and not of_points:
        raise ValueError(f"steps must be left out but of runs of mixtures, whose samples they name. Received: {steps}")
    if of_points:
        drawn.append(output or opened[0].path / "samples.png")
        drawn[0].parent.mkdir(parents=True, exist_ok=True)
        samples(run, drawn[0], steps=steps)
    elif distances(opened, output or opened[0].evaluation):
        drawn.append(output or opened[0].evaluation)
    adversarial = [each for each in opened if any("d_loss" in record for record in each.records())]
    if len(adversarial) > 1:
        drawn.append(output.with_name(f"{output.stem}-losses.png") if output else opened[0].path / "losses.png")
        losses(adversarial, drawn[-1])
    if output and not drawn:
        raise ValueError(
            f"output must be left out where nothing stands side by side: {opened[0].path} was not evaluated, and its "
            f"own curves are {opened[0].path / 'curves.png'}. Received: {output}"
        )
    for each in opened:
        drawn.append(each.path / "curves.png")
        pictures.training_curves(each.records(), drawn[-1])
    return drawn


def samples(paths, output, columns=5, steps=None):
    """Writes samples of mixture runs over training, a row for each run  (QRGAN, Fig. 2).

    Args:
      paths: run directories, of one mixture.   output: PNG.
      columns: pictures of each run, evenly spread; fewer where a run has fewer.   steps: those of these steps instead.
    Raises:
      ValueError: where runs are of several mixtures, or have no samples, or none of these steps.
    """
    import numpy as np

    from qrkeras import pictures
    from qrkeras.experiments import build, runs

    opened = [runs.load(path) for path in paths]
    mixtures = {run.preset.data.name for run in opened}
    if len(mixtures) > 1:
        raise ValueError(f"RUN must name runs of one mixture. Received: runs of {', '.join(sorted(mixtures))}")
    files = {run: sorted(run.samples.glob("step-*.npy")) for run in opened}
    for run, found in files.items():
        if not found:
            raise ValueError(f"RUN must hold samples/step-*.npy. Received: {run.path}, which has none. Train it first.")
    columns = min(columns, *map(len, files.values()))
    panels = []
    for run, found in files.items():
        by_step = {runs.step_of(path): path for path in found}
        every = list(by_step)
        spread = [every[i] for i in np.linspace(0, len(every) - 1, columns).round().astype(int)]
        for step in spread if steps is None else steps:
            if step not in by_step:
                raise ValueError(
                    f"steps must be such as {run.path} has samples of: {', '.join(map(str, every))}. Received: {step}"
                )
            panels.append((f"{run.name}-{run.seed}, step {step:,}", np.load(by_step[step])))
    pictures.point_panels(panels, build.dataset(opened[0].preset).centers, output, rows=len(opened))


def losses(opened, output):
    """Writes both losses of GANs side by side, with the values that they are read against  (Lucas, Fig. 4.2).

    Args:
      opened: `Run`s of GANs.   output: PNG.
    """
    from qrkeras import pictures

    output.parent.mkdir(parents=True, exist_ok=True)
    pictures.loss_panels({str(run.path): (run.records(), run.preset.references) for run in opened}, output)


def distances(opened, output):
    """Writes the Frechet distance to the training data over training, a curve for each run  (QRGAN, Fig. 4).

    Args:
      opened: `Run`s; evaluations with another network, or other numbers of images, than the first's are left out.
      output: PNG.
    Returns: whether there was anything to draw.
    """
    from qrkeras import pictures
    from qrkeras.callbacks import comparable

    evaluated = [(run, record) for run in opened for record in run.records() if "features" in record]
    if not evaluated:
        return False
    first = evaluated[0][1]
    label = f"FID[{first['features']}] train"
    series = {}
    for run, record in evaluated:
        if record.get(label) is not None and comparable(record, first):
            series.setdefault(str(run.path), []).append((record["step"], record[label]))
    if not series:
        return False
    output.parent.mkdir(parents=True, exist_ok=True)
    counts = f"{first['samples']:,} samples" + (
        f", {first['references']:,} references" if "references" in first else ""
    )
    pictures.minimum_curves(series, f"{label}, {counts}", output)
    return True
