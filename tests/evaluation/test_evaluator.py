import json
import math

import numpy as np
import pytest

from qrkeras import data, evaluation, metrics
from qrkeras.features import FeatureNetwork

NAMES = {
    "FID[pixels] train": "fid_train",
    "FID[pixels] test": "fid_test",
    "KID[pixels] SPLIT": "kid",
    "KID[pixels] SPLIT error": "kid_error",
    "IS[pixels]": "inception_score",
    "IS[pixels] deviation": "inception_score_deviation",
    "precision[pixels] SPLIT": "precision",
    "recall[pixels] SPLIT": "recall",
    "density[pixels] SPLIT": "density",
    "coverage[pixels] SPLIT": "coverage",
    "F8[pixels] SPLIT": "f8",
    "F1/8[pixels] SPLIT": "f1_8",
    "AUC[pixels] SPLIT": "auc",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QRKERAS_CACHE", str(tmp_path))


def taken(images, dim=3):
    return images.reshape(len(images), -1)[:, :dim].astype("float32") / 50


def pixels(has_logits=True, dim=3):
    """The first pixels as features, and as logits."""

    def run(images):
        return taken(images, dim), taken(images, dim) if has_logits else None

    return FeatureNetwork("pixels", "f00d", "as they are", 1, run)


def images(n, seed, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (n, 2, 2, 1), "uint8")


def evaluator(train, test, samples, split="train", **options):
    network = pixels(**options)
    references = [
        evaluation.reference(data.from_arrays(part, "mine"), name, network, verbose=0)
        for name, part in (("train", train), ("test", test))
    ]
    return evaluation.Evaluator(network, *references, samples, split)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("samples", [50, 70])
def test_every_measure_is_that_of_its_function(split, samples):
    train, test, generated = images(60, 0), images(40, 1), images(samples, 2, 30, 200)
    found = evaluator(train, test, samples, split).measure(np.array_split(generated, 3))
    real = taken({"train": train, "test": test}[split])
    features = taken(generated)
    assert (found.features, found.resize, found.split, found.samples) == ("pixels", "as they are", split, samples)
    assert found.fid_train == pytest.approx(metrics.frechet_distance(taken(train), features), rel=1e-9)
    assert found.fid_test == pytest.approx(metrics.frechet_distance(taken(test), features), rel=1e-9)
    assert abs(found.fid_train - found.fid_test) > 1e-3
    # One block: the order within it does not matter. The generated rows beyond it are left out.
    kernel = metrics.kernel_distance(real, features)
    assert found.kid == pytest.approx(kernel.mean, rel=1e-5) and math.isnan(found.kid_error)
    score = metrics.inception_score(features)
    assert found.inception_score == pytest.approx(score.mean)
    assert found.inception_score_deviation == pytest.approx(score.std)
    # Equally many a side: the first generated ones, and real ones spread evenly.
    count = min(samples, len(real))
    spread = real[[i * len(real) // count for i in range(count)]]
    near = metrics.precision_recall(spread, features[:count], 3)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == getattr(near, name), name
    curve = metrics.precision_recall_curve(spread, features[:count])
    assert (found.f8, found.f1_8, found.auc) == (curve.f8, curve.f1_8, curve.auc)
    np.testing.assert_array_equal(found.curve.precision, curve.precision)


def test_a_second_measure_is_the_same():
    measurer, generated = evaluator(images(60, 0), images(40, 1), 50), images(50, 2)
    first = measurer.measure([generated])
    second = measurer.measure([generated[:1], generated[1:]])
    for field in NAMES.values():
        assert getattr(second, field) == pytest.approx(getattr(first, field), nan_ok=True), field


def halves(n, values, seed):
    """Images about the first value, then as many about each other."""
    parts = [images(n, seed + i, value, value + 10) for i, value in enumerate(values)]
    return np.concatenate(parts)


def test_dropped_modes_lower_recall_and_invented_ones_precision():
    # Two clusters far apart. A generator of the first alone: every sample is precise, and half of the data is missed.
    both, first = halves(40, (0, 200), 0), halves(80, (0,), 10)
    dropped = evaluator(both, both, 80).measure([first])
    assert dropped.precision > 0.9 and dropped.coverage <= 0.5 and dropped.recall <= 0.5
    assert dropped.f1_8 > 0.8 and dropped.f8 < 0.6
    # The other way round: half of the samples are of no real kind, and all of the data is met.
    invented = evaluator(halves(80, (0,), 20), both, 80).measure([halves(40, (0, 200), 30)])
    assert invented.precision <= 0.5 and invented.recall > 0.9
    assert invented.f8 > 0.8 and invented.f1_8 < 0.6


def test_kernel_distance_to_data_that_lie_sorted():
    # Two blocks, of 600 dark and 600 bright images; generated ones are alike, mixed. Block by block in this order
    # they would be far apart.
    real, generated = halves(600, (0, 200), 0), halves(600, (0, 200), 5)
    mixed = generated[np.random.default_rng(0).permutation(1200)]
    found = evaluator(real, real, 1200).measure([mixed])
    far = metrics.kernel_distance(taken(real), taken(mixed))
    assert far.blocks == 2 and found.kid_error >= 0
    assert abs(found.kid) < 0.02 * far.mean


@pytest.mark.parametrize("sizes, total", [([25, 24], "49"), ([25, 26], "51"), ([50, 50], "100")])
def test_another_number_of_images(sizes, total):
    measurer = evaluator(images(30, 0), images(20, 1), 50)
    with pytest.raises(ValueError, match=f"batches must hold 50 images together. Received: {total}"):
        measurer.measure(images(size, 2) for size in sizes)


def test_images_that_are_not_uint8():
    measurer = evaluator(images(30, 0), images(20, 1), 50)
    with pytest.raises(ValueError, match="images must be .*uint8.*generated ones quantised"):
        measurer.measure([images(50, 2) / 127.5 - 1])


def test_statistics_of_another_network():
    one = evaluator(images(30, 0), images(20, 1), 50)
    other = evaluation.Evaluator(pixels(dim=4), one.train, one.test, 50)
    with pytest.raises(ValueError, match="must have 3 columns"):
        other.measure([images(50, 2)])


@pytest.mark.parametrize("has_logits", [True, False])
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_carry_network_and_split(has_logits, split):
    found = evaluator(images(30, 0), images(20, 1), 50, split, has_logits=has_logits).measure([images(50, 2)])
    labelled = found.labelled()
    assert list(labelled) == [name.replace("SPLIT", split) for name in NAMES]
    for name, field in NAMES.items():
        np.testing.assert_equal(labelled[name.replace("SPLIT", split)], getattr(found, field))
    scores = [found.inception_score, found.inception_score_deviation]
    assert not np.isnan(scores).any() if has_logits else np.isnan(scores).all()
    assert found.objective == "FID[pixels] train" and labelled[found.objective] == found.fid_train
    json.dumps(labelled)


@pytest.mark.parametrize("split", ["train", "test"])
def test_floor_is_of_held_out_images_against_the_training_split(split):
    train, test = images(60, 0), images(40, 1)
    measurer = evaluator(train, test, 50, split)
    floor = measurer.floor()
    as_generated = evaluator(train, test, 40).measure([test])
    assert math.isnan(floor.fid_test) and floor.split == "train" and floor.samples == 40
    for field in NAMES.values():
        if field not in ("fid_test", "kid_error"):
            assert getattr(floor, field) == pytest.approx(getattr(as_generated, field), rel=1e-5), field
    assert floor.fid_train == pytest.approx(metrics.frechet_distance(taken(train), taken(test)), rel=1e-9)


@pytest.mark.parametrize("samples", [9, 0, -1])
def test_too_few_samples(samples):
    with pytest.raises(ValueError, match=f"samples must be at least 10, one for each split.*Received: {samples}"):
        evaluator(images(30, 0), images(20, 1), samples)


def test_unknown_split():
    with pytest.raises(ValueError, match="split must be 'train' or 'test'. Received: 'validation'"):
        evaluator(images(30, 0), images(20, 1), 50, "validation")


def test_fewest_images_of_all():
    found = evaluator(images(10, 0), images(10, 1), 10).measure([images(10, 2)])
    assert np.isfinite([found.fid_train, found.fid_test, found.kid, found.precision, found.f8]).all()


def test_distances_alone():
    train, test, generated = images(60, 0), images(40, 1), images(50, 2, 30, 200)
    network = pixels()
    references = [
        evaluation.reference(data.from_arrays(part, "mine"), name, network, verbose=0)
        for name, part in (("train", train), ("test", test))
    ]
    found = evaluation.Evaluator(network, *references, 50, measures="distances").measure([generated])
    every = evaluation.Evaluator(network, *references, 50).measure([generated])
    missing = {"precision", "recall", "density", "coverage", "f8", "f1_8", "auc"}
    for name in set(NAMES.values()) - missing:
        np.testing.assert_equal(getattr(found, name), getattr(every, name))
    assert all(math.isnan(getattr(found, name)) for name in missing) and found.curve is None
    with pytest.raises(ValueError, match="measures must be 'all' or 'distances'. Received: 'some'"):
        evaluation.Evaluator(network, *references, 50, measures="some")


def test_few_held_out_images():
    """Seven have neighbours and a mean, but neither ten parts for the Inception score nor points for the curve."""
    floor = evaluator(images(60, 0), images(7, 1), 50).floor()
    assert floor.samples == 7 and np.isfinite([floor.fid_train, floor.kid, floor.precision, floor.coverage]).all()
    assert np.isnan([floor.inception_score, floor.f8, floor.f1_8]).all() and floor.curve is None
