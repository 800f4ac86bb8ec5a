import collections
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from qrkeras import losses, models, networks
from qrkeras.experiments import runs
from qrkeras.serving import export as serving
from tests.support.requests import good_requests

KINDS = ("points", "images", "pixels", "classes", "latents")
EVERY = pytest.mark.parametrize("kind", KINDS)
ANSWERS = {"score": "bits_per_dim", "realism": "quantiles"}
SIGNATURES = {
    "points": {"sample", "realism"},
    "images": {"sample", "sample_png", "realism"},
    "pixels": {"sample", "sample_png", "inpaint", "inpaint_quantile"},
    "classes": {"sample", "sample_png", "inpaint", "score"},
    "latents": {"sample", "sample_png", "sample_prior", "reconstruct", "score"},
}

# What a reader of an export has: TensorFlow alone, in a process of its own.
READER = """
import sys
import numpy as np, tensorflow as tf
base, asked, answers = sys.argv[1:]
requests, out, loaded = {}, {}, {}
for key, value in np.load(asked).items():
    kind, signature, name = key.split("/")
    requests.setdefault((kind, signature), {})[name] = value
for (kind, signature), inputs in requests.items():
    if kind not in loaded:
        loaded[kind] = tf.saved_model.load(f"{base}/{kind}/1").signatures
    def ask(rows):
        outputs = loaded[kind][signature](**{name: tf.constant(x[rows]) for name, x in inputs.items()})
        (name, value), = outputs.items()
        if name == "png_bytes":
            return name, np.stack([tf.io.decode_png(png).numpy() for png in value])
        return name, value.numpy()
    whole = slice(None), [0], [1], [2], [2, 1, 0], [1] * 5 + [0, 2] * 3
    for name, value in map(ask, whole):
        out.setdefault(f"{kind}/{signature}/{name}", []).append(value)
assert not [name for name in sys.modules if name.startswith("qrkeras")]
np.savez(answers, **{key: np.concatenate(values) for key, values in out.items()})
"""
# Three rows at once, each alone, reversed, and among others.
WHOLE, ALONE, REVERSED, AMONG = slice(0, 3), slice(3, 6), slice(8, 5, -1), [14, 9, 15]


@pytest.fixture(scope="module")
def asked(served_models):
    return good_requests(served_models)


