"""Measure trained runs against real images, side by side."""

import csv
import dataclasses
import json
import math

import numpy as np

from qrkeras import evaluation, kinds, pictures
from qrkeras.data import take
from qrkeras.experiments import build, runs
from qrkeras.experiments.train import load_model
from qrkeras.machine import progress
from qrkeras.models.abilities import HasLatents, HasLikelihood, Reconstructs, can

FLOOR = "held-out real images"
BATCH_SIZE = 64
PICTURED = 64
_CONTEXT = ("features", "resize", "split", "samples", "references", "held_out")


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured on one run, drawn in one of its model's ways, or on the held-out images in its place."""

    name: str
    step: int | None
    measures: evaluation.Measures
    classes: evaluation.ClassScores | None = None
    bits_per_dim: float | None = None
    images: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)


def evaluate(
    opened,
    samples=None,
    features=None,
    split="train",
    seed=0,
    best=False,
    gan_train=None,
    verbose=1,
    references=None,
):
    """Measures runs of one data set, and its held-out images as the floor.

    Args:
      opened: `Run`s of images.   samples, references, features: None takes the first run's preset.
      split: "train" or "test", what all but the Frechet distances are taken against.   seed: of the noise.
      best: take each run's best model that was evaluated, not its newest.
      gan_train: epochs of each classifier of GAN-train and GAN-test, for class-conditional generators; None
        leaves the two out.
    Returns: list of `Row`, the floor last. A model with latents has a row for each way to draw them, and one of its
      reconstructions of training images: what its decoder makes of the best of latents.
    Raises:
      ValueError, RuntimeError: where runs are of points, of different data or have no model, or features are not to
        be had.
    """
    if gan_train is not None and gan_train < 1:
        raise ValueError(f"gan_train must be at least 1 epoch, or None. Received: {gan_train}")
    first = opened[0].preset
    for run in opened[1:]:
        if not runs.same_data(opened[0], run):
            raise ValueError(
                f"runs must be of one data set to be compared. Received: {opened[0].path} of {first.data.name} and "
                f"{run.path} of {run.preset.data.name}, which are not the same images. Evaluate them one by one."
            )
    preset = dataclasses.replace(
        first,
        evaluate_samples=first.evaluate_samples if samples is None else samples,
        evaluate_references=first.evaluate_references if references is None else references,
        evaluate_features=features or first.evaluate_features,
        evaluate_measures="all",
    )
    models = [load_model(run, best) for run in opened]
    for run, model in zip(opened, models):
        if model.kind is not kinds.IMAGES:
            raise ValueError(
                f"RUN must be a run of images. Received: {run.path}, of the points of {run.preset.data.name}. "
                "`qrkeras coverage` counts their modes, `qrkeras plot` draws them."
            )
    labelled = _labelled(preset, opened, models) if gan_train else None
    evaluator = build.evaluator(preset, build.dataset(preset), split, verbose)
    rows = []
    for run, model in zip(opened, models):
        classes = _class_scores(model, labelled, evaluator.samples, seed, gan_train, verbose) if gan_train else None
        for way, draw in _ways(run, model, seed).items():
            name = f"{run.path} ({way})" if way else str(run.path)
            shown = progress.shown(draw(evaluator.samples), name, evaluator.samples, BATCH_SIZE, verbose)
            measures = evaluator.measure(shown)
            bits = _bits_per_dim(run.preset, model) if way in ("", "prior") else None  # a VAE's bound is of its prior
            images = np.concatenate(list(draw(PICTURED)))
            rows.append(Row(name, model.step, measures, classes, bits, images))
    held_out = build.dataset(preset, "test")
    images = take(held_out, min(PICTURED, held_out.size))
    return [*rows, Row(FLOOR, None, evaluator.floor(), images=images)]


def table(rows):
    """Markdown tables of `evaluate`'s rows: the measures, then GAN-train and GAN-test where they were asked for."""
    first = rows[0].measures
    name, split = first.features, first.split
    header = [
        "", "step", "samples", "references", f"FID[{name}] train", f"FID[{name}] test",
        f"1000 KID[{name}] {split}", f"IS[{name}]", "precision", "recall", "density", "coverage", "F8", "F1/8",
    ]  # fmt: skip
    likelihoods = any(row.bits_per_dim is not None for row in rows)
    header += ["bits/dim test"] * likelihoods
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for row in rows:
        m = row.measures
        cells = [
            row.name,
            "" if row.step is None else f"{row.step:,}",
            f"{m.samples:,}",
            f"{m.references:,}",
            f"{m.fid_train:.4g}",
            "" if math.isnan(m.fid_test) else f"{m.fid_test:.4g}",
            _with_error(1000 * m.kid, 1000 * m.kid_error),
            _with_error(m.inception_score, m.inception_score_deviation),
            *(
                "" if math.isnan(x) else f"{x:.3f}"
                for x in (m.precision, m.recall, m.density, m.coverage, m.f8, m.f1_8)
            ),
        ]
        if m.split != split:  # held-out images against themselves
            cells[6], cells[8:] = "", [""] * 6
        if likelihoods:
            cells.append("" if row.bits_per_dim is None else f"{row.bits_per_dim:.3f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"Features: {name} (images {first.resize}). References are the training images that FID is against; held-out "
        f"ones are {first.held_out:,}. KID, precision and recall, density and coverage, F8 and F1/8 are against "
        f"{split} images, at most {evaluation.KEPT:,} a side.",
    ]
    if likelihoods:
        lines[-1] += " Bits per dimension of held-out images; of a VAE an upper bound, the ELBO of one sample."
    scored = [row for row in rows if row.classes]
    if scored:
        lines += ["", "| | images | GAN-train | GAN-test | trained and tested on real |", "|---|---|---|---|---|"]
    for row in scored:
        c = row.classes
        lines.append(f"| {row.name} | {c.samples:,} | {c.gan_train:.3f} | {c.gan_test:.3f} | {c.real:.3f} |")
    return "\n".join(lines)


