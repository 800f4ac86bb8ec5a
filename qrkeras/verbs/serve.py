"""`qrkeras serve`: TF Serving's REST calls, out of a folder of exports."""

import re
from typing import Annotated

import tyro

from qrkeras.serving.server.limits import Limits
from qrkeras.verbs.arguments import Base


def serve(
    base: Base,
    /,
    host: str = "127.0.0.1",
    port: int = 8501,
    keep: int = 1,
    labels: tuple[str, ...] = (),
    poll_s: float = 1.0,
    warm_up: bool = True,
    allow_host: tuple[str, ...] = (),
    allow_origin: tuple[str, ...] = (),
    limits: Annotated[Limits, tyro.conf.arg(name="")] = Limits(),  # noqa: B008
):
    """Serve the models of a folder by TF Serving's REST calls, with a page to try them at /; Ctrl-C stops it.

    New versions are loaded as they appear, and take over without a request being dropped. A SavedModel is a program:
    it can read and write files as you can. Serve those that you made, or whose makers you trust.

    Args:
      base: Folder of NAME/VERSION, as `qrkeras export` writes it.
      host: Address to listen on; the default is heard on this machine alone.
      port: Port to listen on; 0: any free one.
      keep: Number of versions of each model that are served, the newest ones.
      labels: Names of versions, which are served too (--labels gan:stable=3 gan:canary=4).
      poll_s: Seconds between looks into the folder.
      warm_up: Run every signature once before a version takes over.
      allow_host: Names by which the server may be asked, besides localhost and --host: gpu1.lan, *.lan; *: any.
      allow_origin: Web pages that may ask the server from a browser, besides its own: https://lab.example; *: any.
    """
    named = {}
    for entry in labels:
        if not (found := re.fullmatch("([^:]+):([^:=]+)=([0-9]+)", entry)):
            raise ValueError(f"labels must each be MODEL:LABEL=VERSION. Received: {entry!r}")
        named.setdefault(found[1], {})[found[2]] = int(found[3])
    from qrkeras.serving.server import browsers
    from qrkeras.serving.server.serve import application
    from qrkeras.serving.server.serve import serve as listen

    guards = browsers.guards(host, allow_host, allow_origin)
    listen(application(base, limits, keep, named, poll_s, warm_up, guards), host, port)