@pytest.fixture(scope="module")
def answers(served_folder, asked, tmp_path_factory):
    """`{(kind, signature): (name of the output, rows)}`, from a fresh process of plain TensorFlow."""
    folder = tmp_path_factory.mktemp("reader")
    np.savez(
        folder / "asked.npz", **{"/".join((*key, n)): x for key, inputs in asked.items() for n, x in inputs.items()}
    )
    command = [sys.executable, "-c", READER, served_folder, folder / "asked.npz", folder / "answers.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {}
    for key, rows in np.load(folder / "answers.npz").items():
        kind, signature, name = key.split("/")
        found[kind, signature] = name, rows
    return found


def close(one, other):
    # Sums of products may be ordered by batch size: floats differ in the last bits, pixels by a level at most.
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype and one.shape == other.shape
    np.testing.assert_allclose(one.astype("float64"), other, rtol=1e-5, atol=1 if one.dtype == "uint8" else 1e-6)


def expected(model, signature, inputs):
    """What the model itself answers, by its own methods; seeds are those of `sample(3, seed=5)`."""
    labels = {"labels": inputs["label"]} if "label" in inputs else {}
    if signature == "realism":
        (examples,) = inputs.values()
        return model.judge(tf.constant(examples)).numpy()
    if signature == "score" and hasattr(model, "reconstruct"):
        # Each image as if it were the first: its score is a function of the image.
        return np.concatenate([model.bits_per_dim(image[None]) for image in inputs["images"]])
    if signature == "score":
        pairs = zip(inputs["images"], inputs["label"])
        each = [model.evaluate(x[None], y[None], verbose=0, return_dict=True) for x, y in pairs]
        return np.array([one["bits_per_dim"] for one in each], "float32")
    if signature == "inpaint":
        return model.inpaint(inputs["images"], inputs["mask"], seed=5, **labels)
    if signature == "inpaint_quantile":
        return model.inpaint(inputs["images"], inputs["mask"], tau=inputs["tau"][:, None, None, None])
    if signature == "reconstruct":
        return model.reconstruct(inputs["images"])
    way = {"way": "prior"} if signature == "sample_prior" else {}
    return model.sample(3, seed=5, **labels, **way)


@EVERY
def test_plain_tensorflow_calls_every_signature_and_gets_what_the_model_gives(answers, asked, served_models, kind):
    called = {signature for of, signature in answers if of == kind}
    assert called == SIGNATURES[kind] | {"serving_default"}
    names = {"points": "samples"}.get(kind, "images")
    for signature in called:
        name, rows = answers[kind, signature]
        assert name == {"score": "bits_per_dim", "realism": "quantiles", "sample_png": "png_bytes"}.get(
            signature, names
        )
        whole = rows[WHOLE]
        assert len(np.unique(whole, axis=0)) == 3, "three different answers"
        assert whole.dtype != "uint8" or whole.std() > 20, "images of some contrast"
        if kind == "classes" and signature == "score":
            served_models[kind].compile()
        close(whole, expected(served_models[kind], signature, asked[kind, signature]))


@EVERY
def test_a_row_does_not_depend_on_its_batch(answers, kind):
    for signature in SIGNATURES[kind]:
        rows = answers[kind, signature][1]
        for other in (ALONE, REVERSED, AMONG):
            close(rows[other], rows[WHOLE])


@EVERY
def test_seeds_decide(answers, served_folder, asked, kind):
    sample = tf.saved_model.load(str(served_folder / kind / "1")).signatures["sample"]

    def ask(seed):
        inputs = {**asked[kind, "sample"], "seed": seed}
        return next(iter(sample(**{name: tf.constant(x) for name, x in inputs.items()}).values())).numpy()

    seed = asked[kind, "sample"]["seed"]
    np.testing.assert_array_equal(ask(seed), answers[kind, "sample"][1][WHOLE])  # another process
    for other in (seed + np.array([1, 0], "int32"), seed + np.array([0, 7], "int32")):
        assert (ask(other) != ask(seed)).reshape(3, -1).any(axis=1).all()


@pytest.mark.parametrize(
    "kind, signature", [("pixels", "inpaint"), ("pixels", "inpaint_quantile"), ("classes", "inpaint")]
)
def test_known_pixels_come_back_bit_for_bit(answers, asked, kind, signature):
    inputs, painted = asked[kind, signature], answers[kind, signature][1][WHOLE]
    known = inputs["mask"] == 1
    assert 0 < known.sum() < known.size
    np.testing.assert_array_equal(painted[known], inputs["images"][known])
    assert (painted[~known] != inputs["images"][~known]).any()


def reachable(path):
    """The operations of each signature, in all functions that it calls."""
    found = {}
    for key, signature in tf.saved_model.load(str(path)).signatures.items():
        graph = signature.graph.as_graph_def()
        functions = {f.signature.name: f.node_def for f in graph.library.function}
        called, waiting = set(), [graph.node]
        found[key] = collections.Counter()
        while waiting:
            for node in waiting.pop():
                found[key][node.op] += 1
                names = {attr.func.name for attr in node.attr.values()}
                names |= {f.name for attr in node.attr.values() for f in attr.list.func}
                new = names & functions.keys() - called
                called |= new
                waiting += [functions[name] for name in new]
    return found


@EVERY
def test_signatures_write_nothing_and_keep_no_generator(served_folder, kind):
    for key, ops in reachable(served_folder / kind / "1").items():
        assert not [op for op in ops if "Assign" in op or "PyFunc" in op], key
        assert not [op for op in ops if "Random" in op and not op.startswith("Stateless")], key
        noisy = key not in ("score", "realism", "inpaint_quantile", "reconstruct") or (kind, key) == (
            "latents",
            "score",
        )
        assert any(op.startswith("StatelessRandom") for op in ops) == noisy, "the walk finds the noise"
        if kind in ("pixels", "classes") and key != "score":
            assert ops["While"] + ops["StatelessWhile"] >= 2, "the loops run within the graph"


@EVERY
def test_only_the_weights_that_serve_are_written(served_models, served_folder, kind):
    model = served_models[kind]
    parts = {"points": ("generator", "discriminator"), "latents": ("encoder", "decoder", "average")}
    parts["images"] = parts["points"]
    weights = [w for part in parts.get(kind, ["average"]) for w in getattr(model, part).weights]
    if kind == "latents":
        weights.append(model.log_scale)
    expected = sorted(tuple(w.shape) for w in weights)
    variables = served_folder / kind / "1" / "variables" / "variables"
    found = [tuple(s) for name, s in tf.train.list_variables(str(variables)) if name.endswith("VARIABLE_VALUE")]
    assert sorted(found) == expected
    floats = 4 * sum(int(np.prod(shape)) for shape in expected)
    assert floats <= variables.with_suffix(".data-00000-of-00001").stat().st_size < floats + 20_000


def test_the_average_is_what_is_exported(tmp_path, asked):
    sizes = {"blocks": 1, "kernel_size": 3, "planes": 3, "output_planes": 3, "num_outputs": 1, "quantile": True}
    model = models.PixelIQN(networks.pixelcnn(3, 1, **sizes, seed=1))
    expected = model.sample(2, seed=5)
    for weight in model.network.weights:
        weight.assign(tf.zeros_like(weight))
    sample = tf.saved_model.load(str(serving.export_model(model, tmp_path, "m"))).signatures["sample"]
    np.testing.assert_array_equal(sample(seed=tf.constant([[5, 0], [5, 1]]))["images"], expected)


def test_metadata_tells_what_was_exported(served_folder, served_models):
    known = serving.read_metadata(served_folder / "classes" / "1")
    assert (known["name"], known["step"], known["example_shape"], known["num_classes"]) == ("classes", 0, [4, 4, 3], 4)
    assert known["versions"] == runs.versions() and known["git_revision"] == runs.git_revision()
    assert set(known["signatures"]) == SIGNATURES["classes"] | {"serving_default"}
    assert known["signatures"]["score"] == {
        "inputs": {
            "images": {"shape": [None, 4, 4, 3], "dtype": "uint8"},
            "label": {"shape": [None], "dtype": "int32"},
        },
        "outputs": {"bits_per_dim": {"shape": [None], "dtype": "float32"}},
    }
    known = serving.read_metadata(served_folder / "points" / "1")
    assert (known["step"], known["example_shape"], known["num_classes"]) == (20, [2], None)


def test_the_table_of_signatures(served_folder):
    assert serving.table(serving.read_metadata(served_folder / "pixels" / "1")).splitlines()[:4] == [
        "| signature | inputs | outputs |",
        "|---|---|---|",
        "| sample | seed int32 [batch, 2] | images uint8 [batch, 8, 8, 1] |",
        "| inpaint | images uint8 [batch, 8, 8, 1], mask uint8 [batch, 8, 8], seed int32 [batch, 2] "
        "| images uint8 [batch, 8, 8, 1] |",
    ]


def test_git_revision(tmp_path, monkeypatch):
    package = tmp_path / "checkout" / "qrkeras" / "experiments"
    package.mkdir(parents=True)
    monkeypatch.setattr(runs, "__file__", str(package / "runs.py"))
    assert runs.git_revision() is None, "an installed package is of no checkout"
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}
    (package / "runs.py").write_text("one")
    for command in ("init -q", "add .", "commit -qm one"):
        subprocess.run(["git", *command.split()], cwd=package.parents[1], env={**os.environ, **identity}, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=package.parents[1], capture_output=True, text=True)
    assert runs.git_revision() == head.stdout.strip() and len(head.stdout.strip()) == 40
    (package / "runs.py").write_text("two")
    assert runs.git_revision() == head.stdout.strip() + "-dirty"
    monkeypatch.setenv("PATH", "")
    assert runs.git_revision() is None, "there is no git"


