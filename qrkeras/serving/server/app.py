"""The routes: TF Serving's REST calls, a page, health and metrics."""

import asyncio
import contextlib
import importlib.resources
import re
import time
import urllib.parse

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from qrkeras.serving import wire
from qrkeras.serving.server import bodies, tensors
from qrkeras.serving.server.errors import Refused
from qrkeras.serving.server.metrics import CONTENT_TYPE

# TF Serving's own expressions (tensorflow_serving/model_servers/http_rest_api_util.cc).
_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<number>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(_MODEL + r":(?P<method>classify|regress|predict)")
_GET = re.compile(_MODEL + r"(?P<metadata>/metadata)?")
# The page loads nothing from elsewhere, and says so to the browser.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src blob:"


class Routes:
    """Answers requests out of a repository.

    Args:
      repository: `Repository` of `Version`s.   metrics: `Metrics`.   limits: `Limits`.
    """

    def __init__(self, repository, metrics, limits):
        self._repository, self._metrics, self._limits = repository, metrics, limits
        self._waiting = 0
        self._page = importlib.resources.files("qrkeras.serving.server").joinpath("page.html").read_text()

    def app(self, poll_s, guards=()):
        """The ASGI application, which looks for new versions every `poll_s` seconds, behind Starlette's `guards`."""

        @contextlib.asynccontextmanager
        async def lifespan(_):
            await asyncio.to_thread(self._repository.start, poll_s)
            yield
            await asyncio.to_thread(self._repository.stop)

        routes = [
            Route("/", self.page),
            Route("/healthz", self.health),
            Route("/metrics", self.metrics),
            Route("/monitoring/prometheus/metrics", self.metrics),  # where TF Serving has them
            Route("/v1/models", self.models),
            Route("/v1/{path:path}", self.ask, methods=["GET"]),
            Route("/v1/{path:path}", self.predict, methods=["POST"]),
        ]
        handlers = {HTTPException: _http_error, Refused: _refused, Exception: _failed}
        return Starlette(routes=routes, middleware=guards, exception_handlers=handlers, lifespan=lifespan)

    async def page(self, request):
        return HTMLResponse(self._page, headers={"Content-Security-Policy": _POLICY})

    async def health(self, request):
        return _json({"status": "ok", "models": self._repository.models()})

    async def metrics(self, request):
        return Response(self._metrics.page(), media_type=CONTENT_TYPE)

    async def models(self, request):
        """What there is to ask for; TF Serving has no such list."""
        served = self._repository.models().items()
        labels = self._repository.labels
        return _json({"models": [{"name": n, "versions": v, "labels": labels.get(n, {})} for n, v in served]})

    async def ask(self, request):
        """Status or metadata."""
        asked = _match(_GET, request)
        name, number, label = asked["name"], _number(asked["number"]), asked["label"]
        if asked["metadata"]:
            number, version = self._repository.get(name, number, label)
            spec = {"name": name, "signature_name": "", "version": str(number)}
            signatures = {"signature_def": {"signature_def": version.metadata}}
            return _json({"model_spec": spec, "metadata": signatures})
        states = self._repository.status(name, number, label)
        return _json({"model_version_status": [_status(*state) for state in states]})

    async def predict(self, request):
        asked = _match(_POST, request)
        if asked["method"] != "predict":
            raise Refused(501, f"{asked['method']} is not offered here: use predict.")
        start, labels, status = time.perf_counter(), ("", ""), 500
        self._waiting += 1
        self._metrics.waiting.set(self._waiting)
        try:
            if self._waiting > self._limits.max_waiting:
                raise Refused(503, f"{self._limits.max_waiting} requests are waiting already: try again later.")
            name = asked["name"]
            _, version = self._repository.get(name, _number(asked["number"]), asked["label"])
            labels = (name, "")
            body = await bodies.read(request, self._limits)
            batcher, inputs, rows = await _aside(len(body), _read, body, version)
            labels = (name, batcher.signature.name)
            try:
                outputs = await asyncio.wait_for(batcher(inputs), self._limits.timeout_s)
            except TimeoutError:
                raise Refused(504, f"no answer within {self._limits.timeout_s:g} s") from None
            answer = await _aside(sum(array.nbytes for array in outputs.values()), tensors.reply, outputs, rows)
            status = 200
            return Response(answer, media_type="application/json")
        except Refused as error:
            status = error.status
            raise
        finally:
            self._waiting -= 1
            self._metrics.waiting.set(self._waiting)
            self._metrics.requests.labels(*labels, status).inc()
            self._metrics.seconds.labels(*labels).observe(time.perf_counter() - start)


async def _aside(size, function, *arguments):
    """Calls `function`; in a thread, so that other requests go on meanwhile, where there are many bytes to work on."""
    if size < 2**15:  # about a millisecond of work
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


def _read(body, version):
    name, value, rows = tensors.parse(body)
    batcher = version.batcher(name)
    return batcher, tensors.inputs_of(value, batcher.signature.inputs, rows), rows


def _match(pattern, request):
    path = request.scope["raw_path"].decode("latin-1")  # as it was sent: a name may hold %2F
    if found := pattern.fullmatch(path):
        return {part: text and urllib.parse.unquote(text) for part, text in found.groupdict().items()}
    raise Refused(400, f"Malformed request: {request.method} {path}")


def _number(text):
    if text is not None and (len(text) > 19 or int(text) >= 2**63):
        raise Refused(400, f"Failed to convert version: {text[:80]} to numeric.")
    return None if text is None else int(text)


def _status(number, state, error):
    code = {"error_code": "UNKNOWN" if error else "OK", "error_message": error}
    return {"version": str(number), "state": state, "status": code}


def _json(value, status=200):
    return Response(wire.encode(value), status, media_type="application/json")


def _refused(request, error):
    return _json({"error": str(error)}, error.status)


def _http_error(request, error):
    return _json({"error": f"{error.detail}: {request.method} {request.scope['path']}"}, error.status_code)


def _failed(request, error):  # the web server logs it
    return _json({"error": f"the server failed: {type(error).__name__}"}, 500)
