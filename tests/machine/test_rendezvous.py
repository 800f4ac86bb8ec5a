"""Workers that meet, each in a thread of its own."""

import concurrent.futures
import socket

import pytest

from qrkeras.machine import rendezvous
from qrkeras.machine.cluster import Cluster, WorkerLost
from tests.support.workers import addresses


def met(workers, facts, who=None, seconds=30):
    """What each of `who`, all of them where None, ends with: None or its error."""

    def one(i):
        try:
            return rendezvous.meet(Cluster(tuple(workers), i), facts(i), seconds)
        except (ValueError, WorkerLost) as error:
            return error

    who = range(len(workers)) if who is None else who
    with concurrent.futures.ThreadPoolExecutor(len(workers)) as threads:
        return list(threads.map(one, who))


def test_workers_that_agree_begin():
    assert met(addresses(3), lambda i: {"seed": 0, "betas": (0.5, 0.9)}) == [None] * 3


def test_the_worker_that_differs_is_named_to_all():
    found = met(addresses(3), lambda i: {"tensorflow": "2.21.0" if i < 2 else "2.20.0", "seed": 0})
    assert {type(error) for error in found} == {ValueError} and len({str(error) for error in found}) == 1
    assert str(found[0]) == (
        "all workers must run the same command with the same versions. Received from worker 2: "
        "tensorflow '2.20.0' there, '2.21.0' on worker 0"
    )


def test_a_worker_that_does_not_come_is_named_to_all_who_did():
    workers = addresses(3)
    found = met(workers, lambda i: {}, who=(0, 2), seconds=1)
    assert [type(error) for error in found] == [WorkerLost] * 2
    for error in found:
        assert str(error) == f"all 3 workers must come within 1 s. Received: none from worker 1 ({workers[1]})"


def test_worker_0_that_does_not_come():
    workers = addresses(2)
    (error,) = met(workers, lambda i: {}, who=(1,), seconds=1)
    assert isinstance(error, WorkerLost)
    assert str(error).startswith(f"worker 0 must be reached at {workers[0]}. Received: Connection refused, for 1 s.")


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)])
@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_a_port_that_is_taken(options, host):
    workers = addresses(2)
    with socket.socket() as taken:
        for option in options:
            taken.setsockopt(socket.SOL_SOCKET, option, 1)
        taken.bind((host, int(workers[1].rpartition(":")[2])))
        taken.listen()
        (error,) = met(workers, lambda i: {}, who=(1,), seconds=1)
    assert isinstance(error, ValueError)
    assert str(error) == (
        f"the port of this worker, {workers[1]}, must be free. Received: Address already in use. Stop what holds it, "
        "or name another."
    )


def test_strangers_at_the_door_are_not_heard(monkeypatch):
    workers = addresses(2)
    monkeypatch.setattr(rendezvous, "_READ", 0.2)
    port = int(workers[0].rpartition(":")[2])

    def strangers():
        for said in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b'{"index": 7}\n', b'{"index": [1]}\n', b'"hello"\n', b""):
            peer = None
            while peer is None:
                try:
                    peer = socket.create_connection(("localhost", port))
                except OSError:
                    continue
            peer.sendall(said)
            peer.close()

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        first = threads.submit(met, workers, lambda i: {}, (0,))
        strangers()
        assert met(workers, lambda i: {}, who=(1,)) == [None]
        assert first.result() == [None]


@pytest.mark.parametrize("given", ["0", "soon", "-1"])
def test_patience(monkeypatch, given):
    assert rendezvous.patience() == 600
    monkeypatch.setenv("QRKERAS_CLUSTER_TIMEOUT", given)
    with pytest.raises(ValueError, match="QRKERAS_CLUSTER_TIMEOUT must be a number of seconds. Received"):
        rendezvous.patience()