def test_only_versions_lie_in_the_folder(served_folder):
    assert [path.name for path in (served_folder / "points").iterdir()] == ["1"]


@pytest.fixture
def quick(monkeypatch):
    def write(model, name, metadata, path):
        path.mkdir()
        (path / "saved_model.pb").write_text("new")

    monkeypatch.setattr(serving, "_write", write)


def test_versions_count_up_and_are_never_overwritten(quick, tmp_path):
    export = [serving.export_model(None, tmp_path, "gan", version).name for version in (None, None, 7, None)]
    assert export == ["1", "2", "7", "8"]
    with pytest.raises(ValueError, match="version must be a free one. Received: 7"):
        serving.export_model(None, tmp_path, "gan", 7)
    with pytest.raises(ValueError, match="version must be an integer from 1 to 9{18}. Received: 0"):
        serving.export_model(None, tmp_path, "gan", 0)
    assert sorted(path.name for path in (tmp_path / "gan").iterdir()) == ["1", "2", "7", "8"]


def test_folders_that_are_no_versions_do_not_count(quick, tmp_path):
    for name in (".abc", "latest", "3.tmp"):
        (tmp_path / "gan" / name).mkdir(parents=True)
    assert serving.export_model(None, tmp_path, "gan").name == "1"


NAMES = ("team/gan", "..", ".", "", ".gan", "-gan", "gan ", "a\0b", "gan\n", "a:b", "a\\b", "caf\xe9", "x" * 101, None)
VERSIONS = (0, -1, True, False, 10**18, 10**19, 1.0, "1", float("nan"))


