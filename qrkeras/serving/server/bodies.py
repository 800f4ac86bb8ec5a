"""The body of a request: JSON alone, read and unpacked within a bound.

A web page may send text and forms to any server without asking first, and JSON only if that server agrees; so what is
called something else is refused. Programs need not name a type, as TF Serving asks for none.
"""

import asyncio
import zlib

from starlette.requests import ClientDisconnect

from qrkeras.serving.server.errors import Refused


async def read(request, limits):
    """The request's body as it was before it was packed: bytes; raises Refused.

    What is too large is read to its end, so that the client hears why, and not kept.
    """
    limit, size, body = int(limits.max_request_mb * 2**20), 0, bytearray()
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= limit:
                    body += chunk
    except TimeoutError:
        raise Refused(408, f"the request did not come within {limits.timeout_s:g} s") from None
    except ClientDisconnect:
        raise Refused(499, "the client went away") from None
    _check_type(request.headers.getlist("content-type"))
    packed = _packed(request.headers.getlist("content-encoding"))
    if size > limit:
        raise Refused(413, f"a request may have {limits.max_request_mb:g} MB. Received: {size:,} bytes")
    # In a thread: a thousandth of the bytes that are allowed may unpack to all of them.
    return await asyncio.to_thread(unpack, bytes(body), limit) if packed else bytes(body)


def unpack(body, limit):
    """What the gzip stream `body` holds, which may be `limit` bytes; raises Refused."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused(400, f"the body must be gzip, as Content-Encoding says. Received: {error}") from None
    if len(found) > limit:
        raise Refused(413, f"a request may have {limit / 2**20:g} MB when it is unpacked. Received: more")
    if not stream.eof:
        raise Refused(400, "the body must be gzip, as Content-Encoding says. Received: one that is cut short")
    if stream.unused_data:
        raise Refused(
            400, f"the body must be one gzip stream. Received: {len(stream.unused_data):,} bytes after its end"
        )
    return found


def _check_type(given):
    if any(value.partition(";")[0].strip().lower() != "application/json" for value in given):
        raise Refused(
            415,
            f"a body must be JSON and say so: Content-Type: application/json (curl: -H 'Content-Type: "
            f"application/json'). Received: {', '.join(given)[:80]}",
        )


def _packed(given):
    """Whether the body is packed by gzip; raises Refused where it is packed otherwise."""
    names = [name for value in given for name in value.lower().replace(" ", "").split(",") if name]
    packings = [name for name in names if name != "identity"]
    if packings not in ([], ["gzip"], ["x-gzip"]):
        raise Refused(415, f"Content-Encoding must be gzip, once, or identity. Received: {', '.join(given)[:80]}")
    return bool(packings)
