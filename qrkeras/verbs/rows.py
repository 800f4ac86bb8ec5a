"""What `qrkeras evaluate` measures: a row for each run and each way that its model draws in, and the floor."""

import dataclasses

import numpy as np

from qrkeras import evaluation, kinds
from qrkeras.data import take
from qrkeras.experiments import build, runs
from qrkeras.experiments.train import load_model
from qrkeras.machine import cluster, collectives, progress
from qrkeras.machine.cluster import ALONE
from qrkeras.models import batches
from qrkeras.models.abilities import HasLikelihood, Reconstructs, can

FLOOR = "held-out real images"
BATCH_SIZE = 64
PICTURED = 64


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured on one run, drawn in one of its model's ways, or on the held-out images in its place."""

    name: str
    step: int | None
    measures: evaluation.Measures
    classes: evaluation.ClassScores | None = None
    bits_per_dim: float | None = None
    bits_of: str | None = None
    images: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)


def measure(
    opened,
    samples=None,
    features=None,
    split="train",
    seed=0,
    best=False,
    gan_train=None,
    verbose=1,
    references=None,
    strategy=None,
    importance_samples=None,
):
    """Measures runs of one data set, and its held-out images as the floor.

    Args:
      opened: `Run`s of images.   samples, references, features: None takes the first run's preset.
      split: "train" or "test", what all but the Frechet distances are taken against.   seed: of the noise.
      best: take each run's best model that was evaluated, not its newest.
      gan_train: epochs of each classifier of GAN-train and GAN-test, for class-conditional generators; None
        leaves the two out.
      importance_samples: latents drawn for each held-out image's IWAE bound; None: its ELBO.
      strategy: of several workers that measure together, each its share of the samples; None: this process alone.
    Returns: list of `Row`, the floor last. A model that reconstructs has a row for each way to draw, and one of its
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
    _check_importance_samples(importance_samples, models)
    labelled = _labelled(preset, opened, models) if gan_train else None
    evaluator = build.evaluator(preset, build.dataset(preset), split, verbose)
    workers = ALONE if strategy is None else cluster.of(strategy)
    gather = None if workers == ALONE else collectives.rows(strategy)
    rows = []
    for run, model in zip(opened, models):
        classes = _class_scores(model, labelled, evaluator.samples, seed, gan_train, verbose) if gan_train else None
        ways = _ways(run, model, seed)
        for way, draw in ways.items():
            name = f"{run.path} ({way})" if way else str(run.path)
            own, count = draw(evaluator.samples, (workers.index, workers.size)), evaluator.samples // workers.size
            measures = evaluator.measure(progress.shown(own, name, count, BATCH_SIZE, verbose), gather)
            bits, of = _bits(run.preset, model, importance_samples) if way in ("", model.BOUNDED_WAY) else (None, None)
            images = np.concatenate(list(draw(PICTURED)))
            scores = classes if way == next(iter(ways)) else None  # they are of what the model draws by default
            rows.append(Row(name, model.step, measures, scores, bits, of, images))
    held_out = build.dataset(preset, "test")
    images = take(held_out, min(PICTURED, held_out.size))
    return [*rows, Row(FLOOR, None, evaluator.floor(), images=images)]


def _is_bounded(model):
    """Whether the model's likelihood is a bound, by latents."""
    return can(model, HasLikelihood) and can(model, Reconstructs)


def _check_importance_samples(samples, models):
    if samples is None:
        return
    if samples < 1:
        raise ValueError(f"importance_samples must be at least 1, or None. Received: {samples}")
    if not any(map(_is_bounded, models)):
        raise ValueError(
            "importance_samples must be left out where no run has a likelihood that is bounded by latents, as a VAE's "
            f"is. Received: {samples}"
        )


def _bits(preset, model, importance_samples):
    """Mean bits over the held-out images and what they are of, of a model with a likelihood; None of others."""
    if not can(model, HasLikelihood):
        return None, None
    images, labels = _with_labels(preset, "test")
    options, of = labels, model.bits_of
    if importance_samples is not None and _is_bounded(model):
        options, of = {**labels, "samples": importance_samples}, f"{of}, IWAE of {importance_samples} samples"
    return float(np.mean(model.bits_per_dim(images, **options))), of


def _with_labels(preset, split, n=None):
    """n images, or all, and what else of them a model is asked with: labels, or nothing."""
    source = build.dataset(preset, split, labels=preset.takes_labels)
    found = take(source) if n is None else take(source, min(n, source.size))
    return (found[0], {"labels": found[1]}) if preset.takes_labels else (found, {})


def _ways(run, model, seed):
    """Name of each way in which the model makes images, "" where there is one -> function of n to batches of n.

    Args of that: n, and a worker's share of them: see `models.batches.shared`.
    """

    def sampled(**options):
        def draw(n, share=(0, 1)):
            own = {} if share == (0, 1) else {"share": share}
            return model.sample_batches(n, seed, BATCH_SIZE, **options, **own)

        return draw

    if not can(model, Reconstructs):
        return {"": sampled()}
    ways = {way: sampled(way=way) for way in model.WAYS}

    def reconstructed(n, share=(0, 1)):
        images, labels = _with_labels(run.preset, "train", n)
        own, size = batches.shared(n, BATCH_SIZE, share)
        for i in range(0, len(own), size):  # images come again where there are fewer than n
            rows = own[i : i + size] % len(images)
            yield model.reconstruct(images[rows], **{name: each[rows] for name, each in labels.items()})

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
