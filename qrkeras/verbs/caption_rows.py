"""What `qrkeras evaluate` measures of captioners: a row for each run and split, and people beside them."""

import json
import math

from qrkeras.experiments import directories
from qrkeras.verbs import tables

COLUMNS = {
    "nats_per_word": "nats a word", "BLEU-1": "BLEU-1", "BLEU-2": "BLEU-2", "BLEU-3": "BLEU-3", "BLEU-4": "BLEU-4",
    "METEOR": "METEOR", "ROUGE-L": "ROUGE-L", "CIDEr-D": "CIDEr-D", "grammatical": "grammatical",
    "right": "objects right", "true": "true", "looks_given": "looks there, given", "looks_said": "looks there, said",
    "looks_chance": "by chance",
}  # fmt: skip
SCORES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D")
PEOPLE = "people: the first caption against the others"


def evaluated(opened, images, output, unused):
    """Measures captioners on held-out images; writes OUTPUT.json and OUTPUT.png, the first captions of the first run.

    Args:
      opened: runs of one data set.   images: held-out images, at most; None: all.   output: path without ending.
      unused: options of other models that were given, by name.
    Raises:
      ValueError: where one is given, or runs are of different data.
    """
    from qrkeras import data, evaluation, pictures
    from qrkeras.experiments import build, runs
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import Captions

    if unused:
        name, value = next(iter(unused.items()))
        raise ValueError(f"{name} must be left out for captions. Received: {value!r}")
    if images is not None and images < 2:
        raise ValueError(f"samples must be at least 2 held-out images. Received: {images}")
    for run in opened[1:]:
        if not runs.same_data(opened[0], run):
            raise ValueError(f"runs must be of one data set to be compared. Received: {opened[0].path} and {run.path}")
    paths = directories.outputs(output, (".json", ".png"))
    models = [load_model(run, able=Captions) for run in opened]
    rows, sheet = {}, None
    for split in data.held_out_splits(opened[0].preset.data.name):
        source = build.dataset(opened[0].preset, split)
        for run, model in zip(opened, models):
            figures, said = evaluation.measure_captions(model, source, images)
            rows[f"{run.path}, {split}"] = {"step": model.step, "images": len(said), **figures}
            sheet = sheet or (source.take(12), said[:12])
        if min(len(source.captions(i)) for i in range(len(said))) > 1:
            rows[f"{PEOPLE}, {split}"] = {"images": len(said), **evaluation.caption_floor(source, len(said))}
    rows = {name: {key: figure for key, figure in row.items() if math.isfinite(figure)} for name, row in rows.items()}
    shown = table(rows)
    with tables.not_lost(shown):
        output.parent.mkdir(parents=True, exist_ok=True)
        paths[".json"].write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n")
        pictures.caption_sheet(*sheet, paths[".png"])
    return [shown, *paths.values()]


def table(rows):
    """A markdown table: columns that no row has are left out."""
    columns = {name: head for name, head in COLUMNS.items() if any(name in row for row in rows.values())}
    lines = [f"| | step | images | {' | '.join(columns.values())} |", "|" + "---|" * (len(columns) + 3)]
    for name, row in rows.items():
        cells = ["" if name not in row else f"{row[name]:.{1 if name in SCORES else 3}f}" for name in columns]
        step = f"{row['step']:,}" if "step" in row else ""
        lines.append(f"| {name} | {step} | {row['images']:,} | {' | '.join(cells)} |")
    notes = "BLEU, METEOR, ROUGE-L and CIDEr-D are times 100. CIDEr-D depends on the set of images."
    if "METEOR" not in columns:
        notes += " METEOR is not measured: it needs Java and pip install qrkeras[captions]."
    return "\n".join([*lines, "", notes])
