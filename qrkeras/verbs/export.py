"""`qrkeras export`: a run's model as a SavedModel."""

from qrkeras.verbs.arguments import Base, Run


def export(run: Run, base_dir: Base, /, name: str | None = None, version: int | None = None, best: bool = False):
    """Export a run's model as a SavedModel for TF Serving, and list its signatures.

    Args:
      run: Run directory of any model.
      base_dir: Folder that the server watches.
      name: Name of the served model; None: the preset's.
      version: Version of the served model, a free positive integer; None: the next.
      best: Take the best model evaluated during training, not the newest.
    """
    from qrkeras import presets
    from qrkeras.experiments import runs
    from qrkeras.experiments.train import load_model
    from qrkeras.serving import export as serving

    opened = runs.load(run)
    model = load_model(opened, best)
    metadata = {
        "run": opened.name,
        "preset": presets.to_dict(opened.preset),
        "seed": opened.seed,
        "metrics": opened.latest(model.step),
    }
    path = serving.export_model(model, base_dir, opened.name if name is None else name, version, metadata)
    return [path, serving.table(serving.read_metadata(path))]
