"""Every signature in TF Serving's own messages, over gRPC on loopback: see `tests/support/loopback.py`."""

import pathlib
import re
import socket
import subprocess
import sys

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc

from qrkeras.serving import export as serving
from tests.support import loopback
from tests.support.requests import good_requests

CLIENT = pathlib.Path(__file__).parents[2] / "export" / "grpc_client.py"


@pytest.fixture(scope="module")
def address(served_folder):
    versions = {(path.name, 1): path / "1" for path in served_folder.iterdir()}
    with loopback.serving(versions, labels={("images", "stable"): 1}) as address:
        yield address


@pytest.fixture(scope="module")
def stub(address):
    with grpc.insecure_channel(address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def asked(served_models):
    return good_requests(served_models)


@pytest.fixture(scope="module")
def answers(served_folder, asked):
    """What plain TensorFlow answers in this process."""
    loaded = {path.name: tf.saved_model.load(str(path / "1")).signatures for path in served_folder.iterdir()}
    return {(kind, signature): loaded[kind][signature](**inputs) for (kind, signature), inputs in asked.items()}


def request_of(kind, signature, inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = kind, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def check_good(stub, asked, answers, key):
    response = stub.Predict(request_of(*key, asked[key]), timeout=600)
    assert set(response.outputs) == set(answers[key]) and response.model_spec.version.value == 1
    for name, value in answers[key].items():
        found, value = tf.make_ndarray(response.outputs[name]), value.numpy()
        assert found.shape == value.shape
        if name == "png_bytes":
            np.testing.assert_array_equal(found, value)
        else:
            np.testing.assert_allclose(found.astype("float64"), value, rtol=1e-5, atol=1e-6)


def test_predict_carries_every_signature(stub, asked, answers):
    assert len(answers) == 3 + 4 + 5 + 5 + 6
    for key in answers:
        check_good(stub, asked, answers, key)


def test_warm_up_has_one_request_that_each_signature_answers(stub, served_folder):
    for path in served_folder.iterdir():
        records = tf.data.TFRecordDataset(str(path / "1" / serving.WARMUP)).as_numpy_iterator()
        requests = [prediction_log_pb2.PredictionLog.FromString(x).predict_log.request for x in records]
        named = [request.model_spec.signature_name for request in requests]
        assert sorted(named) == sorted(serving.read_metadata(path / "1")["signatures"])
        for request in requests:
            assert request.model_spec.name == path.name
            for output in stub.Predict(request, timeout=600).outputs.values():
                assert tf.make_ndarray(output).shape[0] == 1


def bad_values(name, value):
    """What is of the right shape and type and yet wrong, for the inputs where there is such."""
    bad = {"label": (-1, 4), "mask": (2, 255), "tau": (0.0, 1.0, -0.5, np.nan), "samples": (np.nan, np.inf)}
    return [np.full(1, x, value.dtype)[0] for x in bad.get(name, ())]


@st.composite
def malformed(draw, asked):
    """A request with one thing wrong, and what the answer must name."""
    key = draw(st.sampled_from(sorted(asked)))
    inputs = dict(asked[key])
    name = draw(st.sampled_from(sorted(inputs)))
    value, named = inputs[name], name
    request = None
    kinds = ["missing", "unknown", "type", "rank", "scalar", "size", "rows", "empty", "bytes"]
    kind = draw(st.sampled_from(kinds + ["value"] * 3 * bool(bad_values(name, value))))
    if kind == "missing":
        del inputs[name]
    elif kind == "unknown":
        named = draw(st.text("abcdefgh", min_size=1, max_size=8))
        inputs[named] = value
    elif kind == "type":
        other = draw(st.sampled_from([t for t in ("int64", "float64", "bool") if t != value.dtype]))
        inputs[name] = value.astype(other)
        named = value.dtype.name.replace("float32", "float")  # the runtime tells the place and the type, not the name
    elif kind == "rank":
        inputs[name] = draw(st.sampled_from([value[..., None], value[None]] + [value[0]] * (value.ndim > 1)))
    elif kind == "scalar":
        inputs[name] = value.flat[0]
    elif kind == "size":
        if value.ndim == 1:
            return draw(malformed(asked))
        axis = draw(st.integers(1, value.ndim - 1))
        size = draw(st.integers(0, 12).filter(lambda n: n != value.shape[axis]))
        inputs[name] = np.resize(value, (*value.shape[:axis], size, *value.shape[axis + 1 :]))
    elif kind in ("rows", "empty"):
        n = 0 if kind == "empty" else draw(st.sampled_from([1, 2, 4]))
        if len(inputs) == 1:
            n = 0
        inputs[name] = np.resize(value, (n, *value.shape[1:]))
    elif kind == "value":
        at = draw(st.integers(0, value.size - 1))
        inputs[name] = value.copy()
        inputs[name].flat[at] = draw(st.sampled_from(bad_values(name, value)))
    request = request_of(*key, inputs)
    if kind == "bytes":
        request.inputs[name].tensor_content = request.inputs[name].tensor_content[:-1] or b"x"
    return key, request, named


def test_malformed_requests_are_refused_by_name_and_do_no_harm(stub, asked, answers):
    codes = set()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(malformed(asked))
    def refused(case):
        key, request, named = case
        with pytest.raises(grpc.RpcError) as stopped:
            stub.Predict(request, timeout=600)
        assert stopped.value.code() is grpc.StatusCode.INVALID_ARGUMENT, stopped.value.details()
        assert named in stopped.value.details()
        codes.add(key)
        check_good(stub, asked, answers, key)

    refused()
    assert codes == set(asked), "every signature was tried"


@pytest.mark.parametrize(
    "key, name, value, message",
    [
        (("images", "sample"), "seed", np.zeros((2, 3), "int32"), "[2,3] is not compatible with expected shape [?,2]"),
        (("pixels", "inpaint"), "mask", np.zeros((3, 8, 1), "uint8"), "[3,8,1] is not compatible with expected shape"),
        (("pixels", "inpaint"), "mask", np.full((3, 8, 8), 2, "uint8"), "mask must hold 1 where the pixel is known"),
        (("pixels", "inpaint"), "mask", np.zeros((1, 8, 8), "uint8"), "mask must have as many rows as images"),
        (("pixels", "inpaint_quantile"), "tau", np.float32([0.5, 1, 0.5]), "tau must be in (0, 1)"),
        (("classes", "sample"), "label", np.int32([0, 4, 0]), "label must be in 0..3. Received:] [4]"),
        (("points", "realism"), "samples", np.float32([[0, np.inf]]), "samples must be finite. Received:] [inf]"),
        (("points", "sample"), "seed", np.zeros((0, 2), "int32"), "seed must have at least one row"),
    ],
)
def test_what_a_refusal_says(stub, asked, key, name, value, message):
    with pytest.raises(grpc.RpcError) as stopped:
        stub.Predict(request_of(*key, {**asked[key], name: value}), timeout=600)
    assert stopped.value.code() is grpc.StatusCode.INVALID_ARGUMENT and message in stopped.value.details()


def client(address, *arguments):
    command = [sys.executable, CLIENT, *map(str, arguments), "--address", address]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_client_completes_images(address, asked, answers, tmp_path):
    inputs = asked["classes", "inpaint"]
    np.save(tmp_path / "images.npy", inputs["images"])
    np.save(tmp_path / "mask.npy", inputs["mask"][0])
    files = "--images", tmp_path / "images.npy", "--mask", tmp_path / "mask.npy", "--output", tmp_path / "out.npy"
    done = client(address, "classes", *files, "--class-label", 3, "--seed", 5)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "out.npy"), "(3,", "4,", "4,", "3)", "uint8"]
    completed = np.load(tmp_path / "out.npy")
    # The first row is that of the good request: its mask, label 3, seed (5, 0).
    np.testing.assert_allclose(completed[0].astype(int), answers["classes", "inpaint"]["images"][0], atol=1)
    known = inputs["mask"][0] == 1
    np.testing.assert_array_equal(completed[:, known], inputs["images"][:, known])


