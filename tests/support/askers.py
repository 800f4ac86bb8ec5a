"""Clients of a server of `count` (x + version), many at once, that check what they are answered."""

import asyncio
import collections
import json
import random
import re
import time

from tests.support import malformed


class Asker:
    """A connection to HOST:PORT that stays open."""

    def __init__(self, address):
        self.address, self.reader, self.writer = address, None, None

    async def __call__(self, data):
        """Status and body of the answer to the bytes of a request; raises ConnectionError and the like."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(*self.address)
        self.writer.write(data)
        return await answer(self.reader)

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    body = await (reader.readexactly(int(length[1])) if length else reader.read())
    return int(head.split(maxsplit=2)[1]), body


async def added(asker, x):
    """Which version has answered x; raises AssertionError where the answer is none."""
    status, body = await asker(malformed.request(json.dumps({"instances": [x]}).encode()))
    assert status == 200, f"{status}: {body[:200]}"
    return json.loads(body)["predictions"][0] - x


async def send(address, sent, patience):
    """Statuses of the answers to what is sent; then `end`, where the connection ended, or `hung`."""
    reader, writer = await asyncio.open_connection(*address)
    found = []
    try:
        async with asyncio.timeout(patience):
            for piece in cut(sent.data, sent.pieces):
                writer.write(piece)
                await writer.drain()
                if sent.pieces > 1:
                    await asyncio.sleep(0.02)
            if sent.end == "half" and writer.can_write_eof():
                writer.write_eof()
            if sent.end in ("leave", "reset"):
                if sent.end == "reset":
                    writer.transport.abort()
                return ["left"]
            while not found or sent.end == "half" or found.count(200) < sent.good:
                found.append((await answer(reader))[0])
            return found
    except (EOFError, ConnectionError):
        return [*found, "end"]
    except TimeoutError:
        return [*found, "hung"]
    finally:
        writer.close()


def cut(data, pieces):
    size = -(-len(data) // pieces) or 1
    return [data[i : i + size] for i in range(0, len(data), size)]


async def send_malformed(address, count, at_once, patience, seed=0, kinds=tuple(malformed.KINDS)):
    """`{kind: Counter of outcomes}` of `count` requests, and how many good ones beside them were answered wrongly."""
    found, wrong, left = collections.defaultdict(collections.Counter), [], iter(range(count))

    async def client():
        asker = Asker(address)
        for i in left:
            name = kinds[i % len(kinds)]
            sent = malformed.KINDS[name](random.Random(f"{seed} {i}"))
            outcome = await send(address, sent, patience)
            if outcome.count(200) < sent.good:
                wrong.append((name, outcome))
            found[name].update(outcome)
            if i % 10 == 0:
                try:
                    async with asyncio.timeout(patience):
                        assert await added(asker, i) == 1
                except (AssertionError, OSError, EOFError, TimeoutError) as error:
                    wrong.append(("good", repr(error)))
                    asker.close()
        asker.close()

    await asyncio.gather(*(client() for _ in range(at_once)))
    return found, wrong


async def crowd(address, clients, ended, patience, whole):
    """Asks until `ended()`: seconds of each answer, and what went wrong: (when it was asked, what)."""
    seconds, faults = [], []

    async def client(k):
        asker, i, newest = Asker(address), 0, 0
        while not ended():
            began, i = time.monotonic(), i + 1
            try:
                async with asyncio.timeout(patience):
                    number = await added(asker, 1_000_000 * (k % 1_000) + i)
                if number not in whole or number < newest:
                    faults.append((began, f"wrong: version {number} after {newest}"))
                newest = number
                seconds.append(time.monotonic() - began)
            except TimeoutError:
                faults.append((began, "hung"))
                asker.close()
            except (AssertionError, OSError, EOFError) as error:
                faults.append((began, f"lost: {error!r}"[:200]))
                asker.close()
                await asyncio.sleep(0.1)
        asker.close()

    await asyncio.gather(*(client(k) for k in range(clients)))
    return seconds, faults
