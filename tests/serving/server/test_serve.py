"""`qrkeras serve` in a process of its own: it starts, answers, sees a new version, ends when told."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
import tensorflow as tf
from starlette.applications import Starlette

from qrkeras import cli
from qrkeras.serving.server import serve
from tests.support import saved_models, servers


@contextlib.contextmanager
def serving(*arguments):
    command = [sys.executable, "-m", "qrkeras", "serve", *map(str, arguments)]
    quiet = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)
    try:
        line = process.stdout.readline()
        if not line.startswith("serving on http://127.0.0.1:"):
            pytest.fail(f"{line!r}: {process.communicate()[1]}")
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def test_from_start_to_end(tmp_path, painter):
    """It answers by the options, a new version takes over, and what has come in is answered before it ends."""

    def slow(n):
        count = tf.while_loop(lambda i: i < n[0], lambda i: (i + 1,), (tf.constant(0),), parallel_iterations=1)[0]
        return {"y": n + 0 * count}

    base = pathlib.Path(shutil.copytree(painter, tmp_path / "base" / "painter" / "1")).parents[1]
    saved_models.function(base / "slow" / "1", slow, tf.TensorSpec((None,), "int32", "n"))
    saved_models.painter(tmp_path / "new", shift=100, signatures=("sample",))
    options = ["--port", 0, "--poll-s", 0.1, "--max-batch", 2, "--labels", "painter:stable=1"]
    with serving(base, *options) as (process, url):

        def post(path, *rows):
            return requests.post(f"{url}/v1/models/{path}:predict", json={"inputs": rows}, timeout=600).json()

        def drawn(path):
            return post(path, [1, 2])["outputs"][0][0][0][0]

        assert drawn("painter") == 12
        assert "at most 2 rows" in post("painter", *[[1, 2]] * 3)["error"]
        start = time.monotonic()
        (tmp_path / "new").rename(base / "painter" / "2")
        servers.until(lambda: drawn("painter") == 112)
        print(f"a new version takes over after {time.monotonic() - start:.2f} s")
        assert drawn("painter/labels/stable") == 12

        answers = []
        threads = [threading.Thread(target=lambda: answers.append(post("slow", 400_000))) for _ in range(3)]
        for thread in threads:
            thread.start()
        waiting = "\nqrkeras_requests_waiting 3.0\n"
        servers.until(lambda: waiting in requests.get(url + "/metrics", timeout=600).text)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=600)
        for thread in threads:
            thread.join()
    assert process.returncode == 0 and out == "" and "Traceback" not in err
    assert answers == [{"outputs": [400_000]}] * 3
    told = [line.split(" ", 2)[2] for line in err.splitlines() if ": serving " in line]
    assert told == ["painter: serving 1", "slow: serving 1", "painter: serving 2, 1"]
    with pytest.raises(requests.ConnectionError):
        requests.get(url + "/healthz", timeout=5)


def test_an_empty_folder_and_an_interrupt(tmp_path):
    with serving(tmp_path, "--port", 0) as (process, url):
        assert requests.get(url + "/healthz", timeout=600).json() == {"status": "ok", "models": {}}
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=600) == ("", "") and process.returncode == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere"], "BASE must be an existing folder of models. Received: nowhere"),
        ([".", "--labels", "gan=3"], "labels must each be MODEL:LABEL=VERSION. Received: 'gan=3'"),
        ([".", "--keep", "0"], "keep must be at least 1 version. Received: 0"),
        ([".", "--max-batch", "0"], "max_batch must be at least 1. Received: 0"),
        ([".", "--poll-s", "0"], "poll_s must be above 0. Received: 0.0"),
        ([".", "--host", "192.0.2.1"], "host and port must be free to listen on. Received: 192.0.2.1, 8501"),
        ([".", "--port", "70000"], "host and port must be free to listen on. Received: 127.0.0.1, 70000"),
    ],
)
def test_bad_options(arguments, message, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["serve", *arguments])
    told = " ".join(capfd.readouterr().err.split())
    assert stopped.value.code == 2 and message in told


def test_a_port_that_is_taken(capfd, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            cli.main(["serve", str(tmp_path), "--port", str(port)])
    told = capfd.readouterr().err
    assert stopped.value.code == 2 and told.count("\n") == 1
    assert f"free to listen on. Received: 127.0.0.1, {port}" in told and os.strerror(98) in told


def test_a_server_that_cannot_start_says_so(caplog):
    before = signal.getsignal(signal.SIGINT)  # a shell's background takes the usual one away

    @contextlib.asynccontextmanager
    async def lifespan(_):
        raise OSError("no such disk")
        yield

    with pytest.raises(SystemExit) as stopped:
        serve.serve(Starlette(lifespan=lifespan), port=0)
    assert stopped.value.code not in (0, None)
    assert "no such disk" in caplog.text
    assert signal.getsignal(signal.SIGINT) is before
