"""Connections that end early, late, or in the middle, and a server that is told to end."""

import asyncio
import contextlib
import gc
import logging
import socket
import threading

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from qrkeras.serving.server import connections, serve
from tests.support import malformed, servers


async def doubled(request):
    return Response(str(2 * int(await request.body())))


@contextlib.contextmanager
def listening(kind=connections.Server, **options):
    """A server that doubles numbers; its address."""
    app = Starlette(routes=[Route("/double", doubled, methods=["POST"])])
    with serve.listen(port=0) as taken:
        server = kind(connections.config(app, log_level="critical", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            servers.until(lambda: server.started)
            yield taken.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def ask(number, **options):
    return malformed.request(b"%d" % number, path="/double", **options)


def read(connection):
    """All that comes until the connection ends."""
    return b"".join(iter(lambda: connection.recv(2**16), b""))


@pytest.fixture(scope="module")
def address():
    with listening() as address:
        yield address


@pytest.fixture
def connection(address):
    with socket.create_connection(address, timeout=600) as connection:
        yield connection


def test_who_asks_and_ends_is_answered(connection):
    connection.sendall(ask(4))
    connection.shutdown(socket.SHUT_WR)
    answer = read(connection)
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n8")


def test_who_asks_several_times_and_ends_is_answered_each_time(connection):
    connection.sendall(ask(1) + ask(2) + ask(3) + b"POST /double")
    connection.shutdown(socket.SHUT_WR)
    answer = read(connection)
    assert [part[0:1] for part in answer.split(b"\r\n\r\n")[1:]] == [b"2", b"4", b"6"]


@pytest.mark.parametrize("sent", [b"", b"POST", ask(4, length=9), ask(1) + ask(4, length=9)])
def test_who_ends_in_the_middle_is_let_go(connection, sent):
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)
    assert read(connection).count(b"HTTP/1.1 200") == int(sent.startswith(ask(1)))


@pytest.mark.parametrize("first", [None, b"P", ask(1) + b"P"])
def test_a_head_that_never_ends(first):
    """Each byte would begin uvicorn's patience anew."""
    ended = threading.Event()

    def drip(connection):
        with contextlib.suppress(OSError):  # it is closed while we send
            while first and not ended.wait(0.05):
                connection.sendall(b"P")

    with listening(timeout_keep_alive=0.5) as address, socket.create_connection(address, timeout=600) as connection:
        connection.sendall(first or b"")
        dripping = threading.Thread(target=drip, args=(connection,))
        dripping.start()
        try:
            with contextlib.suppress(ConnectionResetError):
                read(connection)  # raises TimeoutError where it does not end
        finally:
            ended.set()
            dripping.join()


@pytest.mark.parametrize("path", ["/double", "/nowhere"])
def test_a_body_that_is_no_http(address, caplog, path):
    """Also where the request has been refused before its body came."""
    head = malformed.request(b"", path=path, headers=[b"Transfer-Encoding: chunked"])
    for pause in (False, True):
        with caplog.at_level(logging.ERROR), socket.create_connection(address, timeout=600) as connection:
            connection.sendall(head + b"1\r\n2\r\n" * (not pause))
            if pause and path == "/nowhere":
                assert connection.recv(2**16).startswith(b"HTTP/1.1 404")
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"no chunk\r\n")
                assert read(connection).count(b"HTTP/1.1") <= 1
    assert not caplog.records


def test_what_was_sent_before_the_end_is_answered():
    """The request comes in the moment between the last look at the connections and the end."""
    clients = []

    class Ending(connections.Server):
        async def on_tick(self, counter):
            if not clients:
                return False
            while not self.server_state.connections:
                await asyncio.sleep(0.01)
            clients[0].sendall(ask(21))
            return True

    with listening(Ending) as address, socket.create_connection(address, timeout=600) as connection:
        clients.append(connection)
        answer = read(connection)
    assert answer.endswith(b"\r\n\r\n42") and b"connection: close\r\n" in answer.lower()


def test_garbage_is_looked_for_among_new_objects_alone(caplog):
    """TensorFlow has some 300,000 objects: to go through them holds all requests for a tenth of a second."""
    frozen, kept = [gc.get_freeze_count()], [[] for _ in range(100_000)]

    @contextlib.asynccontextmanager
    async def lifespan(_):
        frozen.append(gc.get_freeze_count())
        raise OSError("that will do")
        yield

    with pytest.raises(SystemExit):
        serve.serve(Starlette(lifespan=lifespan), port=0)
    assert frozen[1] - frozen[0] >= len(kept)
