"""Many requests at once, and versions that come while they run."""

import asyncio
import json
import pathlib
import resource
import shutil
import threading
import time

import pytest
import requests
import tensorflow as tf

from tests.support import saved_models, servers


@pytest.fixture
def many_files():
    """Room for two ends of 1,000 connections in this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert before[1] == resource.RLIM_INFINITY or before[1] >= 4_096, "this machine allows too few open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 4_096), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def ask(connection, value):
    """One request: (status, answer)."""
    reader, writer = connection
    data = json.dumps({"inputs": [value]}).encode()
    head = f"POST /v1/models/painter:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + data)
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(answer)


def test_a_thousand_requests_lose_none_while_versions_change(many_files, tmp_path):
    """1,000 connections are open, then all ask; version 2, which adds 100, takes over meanwhile."""
    saved_models.painter(tmp_path / "new", shift=100, signatures=("sample",))
    saved_models.painter(tmp_path / "base" / "painter" / "1", signatures=("sample",))

    async def crowd(url):
        host, port = url.removeprefix("http://").split(":")
        connections = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(1_000)))
        (tmp_path / "new").rename(tmp_path / "base" / "painter" / "2")
        return await asyncio.gather(*(ask(c, [i // 10 % 10, i % 10]) for i, c in enumerate(connections)))

    with servers.running(tmp_path / "base") as url:
        answers = asyncio.run(crowd(url))
        servers.until(lambda: requests.get(url + "/healthz", timeout=600).json()["models"] == {"painter": [2]})
        last = requests.post(url + "/v1/models/painter:predict", json={"inputs": [[0, 7]]}, timeout=600).json()
        text = requests.get(url + "/metrics", timeout=600).text
    assert [status for status, _ in answers] == [200] * 1_000
    for i, (_, answer) in enumerate(answers):
        assert answer["outputs"][0][0][0][0] in (i % 100, i % 100 + 100), "each got its own answer"
    assert last["outputs"][0][0][0] == [107]
    batches = float(text.split('qrkeras_batch_rows_count{model="painter",signature="serving_default"} ')[1].split()[0])
    assert batches < 1_000, "requests shared batches"


def test_twenty_versions_one_after_another_are_never_seen_by_half(tmp_path):
    """Version n answers x + n. An export takes its time to write, then renames; a client asks all the while."""
    base = tmp_path / "base" / "count"
    spec = tf.TensorSpec((None,), "int32", "x")

    def export(number):
        made = saved_models.function(tmp_path / "made" / str(number), lambda x: {"y": x + number}, spec)
        part = base / f".{number}"
        part.mkdir(parents=True)
        for file in sorted(made.rglob("*")):
            time.sleep(0.01)
            target = part / file.relative_to(made)
            target.mkdir() if file.is_dir() else shutil.copy(file, target)
        part.rename(base / str(number))

    export(1)
    answers, stop = [], threading.Event()
    with servers.running(tmp_path / "base", poll_s=0.01) as url, requests.Session() as session:

        def client():
            while not stop.is_set():
                reply = session.post(url + "/v1/models/count:predict", data='{"instances": [1000]}', timeout=600)
                answers.append((reply.status_code, reply.json().get("predictions")))

        thread = threading.Thread(target=client)
        thread.start()
        try:
            for number in range(2, 21):
                export(number)
                if number % 4 == 0:  # the others may be passed over
                    servers.until(lambda number=number: answers and answers[-1] == (200, [1000 + number]))
        finally:
            stop.set()
            thread.join()
        states = requests.get(url + "/v1/models/count", timeout=600).json()["model_version_status"]
    assert {status for status, _ in answers} == {200}
    seen = [value for _, (value,) in answers]
    assert seen == sorted(seen) and set(seen) <= set(range(1001, 1021))
    assert {1004, 1008, 1012, 1016, 1020} <= set(seen), "versions took over one after another"
    assert all(state["status"]["error_code"] == "OK" for state in states), "none failed to load"


def test_a_copy_in_place_is_served_once_it_is_whole(tmp_path, painter):
    """Without a rename the server sees the half: the old version goes on, the new one is tried again until it loads."""
    base = pathlib.Path(shutil.copytree(painter, tmp_path / "base" / "painter" / "1")).parents[1]
    with servers.running(base, warm_up=False) as url:
        (base / "painter" / "2").mkdir()
        shutil.copy(painter / "saved_model.pb", base / "painter" / "2")

        def states():
            listed = requests.get(url + "/v1/models/painter", timeout=600).json()["model_version_status"]
            return {entry["version"]: entry["state"] for entry in listed}

        servers.until(lambda: states() == {"2": "END", "1": "AVAILABLE"})
        assert requests.post(url + "/v1/models/painter:predict", json={"inputs": [[1, 2]]}, timeout=600).ok
        shutil.copytree(painter, base / "painter" / "2", dirs_exist_ok=True)
        servers.until(lambda: states() == {"2": "AVAILABLE", "1": "END"})
