"""`qrkeras evaluate`, and evaluation during training, on digits."""

import csv
import dataclasses
import json
import math
import os
import shutil
import signal
import socket

import keras
import numpy as np
import pytest
from PIL import Image

from qrkeras import data, kinds
from qrkeras.data.order import held_out
from qrkeras.evaluation import ClassScores, Measures
from qrkeras.experiments import build, runs, train
from qrkeras.families.preset import Data
from qrkeras.metrics import CurveEstimate
from qrkeras.verbs import evaluate
from qrkeras.verbs.rows import Row, measure

pytestmark = pytest.mark.filterwarnings("ignore:.*is singular")
FID = "FID[digits-cnn] train"
SAMPLES = 80


@pytest.fixture(scope="module")
def two_runs(images_run, tiny_images, tmp_path_factory):
    """The shared run, and one of another seed."""
    other = train.train("qrgan-cifar10", tiny_images, 2, tmp_path_factory.mktemp("other") / "run", verbose=0)
    return [images_run, other]


@pytest.fixture(scope="module")
def rows(two_runs):
    return measure(two_runs, SAMPLES, "digits-cnn", verbose=0)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_rows(rows, two_runs):
    assert [row.name for row in rows] == [str(run.path) for run in two_runs] + ["held-out real images"]
    assert [row.step for row in rows] == [10, 10, None]
    assert [row.measures.samples for row in rows] == [SAMPLES, SAMPLES, 166]
    floor = rows[-1].measures
    for row in rows[:2]:
        # A generator of ten steps is far from any digit, and held-out digits are near the others.
        assert row.measures.fid_train > 20 * floor.fid_train > 0
        assert row.measures.recall < 0.2 < 0.6 < floor.recall
        assert row.measures.coverage < 0.2 < 0.6 < floor.coverage
    assert rows[0].measures != rows[1].measures


def test_evaluated_again_it_is_the_same(rows, two_runs):
    again = measure(two_runs[:1], SAMPLES, "digits-cnn", verbose=0)
    for name, value in rows[0].measures.labelled().items():
        assert again[0].measures.labelled()[name] == pytest.approx(value, rel=1e-7, nan_ok=True), name


def test_another_seed_is_other_noise(rows, two_runs):
    other = measure(two_runs[:1], SAMPLES, "digits-cnn", seed=1, verbose=0)
    assert other[0].measures.fid_train != pytest.approx(rows[0].measures.fid_train, rel=1e-7)


def fake(**changes):
    numbers = {
        "fid_train": 12.3456, "fid_test": 23.456, "kid": 0.012345, "kid_error": 0.00067, "inception_score": 2.5,
        "inception_score_deviation": 0.125, "precision": 0.5, "recall": 0.25, "density": 0.75, "coverage": 1.0,
        "f8": 0.1234, "f1_8": 0.9876, "auc": 0.4567,
    }  # fmt: skip
    line = np.linspace(0, 1, 5)
    known = {"features": "net", "resize": "as they are", "split": "train", "samples": 5_000}
    known |= {"references": 50_000, "held_out": 10_000}
    return Measures(**{**known, **numbers, "curve": CurveEstimate(line, line[::-1], 0.5, 0.5), **changes})


def test_table_by_hand():
    floor = fake(samples=1_000, fid_test=math.nan, kid_error=math.nan, inception_score=math.nan)
    shown = evaluate.table([Row("a", 4_000, fake()), Row("floor", None, floor)]).splitlines()
    assert cells(shown[0]) == [
        "", "step", "samples", "references", "FID[net] train", "FID[net] test", "1000 KID[net] train", "IS[net]",
        "precision", "recall", "density", "coverage", "F8", "F1/8", "AUC",
    ]  # fmt: skip
    assert cells(shown[1]) == 15 * ["---"]
    assert cells(shown[2]) == [
        "a", "4,000", "5,000", "50,000", "12.35", "23.46", "12.3 ± 0.67", "2.5 ± 0.12", "0.500", "0.250", "0.750",
        "1.000", "0.123", "0.988", "0.457",
    ]  # fmt: skip
    assert cells(shown[3])[:8] == ["floor", "", "1,000", "50,000", "12.35", "", "12.3", ""]
    assert "Features: net (images as they are)" in shown[5] and "against train images" in shown[5]
    assert "held-out ones are 10,000" in shown[5]
    assert len(shown) == 6


