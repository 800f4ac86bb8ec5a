"""A listening server in a thread of this process."""

import contextlib
import threading
import time

from qrkeras.serving.server import connections
from qrkeras.serving.server.limits import Limits
from qrkeras.serving.server.serve import application, listen

PATIENCE = 600


@contextlib.contextmanager
def running(base, limits=Limits(), poll_s=0.05, **options):  # noqa: B008
    """The URL of a server of `base`, which has loaded what was there."""
    app = application(base, limits, poll_s=poll_s, **options)
    with listen(port=0) as listening:
        server = connections.Server(connections.config(app, log_level="critical", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            assert server.started
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def until(condition, seconds=PATIENCE):
    """Waits until `condition()` holds, and returns what it returned; `seconds` are for what never comes."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found
