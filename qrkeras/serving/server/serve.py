"""`qrkeras serve`: from a folder of SavedModels to a listening server."""

import concurrent.futures
import contextlib
import gc
import logging
import signal
import socket

from qrkeras.serving.server import browsers, connections
from qrkeras.serving.server.app import Routes
from qrkeras.serving.server.metrics import Metrics
from qrkeras.serving.server.repository import Repository
from qrkeras.serving.server.versions import Version


def application(base, limits, keep=1, labels=None, poll_s=1.0, warm_up=True, guards=None):
    """The ASGI application of `serve`, whose arguments these are, behind `guards` (None: `browsers.guards()`)."""
    if not poll_s > 0:
        raise ValueError(f"poll_s must be above 0. Received: {poll_s}")
    metrics = Metrics()
    pool = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="tensorflow")

    def load(name, number, path):
        return Version(
            path, limits, pool, lambda *batch: metrics.rows.labels(name, batch[0]).observe(batch[1]), warm_up
        )

    repository = Repository(base, load, keep, labels)
    metrics.watch(repository.models)
    return Routes(repository, metrics, limits).app(poll_s, browsers.guards() if guards is None else guards)


def listen(host="127.0.0.1", port=8501):
    """A socket that takes connections; raises ValueError where the address is not ours or not free."""
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except (OSError, OverflowError) as error:
        raise ValueError(f"host and port must be free to listen on. Received: {host}, {port} ({error})") from None
    # Connections inherit it. Else the second half of an answer waits 40 ms for the client's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(app, host="127.0.0.1", port=8501, drain_s=60.0):
    """Serves `app` until SIGINT or SIGTERM, then answers what has come in and returns. For the main thread.

    Args:
      host: address to listen on; the default is heard on this machine alone.   port: 0: any free one.
      drain_s: how long requests may take to end after a signal; what takes longer is dropped.
    """
    listening = listen(host, port)
    with contextlib.suppress(ImportError, ValueError):
        import resource  # Unix alone has it

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # a file for every connection
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < 2**16 else soft, hard))
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    server = _Server(
        connections.config(app, log_level="warning", timeout_keep_alive=75, timeout_graceful_shutdown=drain_s)
    )
    # What is there so far stays. Else a full look for garbage goes through all of TensorFlow, and every request waits.
    gc.collect()
    gc.freeze()
    # uvicorn puts its own handlers in place of these, and sends itself the signal once more when it has ended.
    before = {ends: signal.signal(ends, signal.SIG_IGN) for ends in (signal.SIGINT, signal.SIGTERM)}
    try:
        with listening:
            server.run(sockets=[listening])
    finally:
        for ends, handler in before.items():
            signal.signal(ends, handler)


class _Server(connections.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:
            host, port = sockets[0].getsockname()[:2]
            print(f"serving on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