def test_the_client_keeps_to_its_deadline_and_limit_of_size(address, monkeypatch, capsys, tmp_path):
    # In this process: what the script does, without the seconds that its imports take.
    import runpy

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["grpc_client.py", "--address", address, *arguments])
        runpy.run_path(str(CLIENT), run_name="__main__")

    output = tmp_path / "samples.npy"
    run("images", "--n", "4", "--seed", "5", "--version-label", "stable", "--output", str(output))
    assert np.load(output).shape == (4, 8, 8, 1)
    # 64 images of 64 bytes are 4 KiB of the reply, 1 KiB is allowed.
    with pytest.raises(SystemExit, match="RESOURCE_EXHAUSTED: .*larger than max"):
        run("images", "--n", "64", "--max-message-mb", str(1 / 1024))
    # A deadline of no time at all is missed by a server that is quick; this one takes calls and never answers.
    with socket.create_server(("localhost", 0)) as silent, pytest.raises(SystemExit, match="DEADLINE_EXCEEDED"):
        run("images", "--deadline", "0.2", "--address", f"localhost:{silent.getsockname()[1]}")
    with pytest.raises(SystemExit, match="NOT_FOUND"):
        run("images", "--version-label", "canary")
    capsys.readouterr()
    images, mask, text = (tmp_path / name for name in ("images.npy", "mask.npy", "text.npy"))
    np.save(images, np.zeros((2, 8, 8, 1), "uint8"))
    np.save(mask, np.zeros((4, 4), "uint8"))
    text.write_text("no array")
    for files, message in (
        ((images,), "--mask must be given with --images"),
        ((tmp_path / "missing.npy", mask), "--images: .*missing.npy: No such file"),
        ((images, text), "--mask: .*text.npy holds no array as numpy.save writes it"),
        ((mask, mask), r"--images must be uint8 \(n, height, width, channels\), got uint8 \(4, 4\)"),
        ((images, mask), r"--mask must be \(8, 8\) or \(2, 8, 8\), as --images, got \(4, 4\)"),
    ):
        with pytest.raises(SystemExit):
            run("pixels", *(str(x) for pair in zip(("--images", "--mask"), files, strict=False) for x in pair))
        assert re.search(f"error: {message}", capsys.readouterr().err)
