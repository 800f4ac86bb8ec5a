"""`qrkeras decompose`: what bounds of AGAVE are made of, and what its PixelCNN++ takes from the latents."""

import csv
import pathlib

from qrkeras.experiments import directories
from qrkeras.verbs import tables
from qrkeras.verbs.arguments import Runs

COLUMNS = {
    "lambda": "lambda",
    "kl": "KL, nats",
    "pixel_bits": "x given z",
    "elbo": "ELBO of x",
    "iwae": "IWAE, {samples}",
    "auxiliary_bits": "y given z",
    "other_bits": "x under another's f, more",
}


def decompose(
    run: Runs = (),
    /,
    images: int = 200,
    importance_samples: int = 150,
    seed: int = 0,
    output: pathlib.Path | None = None,
):
    """Take the bounds of AGAVE runs apart: KL, reconstructions of image and auxiliary image, ELBO and IWAE.

    Held-out images, bits for each value; KL in nats for each image. The last column has what an image costs more under
    another image's f(z) than under its own: nothing, if the PixelCNN++ ignores the latents.

    Args:
      run: Run directories of AGAVE, one row each.
      images: Number of held-out images that are measured, at most.
      importance_samples: Number of latents drawn for each image's IWAE bound.
      seed: Seed of the latents.
      output: Path without ending, of .csv and .png; None: RUN/decomposed, in the first run.
    """
    from qrkeras import pictures
    from qrkeras.experiments import runs
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import Decomposes

    if importance_samples < 1:
        raise ValueError(f"importance_samples must be at least 1. Received: {importance_samples}")
    if images < 2:
        raise ValueError(f"images must be at least 2, each another's other. Received: {images}")
    opened = runs.load_all(run)
    output = output or opened[0].path / "decomposed"
    paths = list(directories.outputs(output, (".csv", ".png")).values())
    models = [load_model(each, able=Decomposes) for each in opened]  # before minutes of the first are lost
    rows = {
        str(each.path): _measured(each, model, images, importance_samples, seed)
        for each, model in zip(opened, models, strict=True)
    }
    shown = _table(rows, importance_samples)
    with tables.not_lost(shown):
        output.parent.mkdir(parents=True, exist_ok=True)
        with open(paths[0], "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(["run", "step", *COLUMNS])
            writer.writerows([name, row["step"], *(row[column] for column in COLUMNS)] for name, row in rows.items())
        pictures.decompositions(rows, paths[1])
    return [shown, *paths]


def _measured(run, model, images, importance_samples, seed):
    from qrkeras import data
    from qrkeras.experiments import build
    from qrkeras.families.agave.figures import decomposed

    source = build.dataset(run.preset, "test")
    held_out = data.take(source, min(images, source.size))
    figures = decomposed(model, held_out, importance_samples, seed)
    return {"step": model.step, "lambda": model.kl_weight, "images": len(held_out), "of": model.bits_of, **figures}


def _table(rows, importance_samples):
    heads = ["", "step", *(head.format(samples=importance_samples) for head in COLUMNS.values())]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name, row in rows.items():
        figures = (f"{row[column]:.4g}" if column in ("lambda", "kl") else f"{row[column]:.4f}" for column in COLUMNS)
        lines.append(f"| {' | '.join([name, format(row['step'], ','), *figures])} |")
    counts = "/".join(f"{count:,}" for count in sorted({row["images"] for row in rows.values()}))
    kinds = ", ".join(sorted({row["of"] for row in rows.values()}))
    lines += ["", f"Means of {counts} held-out images; bits are of {kinds}."]
    return "\n".join(lines)