def outputs(prefix):
    """Ending -> path of each file that `write` makes.

    Raises:
      ValueError: where one of them is a run's or a sweep's own.
    """
    paths = {kind: prefix.with_name(prefix.name + kind) for kind in (".csv", ".json", ".png", "-prd.png")}
    runs.check_outputs(paths.values())
    return paths


def write(rows, prefix):
    """Writes what was measured beside each other: PREFIX.csv, PREFIX.json, PREFIX.png (samples) and PREFIX-prd.png.

    Returns: the paths.
    """
    paths = outputs(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    records = [to_record(row) for row in rows]
    paths[".json"].write_text(json.dumps(records, indent=1, allow_nan=False) + "\n")
    with open(paths[".csv"], "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for record in records for key in record)))
        writer.writeheader()
        writer.writerows(records)
    panels = {}
    for row in rows:
        figure = (
            ""
            if row.step is None
            else f"\n{row.measures.objective} {row.measures.fid_train:.4g}\n{row.measures.counts}"
        )
        panels[row.name + figure] = row.images
    pictures.image_panels(panels, paths[".png"])
    curves = {f"{row.name}, against {row.measures.split}": row.measures.curve for row in rows if row.measures.curve}
    pictures.precision_recall_curves(curves, paths["-prd.png"])
    return list(paths.values())


def to_record(row):
    """A row as flat, JSON-ready fields; what does not apply is None."""
    classes = {}
    if row.classes:
        classes = {
            "GAN-train": row.classes.gan_train,
            "GAN-test": row.classes.gan_test,
            "trained and tested on real": row.classes.real,
            "class images": row.classes.samples,
        }
    known = {"name": row.name, "step": row.step}
    known |= {field: getattr(row.measures, field) for field in _CONTEXT}
    return {**known, **row.measures.finite(), "bits_per_dim test": row.bits_per_dim, **classes}


def _bits_per_dim(preset, model):
    """Mean over the held-out images, of a model with a likelihood; None for others."""
    if not can(model, HasLikelihood):
        return None
    held_out = take(build.dataset(preset, "test", labels=preset.takes_labels))
    return float(np.mean(model.bits_per_dim(*held_out) if preset.takes_labels else model.bits_per_dim(held_out)))


def _ways(run, model, seed):
    """Name of each way in which the model makes images, "" where there is one -> function of n to batches of n."""
    if not can(model, HasLatents):
        return {"": lambda n: model.sample_batches(n, seed, BATCH_SIZE)}
    ways = {way: lambda n, way=way: model.sample_batches(n, seed, BATCH_SIZE, way=way) for way in model.WAYS}
    if not can(model, Reconstructs):
        return ways

    def reconstructed(n):
        source = build.dataset(run.preset)
        images = take(source, min(n, source.size))
        for i in range(0, n, BATCH_SIZE):  # images come again where there are fewer than n
            yield model.reconstruct(images[np.arange(i, min(i + BATCH_SIZE, n)) % len(images)])

    return {**ways, "reconstructed": reconstructed}


def _labelled(preset, opened, models):
    """Training and held-out images with labels, for generators that have classes."""
    for run, model in zip(opened, models):
        if model.num_classes is None:
            raise ValueError(
                "gan_train must be left out where a generator has no classes. Received: "
                f"{run.path}, a run of {run.name}"
            )
    return [take(build.dataset(preset, split, labels=True)) for split in ("train", "test")]


def _class_scores(model, labelled, samples, seed, epochs, verbose):
    labels = np.arange(samples) % model.num_classes
    generated = model.sample(samples, seed, labels=labels), labels
    flip = model.example_shape[-1] == 3  # photographs mirrored are photographs, digits are not digits
    return evaluation.class_scores(generated, *labelled, model.num_classes, epochs, flip, verbose=verbose)


def _with_error(value, error):
    if math.isnan(value):
        return ""
    return f"{value:.3g}" + ("" if math.isnan(error) else f" ± {error:.2g}")