def test_table_names_the_split_and_hides_what_is_of_another():
    # The floor is against training images always: beside figures against held-out ones it would mislead.
    rows = [Row("a", 1, fake(split="test")), Row("floor", None, fake(split="train"))]
    shown = evaluate.table(rows).splitlines()
    assert "1000 KID[net] test" in shown[0] and "against test images" in shown[5]
    assert cells(shown[2])[6:] == [
        "12.3 ± 0.67", "2.5 ± 0.12", "0.500", "0.250", "0.750", "1.000", "0.123", "0.988", "0.457",
    ]  # fmt: skip
    assert cells(shown[3])[4:] == ["12.35", "23.46", "", "2.5 ± 0.12", *[""] * 7]


def test_table_of_class_scores():
    rows = [Row("a", 1, fake(), ClassScores(0.5, 0.25, 0.875, 4_000)), Row("b", 1, fake())]
    shown = evaluate.table(rows).splitlines()
    assert cells(shown[-3]) == ["", "images", "GAN-train", "GAN-test", "trained and tested on real"]
    assert cells(shown[-1]) == ["a", "4,000", "0.500", "0.250", "0.875"]


def test_table_of_models_with_and_without_likelihood():
    rows = [Row("a", 1, fake(), bits_per_dim=1.23456, bits_of="17 levels"), Row("b", 1, fake())]
    shown = evaluate.table(rows).splitlines()
    assert [cells(line)[15:] for line in (shown[0], shown[2], shown[3])] == [
        ["bits/dim test"],
        ["1.235 of 17 levels"],
        [""],
    ]
    assert [evaluate.to_record(row)["bits_per_dim test"] for row in rows] == [1.23456, None]