@pytest.mark.parametrize(
    "name, version, told",
    [(x, None, "name must be 1 to 100") for x in NAMES] + [("gan", x, "version must be an integer") for x in VERSIONS],
)
def test_what_no_server_can_serve_is_refused_before_anything_is_written(quick, tmp_path, name, version, told):
    with pytest.raises(ValueError, match=told):
        serving.export_model(None, tmp_path / "base", name, version)
    assert list(tmp_path.iterdir()) == []


def test_names_and_versions_that_servers_read(quick, tmp_path):
    for name, version in (("Qr_gan-2.0", None), ("9", np.int64(3)), ("_", 10**18 - 1), ("x" * 100, None)):
        assert serving.export_model(None, tmp_path, name, version).parent == tmp_path / name
    with pytest.raises(ValueError, match="version must be an integer from 1 to 9{18}. Received: 10{18}"):
        serving.export_model(None, tmp_path, "_")  # the next one
    # Other names in a model's folder are passed over, as servers do; 007 is version 7.
    for other in ("\xb2", "10000000000000000000", "notes.txt", "007"):
        (tmp_path / "9" / other).mkdir()
    with pytest.raises(ValueError, match="version must be a free one. Received: 7"):
        serving.export_model(None, tmp_path, "9", 7)
    assert serving.export_model(None, tmp_path, "9").name == "8"


def test_a_folder_of_something_else_is_left_alone(quick, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="must be a new folder, or one of versions. Received: .*mine.*thesis.tex"):
        serving.export_model(None, tmp_path, "mine")
    version = serving.export_model(None, tmp_path, "gan")
    (version / "saved_model.pb").write_text("")
    with pytest.raises(ValueError, match="base_dir must hold a folder for each model.*which holds versions"):
        serving.export_model(None, tmp_path / "gan", "other")
    assert len(list(tmp_path.rglob("*"))) == 5


