"""Who may ask: pages of other origins, and names that somebody made to point here, must not drive a server.

A browser sends requests for every page that it shows, to servers on its own machine too. The name in `Host` tells whom
the page meant: one of its own that resolves to this machine (DNS rebinding) is none of ours. `Origin` tells whose page
it is; `Sec-Fetch-Site` says so where a browser leaves `Origin` out.
"""

import contextlib
import ipaddress
import re
import urllib.parse

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response

from qrkeras.serving import wire

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ALL = {"", "0.0.0.0", "::"}


def guards(host="127.0.0.1", allow_host=(), allow_origin=()):
    """Starlette's middleware that lets through what may ask.

    Args:
      host: address that is listened on; its name may be used, too.
      allow_host: names in `Host`, besides loopback's; `*.NAME`: all below it, `*`: any.
      allow_origin: SCHEME://HOST[:PORT] of pages, or `*`: any.
    Raises:
      ValueError: naming what is no host or no origin.
    """
    hosts = list(dict.fromkeys([*LOOPBACK, *map(_host, allow_host if host in ALL else (host, *allow_host))]))
    origins = [_origin(each) for each in allow_origin]
    cors = {"allow_methods": ("GET", "POST"), "allow_headers": ("Content-Type", "Content-Encoding")}
    return [
        Middleware(Hosts, hosts=hosts),
        Middleware(Origins, origins=origins),
        Middleware(CORSMiddleware, allow_origins=origins, allow_private_network=True, **cors),
    ]


class Hosts:
    """Starlette's TrustedHostMiddleware, whose refusal is ours: JSON, and what to do."""

    def __init__(self, app, hosts):
        self._app, self._hosts = app, hosts

    async def __call__(self, scope, receive, send):
        async def passed(scope, receive, _):
            await self._app(scope, receive, send)

        async def refuse(message):  # what Starlette sends itself
            if message["type"] == "http.response.start":
                told = f"Host must be one of {', '.join(self._hosts)}, or named by --allow-host"
                given = ", ".join(Headers(scope=scope).getlist("host"))[:80]
                await _refusal(400, f"{told}. Received: {given or 'none'}")(scope, receive, send)

        await TrustedHostMiddleware(passed, self._hosts, www_redirect=False)(scope, receive, refuse)


class Origins:
    """Refuses what comes from pages of other origins than this server's and `origins`, whatever it asks for."""

    def __init__(self, app, origins):
        self._app, self._origins = app, origins

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and "*" not in self._origins:
            headers = Headers(scope=scope)
            given = headers.getlist("origin")
            ours = headers.get("host", "").lower()
            foreign = [each for each in given if each not in self._origins and _place(each) != ours]
            reads = scope["method"] in ("GET", "HEAD")  # by a link, say; other pages cannot see the answer
            if not given and not reads and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
                foreign = [f"Sec-Fetch-Site: {headers['sec-fetch-site']}"]
            if foreign:
                told = f"Origin must be this server's, or named by --allow-origin. Received: {foreign[0][:80]}"
                await _refusal(403, told)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _place(origin):
    """HOST[:PORT] of an origin, without its scheme, which a proxy in front may have changed."""
    return origin.lower().partition("://")[2]


def _host(name):
    with contextlib.suppress(ValueError):
        return f"[{ipaddress.IPv6Address(name.removeprefix('[').removesuffix(']'))}]"
    if not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9_.-]+", name):
        raise ValueError(
            f"allow_host must be names or addresses without port, such as gpu1.lan or *.lan, or *. Received: {name!r}"
        )
    return name


def _origin(origin):
    parts = urllib.parse.urlsplit(origin.lower())
    if origin != "*" and (not parts.scheme or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin.lower()):
        raise ValueError(f"allow_origin must be SCHEME://HOST[:PORT] of pages, or *. Received: {origin!r}")
    return origin.lower()


def _refusal(status, message):
    return Response(wire.encode({"error": message}), status, media_type="application/json")