@pytest.fixture
def written(rows, two_runs, tmp_path):
    paths = evaluate.write(rows, tmp_path / "new" / "out.v1")
    assert [path.name for path in paths] == ["out.v1.csv", "out.v1.json", "out.v1.png", "out.v1-prd.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    return paths


def test_csv_and_json_are_equal_and_hold_the_rows(written, rows):
    with open(written[0], newline="") as file:
        from_csv = list(csv.DictReader(file))

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    from_json = json.loads(written[1].read_text(), parse_constant=refuse)
    assert len(from_csv) == len(from_json) == 3
    for in_csv, in_json, row in zip(from_csv, from_json, rows):
        assert {key: value for key, value in in_csv.items() if value != ""} == {
            key: str(value) for key, value in in_json.items() if value is not None
        }
        assert (in_json["name"], in_json["step"], in_json["samples"]) == (row.name, row.step, row.measures.samples)
        assert in_json["features"] == "digits-cnn" and in_json["resize"] == "bilinear to 8x8, [-1, 1]"
        for label, value in row.measures.labelled().items():
            assert in_json[label] == (value if math.isfinite(value) else None), label
    assert from_json[2]["FID[digits-cnn] test"] is None, "held-out images are not compared with themselves"


def test_pictures(written):
    # Three panels of (3.4, 3.6) inches side by side, and one at least 4.2 wide, as its longest name asks, and 4 high,
    # with 0.2 for each of three names below it, at 110 dots.
    assert Image.open(written[2]).size == (1122, 396)
    wide, high = Image.open(written[3]).size
    assert wide >= 462 and high == 506
    assert np.asarray(Image.open(written[2]).convert("L")).std() > 10, "not one colour"


def test_command(done, images_run, tmp_path):
    shutil.copytree(images_run.path, tmp_path / "run")
    options = "--samples", 20, "--features", "digits-cnn", "--split", "test"
    shown = done("evaluate", tmp_path / "run", *options).splitlines()
    assert "FID[digits-cnn] train" in shown[0] and "1000 KID[digits-cnn] test" in shown[0]
    assert cells(shown[2])[:3] == [str(tmp_path / "run"), "10", "20"]
    assert shown[-4:] == [str(tmp_path / "run" / f"evaluated{end}") for end in (".csv", ".json", ".png", "-prd.png")]
    assert all(os.path.getsize(path) for path in shown[-4:])


@pytest.mark.parametrize(
    "options, told",
    [
        (["--samples", "9"], "samples must be at least 10"),
        (["--features", "digit-cnn"], "Did you mean 'digits-cnn'?"),
        (["--features", "none.keras"], "features must name an existing .keras file"),
        (["--gan-train", "0", "--features", "digits-cnn"], "gan_train must be at least 1 epoch, or None. Received: 0"),
        (["--gan-train", "3", "--features", "digits-cnn"], "gan_train must be left out where a generator has no class"),
        (["--importance-samples", "0", "--features", "digits-cnn"], "importance_samples must be at least 1, or None"),
        (["--importance-samples", "2", "--features", "digits-cnn"], "importance_samples must be left out where no run"),
        (["--best"], "RUN must hold a best model. Received: "),
    ],
)
def test_command_refuses(refused, images_run, options, told):
    before = sorted(images_run.path.iterdir())
    assert told in refused("evaluate", images_run.path, *options)
    assert sorted(images_run.path.iterdir()) == before


def test_torn_best_model(refused, images_run, tmp_path):
    shutil.copytree(images_run.path, tmp_path / "run")
    (tmp_path / "run" / "best.keras").write_bytes(b"PK torn")
    told = refused("evaluate", tmp_path / "run", "--best")
    assert "RUN must hold a best model that can be read" in told and "Leave out --best" in told


def test_output_is_no_file_of_the_runs_own(refused, images_run):
    before = (images_run.path / "config.json").read_bytes()
    output = images_run.path / "config"
    assert "output must be no file of a run" in refused("evaluate", images_run.path, "--output", output)
    assert (images_run.path / "config.json").read_bytes() == before


def test_command_needs_a_run(refused):
    assert "RUN must name at least one run directory" in refused("evaluate")
    assert "RUN must be a run directory" in refused("evaluate", "nowhere")


def test_points_are_refused_with_a_pointer(refused, points_run):
    told = refused("evaluate", points_run.path)
    assert "RUN must be a run of images" in told and "the points of ring8" in told and "`qrkeras coverage`" in told


@pytest.mark.parametrize(
    "changed", [Data("photo-patches"), Data("digits", image_size=16)], ids=["other data", "other size"]
)
def test_runs_of_different_data_are_refused(images_run, changed):
    preset = dataclasses.replace(images_run.preset, data=changed)
    other = dataclasses.replace(images_run, path=images_run.path.parent / "other", preset=preset)
    with pytest.raises(ValueError, match=f"runs must be of one data set.*{other.path} of {changed.name}.*one by one"):
        measure([images_run, other], SAMPLES, "digits-cnn", verbose=0)


def test_data_that_were_moved_are_the_same_data(images_run, monkeypatch):
    moved = dataclasses.replace(images_run.preset, data=Data("digits", directory="elsewhere"))

    class PastTheCheck(Exception):
        pass

    def load(*_):
        raise PastTheCheck

    monkeypatch.setattr("qrkeras.verbs.rows.load_model", load)
    with pytest.raises(PastTheCheck):
        measure([images_run, dataclasses.replace(images_run, preset=moved)], verbose=0)


class Conditional:
    """Stands for a class-conditional generator: real digits, of the class that is asked for."""

    kind, example_shape, num_classes, step = kinds.IMAGES, (8, 8, 1), 10, 7
    BOUNDED_WAY = "prior"

    def __init__(self):
        self.images, self.labels = data.take(data.load("digits", labels=True))
        self.asked = []

    def sample(self, n, seed=0, labels=None):
        labels = np.arange(n) % 10 if labels is None else labels
        self.asked.append(labels)
        random = np.random.default_rng(seed)
        return np.stack([self.images[random.choice(np.flatnonzero(self.labels == label))] for label in labels])

    def sample_batches(self, n, seed=0, batch_size=64):
        yield from np.array_split(self.sample(n, seed), -(-n // batch_size))


def test_class_scores_end_to_end(images_run, monkeypatch, tmp_path):
    model = Conditional()
    monkeypatch.setattr("qrkeras.verbs.rows.load_model", lambda run, best: model)
    found = measure([images_run], 320, "digits-cnn", gan_train=5, verbose=0)
    scores = found[0].classes
    assert scores.samples == 320 and found[-1].classes is None
    monkeypatch.setattr("qrkeras.verbs.rows._ways", lambda run, model, seed: dict.fromkeys(
        ("first", "other"), lambda n, share=(0, 1): iter([model.images[:n]])
    ))  # fmt: skip
    drawn = measure([images_run], 320, "digits-cnn", gan_train=1, verbose=0)
    assert [row.classes is None for row in drawn] == [False, True, True], "of what the model draws by default alone"
    # Real digits under their own labels, so that both are as good as real ones, and far from a tenth.
    assert min(scores.gan_train, scores.gan_test, scores.real) > 0.4
    np.testing.assert_array_equal(model.asked[0], np.arange(320) % 10)
    record = evaluate.to_record(found[0])
    assert record["GAN-train"] == scores.gan_train and record["class images"] == 320
    assert "| 320 |" in evaluate.table(found)
    evaluate.write(found, tmp_path / "out")
    with open(tmp_path / "out.csv", newline="") as file:
        first, floor = csv.DictReader(file)
    assert float(first["GAN-test"]) == scores.gan_test and floor["GAN-test"] == ""


@pytest.fixture(scope="module")
def evaluated_preset(tiny_images):
    return dataclasses.replace(
        tiny_images, evaluate_every=5, evaluate_samples=SAMPLES, evaluate_features="digits-cnn", checkpoint_every=10
    )


@pytest.fixture(scope="module")
def evaluated(evaluated_preset, tmp_path_factory):
    return train.train("x", evaluated_preset, 1, tmp_path_factory.mktemp("evaluated") / "run", verbose=0)


def evaluations(run):
    """Lines of evaluations, without their time."""
    return [{k: v for k, v in record.items() if k != "seconds"} for record in run.records() if "features" in record]


def test_training_with_evaluation(evaluated):
    lines = evaluations(evaluated)
    assert [line["step"] for line in lines] == [5, 10]
    assert all(line["samples"] == SAMPLES and line["features"] == "digits-cnn" and line[FID] > 0 for line in lines)
    assert Image.open(evaluated.evaluation).size == (770, 440)
    lowest = min(lines, key=lambda line: line[FID])
    best = train.load_model(runs.load(evaluated.path), best=True)
    assert best.step == lowest["step"]
    # It can be measured again from what is on disk.
    row = measure([evaluated], best=True, verbose=0)[0]
    assert row.step == lowest["step"] and row.measures.samples == SAMPLES
    assert row.measures.fid_train == pytest.approx(lowest[FID], rel=1e-3)


def test_evaluation_changes_nothing_in_training(evaluated, images_run):
    one, other = train.load_model(evaluated), train.load_model(images_run)
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_same_lines(one, other):
    assert [line["step"] for line in one] == [line["step"] for line in other]
    for a, b in zip(one, other):
        assert list(a) == list(b)
        for name in a:
            assert a[name] == (pytest.approx(b[name], rel=1e-4) if isinstance(a[name], float) else b[name]), name


def test_resumed_lines_equal_uninterrupted_ones(evaluated, evaluated_preset, tmp_path):
    for steps in (5, 10):
        preset = dataclasses.replace(evaluated_preset, steps=steps)
        run = train.train("x", preset, 1, tmp_path / "run", verbose=0)
    assert_same_lines(evaluations(run), evaluations(evaluated))
    assert train.load_model(run, best=True).step == train.load_model(evaluated, best=True).step


def test_stopped_at_an_evaluation_it_is_made_up_for(evaluated, evaluated_preset, tmp_path, monkeypatch):
    class Terminate(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

    reports = build.reports
    with monkeypatch.context() as patch:
        patch.setattr(build, "reports", lambda *a: [*reports(*a), Terminate()])
        run = train.train("x", evaluated_preset, 1, tmp_path / "run", verbose=0)
    assert train.load_model(run).step == 5 and evaluations(run) == [], "it saves and is gone"
    run = train.train("x", evaluated_preset, 1, tmp_path / "run", verbose=0)
    assert_same_lines(evaluations(run), evaluations(evaluated))


def test_resumed_with_another_rhythm_and_network(evaluated, tmp_path):
    shutil.copytree(evaluated.path, tmp_path / "run")
    preset = dataclasses.replace(evaluated.preset, steps=15, evaluate_every=None)
    run = train.train("x", preset, 1, tmp_path / "run", verbose=0)
    assert [line["step"] for line in evaluations(run)] == [5, 10]


def test_plot_draws_evaluations(evaluated, done, tmp_path):
    shutil.copytree(evaluated.path, tmp_path / "run")
    (tmp_path / "run" / "evaluation.png").unlink()
    assert str(tmp_path / "run" / "evaluation.png") in done("plot", tmp_path / "run").split()
    assert Image.open(tmp_path / "run" / "evaluation.png").size == (770, 440)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["qrgan-ring8", "--evaluate-every", "5"], "evaluate_every must be None for points. Received: 5 and ring8"),
        (["qrgan-digits", "--evaluate-every", "0"], "evaluate_every must be at least 1. Received: 0"),
        (["qrgan-digits", "--evaluate-samples", "3"], "samples must be at least 10"),
        (["qrgan-digits", "--evaluate-features", "digts-cnn"], "Did you mean 'digits-cnn'?"),
        # 8 x 8 in one channel for a network of three is repeated, three for one is refused.
        (
            ["qrgan-digits", "--data.name", "photo-patches", "--network.hidden-layers", "2"],
            "images must have 1 channels for digits-cnn",
        ),
    ],
)
def test_train_refuses_before_a_run_is_made(refused, arguments, told):
    assert told in refused("train", *arguments, "--run-dir", "run")


def test_train_with_inception_offline(refused, monkeypatch, tmp_path):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    (tmp_path / "hub").mkdir()
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    told = refused("train", "qrgan-digits", "--evaluate-features", "inception", "--run-dir", "run")
    assert "Either run this where the network reaches TF-Hub" in told and "TFHUB_CACHE_DIR" in told
    assert "digits-cnn" in told and "--evaluate-every None" in told


def test_few_held_out_images_are_refused_before_a_run_is_made(tiny_images, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    held = [i for i in range(99) if held_out(f"{i}.png")]
    for i in [*held[:3], *sorted(set(range(40)) - set(held))]:
        Image.fromarray(np.full((8, 8), i, "uint8")).save(folder / f"{i}.png")
    preset = dataclasses.replace(
        tiny_images, data=Data(f"folder:{folder}"), evaluate_every=5, evaluate_features="digits-cnn"
    )
    with pytest.raises(ValueError, match="the test images of 'folder:.* must be at least 4 .*--evaluate-every None"):
        train.train("x", preset, 0, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()
