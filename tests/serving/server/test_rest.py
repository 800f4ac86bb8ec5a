"""The calls of TF Serving's documentation (api_rest.md), and the status codes of its source, against a live server."""

import base64
import io
import json
import re
import socket
import threading

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

from qrkeras.experiments import train
from qrkeras.serving import export as serving
from qrkeras.serving.server.limits import Limits
from qrkeras.serving.server.versions import Signature
from tests.support import saved_models, servers


@pytest.fixture(scope="module")
def rest(tmp_path_factory, images_run):
    """The documentation's half_plus_three, its three named inputs, and others; a function that asks them."""
    base = tmp_path_factory.mktemp("rest")
    put = saved_models.function
    x = tf.TensorSpec((None,), "float32", "x")
    put(base / "half_plus_three" / "00000123", lambda x: {"y": 0.5 * x + 3.0}, x)
    named = [
        tf.TensorSpec((None,), "string", "tag"),
        tf.TensorSpec((None, 5), "int32", "signal"),
        tf.TensorSpec((None, 2, 2), "float32", "sensor"),
    ]
    put(base / "named" / "1", lambda tag, signal, sensor: {"tag": tag, "last": signal[:, -1]}, *named)
    put(base / "root" / "1", lambda x: {"y": tf.debugging.check_numerics(tf.sqrt(x), "y")}, x)
    put(base / "log" / "1", lambda x: {"y": tf.math.log(x)}, x)
    put(base / "total" / "1", lambda x: {"y": tf.reduce_sum(x)}, x)
    lookup = tf.TensorSpec((None,), "int32", "i")
    put(base / "lookup" / "1", lambda i: {"y": tf.gather(tf.constant([10, 20]), i)}, lookup)
    serving.export_model(train.load_model(images_run), base, "gan")
    (base / "broken" / "1").mkdir(parents=True)
    (base / "broken" / "1" / "saved_model.pb").write_bytes(b"not a protocol buffer")
    limits = Limits(max_batch=8, max_request_mb=0.1)
    with servers.running(base, limits, labels={"half_plus_three": {"stable": 123}}) as url:

        def ask(path, body=None, method=None):
            method = method or ("GET" if body is None else "POST")
            data = body if body is None or isinstance(body, bytes) else json.dumps(body)
            reply = requests.request(method, url + path, data=data, timeout=600)
            return reply.status_code, reply.json()

        ask.url = url
        yield ask


HALF = "/v1/models/half_plus_three"


@pytest.mark.parametrize("path", [HALF, HALF + "/versions/123", HALF + "/labels/stable"])
def test_predict(rest, path):
    # 0.5 * 1 + 3 = 3.5, 0.5 * 2 + 3 = 4, 0.5 * 5 + 3 = 5.5
    assert rest(path + ":predict", {"instances": [1.0, 2.0, 5.0]}) == (200, {"predictions": [3.5, 4.0, 5.5]})
    assert rest(path + ":predict", {"inputs": [1.0, 2.0, 5.0]}) == (200, {"outputs": [3.5, 4.0, 5.5]})
    named = {"signature_name": "serving_default", "inputs": {"x": [1.0]}}
    assert rest(path + ":predict", named) == (200, {"outputs": [3.5]})


