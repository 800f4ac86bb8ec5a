"""The client against a live server, and against the answers that TF Serving's documentation shows."""

import http.server
import io
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from qrkeras.serving.client import Client, ServingError
from tests.support import saved_models, servers


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    base = tmp_path_factory.mktemp("client")
    saved_models.painter(base / "painter" / "1")
    saved_models.painter(base / "painter" / "2", shift=100, signatures=("sample",))
    seed, label = tf.TensorSpec((None, 2), "int32", "seed"), tf.TensorSpec((None,), "int32", "label")

    def points(seed, label):
        return {"samples": tf.cast(seed, tf.float32) / 8 + tf.cast(label, tf.float32)[:, None]}

    made = tf.function(points, input_signature=(seed, label))
    saved_models.put(base / "points" / "1", tf.Module(), {"sample": made})
    specs = [tf.TensorSpec((None,), kind, name) for name, kind in [("a", "float64"), ("b", "bool"), ("s", "string")]]

    def echo(a, b, s):
        return {"a": a, "b": b, "text": s, "s_bytes": s}

    saved_models.function(base / "echo" / "1", echo, *specs)
    with servers.running(base, keep=2, labels={"painter": {"stable": 1}}) as url:
        yield url


@pytest.fixture(scope="module")
def model(url):
    return Client(url + "/", "painter", version=1, batch_size=3)


def test_samples(model):
    # 10 * 1 + i, in parts of 3, 3 and 1
    drawn = model.sample(7, seed=1)
    assert drawn.dtype == "uint8" and drawn.shape == (7, 4, 4, 1)
    assert drawn[:, 0, 0, 0].tolist() == [10, 11, 12, 13, 14, 15, 16]
    assert model.sample(seeds=[[2, 5]])[0, 3, 3, 0] == 25
    png = model.sample(4, seed=3, signature="sample_png")
    assert [np.array(Image.open(io.BytesIO(file)))[0, 0] for file in png] == [30, 31, 32, 33]


def test_versions_and_labels(url):
    assert Client(url, "painter").sample(1)[0, 0, 0, 0] == 100
    assert Client(url, "painter", label="stable").sample(1)[0, 0, 0, 0] == 0
    assert Client(url, "painter").status() == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert Client(url, "painter", version=1).status() == {1: "AVAILABLE"}


def test_completions(model):
    images, mask = np.full((5, 4, 4, 1), 7, "uint8"), np.zeros((4, 4), bool)
    mask[:2] = True
    painted = model.inpaint(images, mask, seed=2)
    assert painted.dtype == "uint8" and (painted[:, :2] == 7).all()
    assert painted[:, 2, 0, 0].tolist() == [20, 21, 22, 23, 24]
    # 255 * 0.2 = 51; one tau for all, or one each
    assert (model.inpaint_quantile(images, mask, tau=0.2)[:, 2:] == 51).all()
    masks = np.stack([mask, ~mask]).astype("uint8")
    each = model.inpaint_quantile(images[:2], masks, tau=[0.2, 0.4])
    assert each[:, :, 0, 0].tolist() == [[7, 7, 51, 51], [102, 102, 7, 7]]


def test_scores(model):
    scores = model.score(np.full((4, 4, 4, 1), 7, "uint8"))
    assert scores.dtype == "float32" and scores.tolist() == [[7, 14]] * 4
    with pytest.raises(ValueError, match="score takes images. Received: images, label"):
        model.score(np.zeros((1, 4, 4, 1), "uint8"), label=3)


def test_realism_of_a_model_with_classes(model, monkeypatch):
    asked = []
    monkeypatch.setattr(model, "predict", lambda signature, **inputs: asked.append((signature, inputs)))
    images = np.zeros((3, 4, 4, 1), "uint8")
    model.realism(images), model.realism(images, label=2)
    (first, plain), (second, conditional) = asked
    assert first == second == "realism" and set(plain) == {"images"}
    assert conditional["label"].tolist() == [2, 2, 2]


def test_conditions_are_given_to_every_row(url):
    # seed / 8 + label
    points = Client(url, "points")
    assert points.sample(2, seed=4, label=3).tolist() == [[3.5, 3.0], [3.5, 3.125]]
    assert points.sample(2, seed=4, label=[3, 5]).tolist() == [[3.5, 3.0], [5.5, 5.125]]


def test_every_kind(url):
    values = {"a": [np.nan, np.inf, 0.1], "b": [True, False, True], "s": [b"\x00\xff", "text", "τ"]}
    found = Client(url, "echo", batch_size=2).predict(**values)
    np.testing.assert_array_equal(found["a"], values["a"])
    assert found["a"].dtype == "float64" and found["b"].dtype == "bool" and found["b"].tolist() == values["b"]
    assert found["s_bytes"].tolist() == [b"\x00\xff", b"text", "τ".encode()]
    assert found["text"].tolist() == ["\x00\ufffd".encode(), b"text", "τ".encode()]