@pytest.mark.parametrize(
    "error, raised", [(OSError(28, "No space left on device"), ValueError), (TypeError("x"), TypeError)]
)
def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch, error, raised):
    def write(model, name, metadata, path):
        path.mkdir()
        raise error

    monkeypatch.setattr(serving, "_write", write)
    with pytest.raises(raised, match="No space left|x"):
        serving.export_model(None, tmp_path, "gan")
    assert list((tmp_path / "gan").iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ValueError, match="base_dir must be a directory that can be written. .*Not a directory.*Name another"
    ):
        serving.export_model(None, tmp_path / "file", "gan")


def test_a_version_that_another_export_takes_meanwhile(tmp_path, monkeypatch):
    def write(model, name, metadata, path):
        path.mkdir()
        (path / "saved_model.pb").write_text("ours")
        for version in ("1", "5"):
            (tmp_path / "gan" / version).mkdir(exist_ok=True)
            (tmp_path / "gan" / version / "saved_model.pb").write_text("theirs")

    monkeypatch.setattr(serving, "_write", write)
    with pytest.raises(ValueError, match="version must be a free one. Received: 5"):
        serving.export_model(None, tmp_path, "gan", 5)
    assert serving.export_model(None, tmp_path, "gan").name == "6"
    assert (tmp_path / "gan" / "1" / "saved_model.pb").read_text() == "theirs"
    assert sorted(path.name for path in (tmp_path / "gan").iterdir()) == ["1", "5", "6"]


def test_exports_at_the_same_time_get_versions_of_their_own(quick, tmp_path):
    got = []
    threads = [
        threading.Thread(target=lambda: got.extend(serving.export_model(None, tmp_path, "gan").name for _ in range(25)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, got)) == list(range(1, 101))


class Watcher(threading.Thread):
    """A server: looks at a folder all the time, and at each new version as soon as it is there."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.seen, self.half, self.stopped = folder, set(), [], False

    def run(self):
        stopped = False
        while not stopped:
            stopped = self.stopped  # and then a last look
            for path in sorted(self.folder.glob("*")):
                if path.name.isdigit() and path.name not in self.seen:  # as TF Serving does, which takes numbers
                    self.seen.add(path.name)
                    self.look(path)
            time.sleep(1e-4)

    def look(self, path):
        try:
            saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
            tf.train.list_variables(str(path / "variables" / "variables"))
            json.loads((path / serving.METADATA).read_text())
            assert len(list(tf.compat.v1.io.tf_record_iterator(str(path / serving.WARMUP)))) == 3
        except Exception as error:
            self.half.append((path.name, error))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.join()


@pytest.fixture
def tiny_gan():
    return models.GAN(networks.mlp(2, 2, width=2), networks.mlp(2, 2, width=2), 2, losses.QuantileRegression(2))


def copied(source):
    """What writes a version file by file, and takes its time."""

    def write(model, name, metadata, path):
        for file in sorted(p for p in source.rglob("*") if p.is_file()):
            copy = path / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
            time.sleep(2e-3)

    return write


def test_a_watching_server_never_sees_half_a_version(tiny_gan, tmp_path, monkeypatch):
    with Watcher(tmp_path / "gan") as server:
        for version in range(1, 21):
            assert serving.export_model(tiny_gan, tmp_path, "gan").name == str(version)
            if version == 3:  # the others are written as slowly, and cost less
                monkeypatch.setattr(serving, "_write", copied(tmp_path / "gan" / "1"))
    assert server.seen == {str(version) for version in range(1, 21)} and server.half == []


def test_the_watcher_can_see_half_a_version(tiny_gan, tmp_path):
    (tmp_path / "gan").mkdir()
    with Watcher(tmp_path / "gan") as server:
        serving._write(tiny_gan, "gan", {}, tmp_path / "gan" / "1")  # in its place from the start
        copied(tmp_path / "gan" / "1")(tiny_gan, "gan", {}, tmp_path / "gan" / "2")
    assert [name for name, _ in server.half] == ["1", "2"]