def test_several_inputs_and_outputs(rest):
    rows = [{"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}]
    rows.append({"tag": "bar", "signal": [3, 4, 1, 2, 6], "sensor": [[4, 5], [6, 8]]})
    expected = [{"last": 5, "tag": "foo"}, {"last": 6, "tag": "bar"}]
    assert rest("/v1/models/named:predict", {"instances": rows}) == (200, {"predictions": expected})
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    expected = {"last": [5, 6], "tag": ["foo", "bar"]}
    assert rest("/v1/models/named:predict", {"inputs": columns}) == (200, {"outputs": expected})


def test_numbers_that_are_none(rest):
    reply = requests.post(
        rest.url + "/v1/models/log:predict", data='{"inputs": [0.0, -1.0, 1.0, Infinity]}', timeout=600
    )
    assert reply.text == '{"outputs":[-Infinity, NaN, 0.0, Infinity]}'
    assert reply.headers["Content-Type"] == "application/json"


def test_an_output_without_batch(rest):
    assert rest("/v1/models/total:predict", {"inputs": [1.0, 2.0]}) == (200, {"outputs": 3.0})
    status, body = rest("/v1/models/total:predict", {"instances": [1.0, 2.0]})
    assert status == 400 and "outputs must share their first dimension" in body["error"]


def test_status(rest):
    fine = {"error_code": "OK", "error_message": ""}
    expected = {"model_version_status": [{"version": "123", "state": "AVAILABLE", "status": fine}]}
    assert rest(HALF) == rest(HALF + "/versions/123") == rest(HALF + "/labels/stable") == (200, expected)


def test_status_of_what_does_not_load(rest):
    status, body = rest("/v1/models/broken")
    ((entry),) = body["model_version_status"]
    assert status == 200 and entry["state"] == "END" and entry["status"]["error_code"] == "UNKNOWN"
    assert "broken/1 is no SavedModel that can be served: Error parsing message" in entry["status"]["error_message"]
    assert rest("/v1/models/broken:predict", {"inputs": 1}) == (
        404,
        {"error": "Servable not found for request: Latest(broken)"},
    )


def test_metadata(rest):
    status, body = rest(HALF + "/metadata")
    assert status == 200
    assert body["model_spec"] == {"name": "half_plus_three", "signature_name": "", "version": "123"}
    signature = body["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert set(signature["outputs"]) == {"y"}
    assert rest(HALF + "/versions/123/metadata") == rest(HALF + "/labels/stable/metadata") == (200, body)


@pytest.mark.parametrize(
    "path, body, status, message",
    [
        # What the documentation shows: 404 for a model that is not there.
        ("/v1/models/half:predict", {"instances": [1.0, 5.0]}, 404, "Servable not found for request: Latest(half)"),
        (HALF + "/versions/7:predict", {"instances": [1]}, 404, "request: Specific(half_plus_three, 7)"),
        (HALF + "/labels/beta:predict", {"instances": [1]}, 400, "Unrecognized servable version label: beta"),
        (f"{HALF}/versions/{2**64 - 1}:predict", {"instances": [1]}, 400, "Failed to convert version: 18446744073709"),
        (HALF + "/versions/HELLO:predict", {"instances": [1]}, 400, "Malformed request: POST /v1/models/half_plus"),
        (HALF + "/version/1:predict", {"instances": [1]}, 400, "Malformed request: POST"),
        (HALF + ":predict/", {"instances": [1]}, 400, "Malformed request: POST"),
        ("/v1/foo", {}, 400, "Malformed request: POST /v1/foo"),
        (HALF + ":predict", None, 400, "Malformed request: GET"),
        (HALF + ":classify", {"examples": []}, 501, "classify is not offered here: use predict"),
        (HALF + "/versions/7", None, 404, "Could not find version 7 of model half_plus_three"),
        ("/v1/models/half", None, 404, "Could not find any versions of model half"),
        ("/v1/models/half/metadata", None, 404, "Servable not found for request: Latest(half)"),
        ("/nowhere", None, 404, "Not Found: GET /nowhere"),
        (HALF + ":predict", b"", 400, "JSON Parse error"),
        (HALF + ":predict", b"instances = [1, 2]", 400, "JSON Parse error: Expecting value"),
        (HALF + ":predict", {"signature_name": "bar", "inputs": 1}, 400, 'signature name: "bar" not found'),
        (HALF + ":predict", {"inputs": ["a"]}, 400, "x must be float32 of shape (batch,). Received: strings"),
        (HALF + ":predict", {"inputs": {"\ud800": 1}}, 400, "Missing: x"),
        (HALF + ":predict", {"inputs": {"x": [1], "\ud800": 1}}, 400, "Received also: ?"),
        (HALF + ":predict", {"inputs": [0] * 9}, 400, "x must have at most 8 rows, the batch. Received: 9"),
        # What TensorFlow finds: its own message, without the names of nodes.
        ("/v1/models/root:predict", {"inputs": [-1]}, 400, "y : Tensor had NaN values"),
        ("/v1/models/lookup:predict", {"inputs": [0, 2]}, 400, "indices[1] = 2 is not in [0, 2)"),
    ],
)
def test_errors(rest, path, body, status, message):
    found, answer = rest(path, body)
    assert (found, list(answer)) == (status, ["error"])
    assert message in answer["error"] and "{{" not in answer["error"] and "\n" not in answer["error"]


def test_another_method(rest):
    assert rest(HALF + ":predict", b"", "PUT") == (405, {"error": f"Method Not Allowed: PUT {HALF}:predict"})


def test_a_body_that_is_too_large_is_told_so(rest):
    # 0.1 MB is 104,857.6 bytes; far more than that is sent, and read to its end.
    for size in (104_858, 20_000_000):
        status, body = rest(HALF + ":predict", b" " * size)
        assert status == 413 and body["error"] == f"a request may have 0.1 MB. Received: {size:,} bytes"
    assert rest(HALF + ":predict", b'{"inputs": [1.0]}' + b" " * 104_000)[0] == 200

    def chunks():
        yield from [b" " * 50_000] * 3

    reply = requests.post(rest.url + HALF + ":predict", data=chunks(), timeout=600)
    assert reply.status_code == 413 and "150,000 bytes" in reply.json()["error"]


def test_a_real_export(rest, images_run):
    seeds = [[5, i] for i in range(6)]
    status, body = rest("/v1/models/gan:predict", {"signature_name": "sample", "inputs": {"seed": seeds}})
    expected = train.load_model(images_run).sample(6, seed=5)
    assert status == 200
    # Sums of products may be ordered by batch size: pixels differ by a level at most.
    np.testing.assert_allclose(np.array(body["outputs"]), expected, atol=1)
    rows = rest("/v1/models/gan:predict", {"instances": seeds})[1]["predictions"]
    assert rows == body["outputs"]


def test_signatures_of_an_export(url):
    def ask(signature, **inputs):
        body = json.dumps({"signature_name": signature, "inputs": inputs})
        return requests.post(url + "/v1/models/painter:predict", data=body, timeout=600).json()["outputs"]

    # 10 * 1 + 2 = 12, 10 * 3 + 4 = 34
    drawn = np.array(ask("sample", seed=[[1, 2], [3, 4]]))
    assert drawn.shape == (2, 4, 4, 1) and (drawn[0] == 12).all() and (drawn[1] == 34).all()
    images, mask = np.full((1, 4, 4, 1), 7), np.zeros((1, 4, 4), int)
    mask[:, :2] = 1
    given = {"images": images.tolist(), "mask": mask.tolist()}
    painted = np.array(ask("inpaint", seed=[[1, 2]], **given))[0, ..., 0]
    assert (painted[:2] == 7).all() and (painted[2:] == 12).all()
    painted = np.array(ask("inpaint_quantile", tau=[0.2], **given))[0, ..., 0]
    assert (painted[:2] == 7).all() and (painted[2:] == 51).all()  # 255 * 0.2
    assert ask("score", images=given["images"]) == [[7.0, 14.0]]
    (png,) = ask("sample_png", seed=[[1, 2]])
    assert (np.array(Image.open(io.BytesIO(base64.b64decode(png["b64"])))) == 12).all()


def test_the_check_within_a_graph_names_the_input(url):
    body = {"images": np.zeros((1, 4, 4, 1), int).tolist(), "mask": np.zeros((1, 4, 4), int).tolist(), "tau": [1.5]}
    reply = requests.post(
        url + "/v1/models/painter:predict", json={"signature_name": "inpaint_quantile", "inputs": body}, timeout=600
    )
    assert reply.status_code == 400
    assert reply.json() == {"error": "assertion failed: [tau must be in (0, 1). Received:] [1.5]"}


def test_list_health_page(url):
    listed = requests.get(url + "/v1/models", timeout=600).json()
    assert listed == {"models": [{"name": "painter", "versions": [1], "labels": {"stable": 1}}]}
    assert requests.get(url + "/healthz", timeout=600).json() == {"status": "ok", "models": {"painter": [1]}}
    page = requests.get(url + "/", timeout=600)
    assert (
        page.headers["Content-Type"].startswith("text/html")
        and "default-src 'none'" in page.headers["Content-Security-Policy"]
    )
    assert not re.findall(r"(?:src|href)=|https?://|@import", page.text), "it loads nothing from elsewhere"


def test_metrics(rest):
    def value(line):
        text = requests.get(rest.url + "/monitoring/prometheus/metrics", timeout=600).text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    good = 'qrkeras_requests_total{model="lookup",signature="serving_default",status="200"}'
    bad = good.replace("200", "400")
    missing = 'qrkeras_requests_total{model="",signature="",status="404"}'
    rows = 'qrkeras_batch_rows_sum{model="lookup",signature="serving_default"}'
    seconds = 'qrkeras_request_seconds_count{model="lookup",signature="serving_default"}'
    before = {line: value(line) for line in (good, bad, missing, rows, seconds)}
    rest("/v1/models/lookup:predict", {"inputs": [0, 1, 1]})
    rest("/v1/models/lookup:predict", {"inputs": [2]})
    rest("/v1/models/<script>:predict", {"inputs": [2]})
    after = {line: value(line) - before[line] for line in before}
    assert after == {good: 1, bad: 1, missing: 1, rows: 4, seconds: 2}
    assert value('qrkeras_version_available{model="lookup",version="1"}') == 1
    assert value("qrkeras_requests_waiting") == 0
    assert requests.get(rest.url + "/metrics", timeout=600).headers["Content-Type"].startswith("text/plain")


def test_who_goes_away_stops_nothing(rest):
    host, port = rest.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST {HALF}:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{{".encode())
    gone = 'qrkeras_requests_total{model="half_plus_three",signature="",status="499"} 1.0'
    servers.until(lambda: gone in requests.get(rest.url + "/metrics", timeout=600).text)
    assert rest(HALF + ":predict", {"inputs": [1.0]}) == (200, {"outputs": [3.5]})


@pytest.fixture
def held(monkeypatch):
    """Holds all signatures back until it is set."""
    go, run = threading.Event(), Signature.__call__
    monkeypatch.setattr(Signature, "__call__", lambda *arguments: go.wait(servers.PATIENCE) and run(*arguments))
    yield go
    go.set()


def drawn(url):
    return requests.post(url + "/v1/models/painter:predict", json={"inputs": [[1, 2]]}, timeout=servers.PATIENCE)


def test_too_many(base, held):
    """One request runs, one waits, a third is turned away."""
    with servers.running(base, Limits(timeout_s=servers.PATIENCE, max_waiting=2), warm_up=False) as url:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(drawn(url))) for _ in range(2)]
        for thread in threads:
            thread.start()
        waiting = "\nqrkeras_requests_waiting 2.0\n"
        servers.until(lambda: waiting in requests.get(url + "/metrics", timeout=600).text)
        third = drawn(url)
        held.set()
        for thread in threads:
            thread.join()
        assert third.status_code == 503
        assert third.json() == {"error": "2 requests are waiting already: try again later."}
        assert [answer.status_code for answer in answers] == [200, 200]


def test_a_deadline(base, held):
    with servers.running(base, Limits(timeout_s=2.0), warm_up=False) as url:
        answer = drawn(url)
        assert (answer.status_code, answer.json()) == (504, {"error": "no answer within 2 s"})
        held.set()
        servers.until(lambda: drawn(url).status_code == 200)