def test_signatures(model):
    found = model.signatures()
    assert set(found) == {"serving_default", "sample", "sample_png", "inpaint", "inpaint_quantile", "score"}
    assert found["sample_png"].outputs == {"png_bytes": (np.dtype(object), (None,))}
    assert found["inpaint_quantile"].inputs == {
        "images": (np.dtype("uint8"), (None, 4, 4, 1)),
        "mask": (np.dtype("int32"), (None, 4, 4)),
        "tau": (np.dtype("float32"), (None,)),
    }


IMAGES = np.zeros((2, 4, 4, 1), "uint8")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: m.predict("paint", seed=[[1, 2]]), "signature must be one of .*sample_png.*Received: 'paint'"),
        (lambda m: m.predict("sample"), "sample takes seed. Received: nothing"),
        (lambda m: m.sample(2, label=3), "sample takes seed. Received: seed, label"),
        (lambda m: m.sample(), "n or seeds must be given, and not both. Received: n=None, seeds=None"),
        (lambda m: m.sample(0), "seed must have at least one row"),
        (lambda m: m.sample(seeds=[[1.5, 2]]), "seed must be int32 of shape .*Received: float64 of shape"),
        (lambda m: m.sample(seeds=[1, 2]), r"seed must be int32 of shape \(None, 2\).*Received: int64 of shape \(2,\)"),
        (lambda m: m.sample(1, seed=2**31), "seed must fit int32. Received: 0 to 2147483648"),
        (lambda m: m.score(IMAGES + 0.5), "images must be uint8"),
        (lambda m: m.score(IMAGES - np.int64(1)), "images must fit uint8. Received: -1 to -1"),
        (lambda m: m.score(IMAGES[:, :3]), r"images must be uint8 of shape .*Received: uint8 of shape \(2, 3, 4, 1\)"),
        (lambda m: m.inpaint(IMAGES, np.ones((3, 4, 4), int)), "as many rows each. Received: .*'images': 2, 'mask': 3"),
        (lambda m: Client("http://x", "m", version=1, label="a"), "version and label must not both be given"),
        (lambda m: Client("http://x", "m", batch_size=0), "batch_size must be at least 1. Received: 0"),
    ],
)
def test_what_is_refused_before_it_is_sent(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_what_the_server_refuses(url, model):
    with pytest.raises(ServingError, match="400: .*tau must be in") as error:
        model.inpaint_quantile(IMAGES, np.ones((4, 4), int), tau=1.5)
    assert error.value.status == 400 and "Received:] [1.5 1.5]" in error.value.message
    with pytest.raises(ServingError, match="^404: Servable not found for request: Latest") as error:
        Client(url, "half").sample(1)
    with pytest.raises(ServingError, match="^400: Unrecognized servable version label: be/ta"):
        Client(url, "painter", label="be/ta").signatures()
    with pytest.raises(ServingError, match="no answer from http://127.0.0.1:9/v1/models/painter") as error:
        Client("http://127.0.0.1:9", "painter").status()
    assert error.value.status is None


# As TF Serving prints them: indented, numbers of proto fields as strings, fields that are zero left in.
METADATA = """{
"model_spec":{
 "name": "half_plus_three",
 "signature_name": "",
 "version": "123"
}
,
"metadata": {"signature_def": {
 "signature_def": {
  "serving_default": {
   "inputs": {
    "x": {
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "x:0"
    }
   },
   "outputs": {
    "y": {
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": true
     },
     "name": "y:0"
    }
   },
   "method_name": "tensorflow/serving/predict"
  }
 }
}
}
}
"""


@pytest.fixture
def recorded():
    """A server that answers what TF Serving's documentation shows, and keeps what it was sent."""
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, status, text):
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self):
            self.answer(200, METADATA)

        def do_POST(self):
            sent.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            failed = 9.0 in sent[-1][1]["inputs"]["x"]
            self.answer(*((502, "<html>bad gateway") if failed else (200, '{\n    "outputs": [3.5, 4.0, 5.5]\n}')))

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_tf_serving_shows(recorded):
    url, sent = recorded
    client = Client(url, "half_plus_three")
    assert client.predict(x=[1, 2, 5]).tolist() == [3.5, 4.0, 5.5]
    body = {"signature_name": "serving_default", "inputs": {"x": [1.0, 2.0, 5.0]}}
    assert sent == [("/v1/models/half_plus_three:predict", body)]
    with pytest.raises(ServingError, match="^502: <html>bad gateway"):
        client.predict(x=[9.0])


def test_it_lets_go_of_its_connection(url):
    with Client(url, "painter") as model:
        assert model.status()
        closed = []
        model._session.close = lambda: closed.append(True)
    assert closed == [True]


def test_it_needs_no_tensorflow():
    script = "import sys, qrkeras.serving.client; print({'tensorflow', 'keras', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
