"""What `qrkeras serve` makes of malformed requests, of a crowd while versions change, and of SIGTERM amidst it.

    python -m tests.support.server_load                       # about five minutes
    python -m tests.support.server_load --quick               # about a minute and a half

  malformed  --malformed requests of every kind of tests/support/malformed.py, --at-once at a time, with a good request
             after each ten. Hung: no answer, and no end of the connection, within --patience seconds.
  crowd      --clients connections that stay open ask for a row at a time for --seconds, while --swaps versions of
             the model come: whole and renamed into place, copied in place file by file, cut short, damaged, empty.
             Version n answers x + n: an answer is wrong if its version was not whole, or older than one that this
             client had.
  sigterm    the server is told to end amidst --ending clients. Lost: a request that was sent before, and not answered.

The server is a process of its own, on loopback, as is everything here. Memory is its resident set, files its open
descriptors, both when all connections are closed; errors are tracebacks in its log. Exit status 1: something is wrong.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import psutil

from tests.support.askers import Asker, added, crowd, send_malformed

WHOLE, HALF, DAMAGED, EMPTY = "renamed", "copied", "damaged", "empty"
FATES = (WHOLE, HALF, "cut short", WHOLE, DAMAGED, HALF, EMPTY)  # of versions, over and over


def export(path, number):
    """A SavedModel that answers x + number, and keeps number in a file of variables."""
    import tensorflow as tf

    from tests.support import saved_models

    module = tf.Module()
    module.number = tf.Variable(number)
    x = tf.TensorSpec((None,), "int32", "x")
    module.call = tf.function(lambda x: {"y": x + module.number}, input_signature=[x])
    return saved_models.put(path, module, {"serving_default": module.call})


def swap(base, made, number, fate):
    """Puts version `number` into place."""
    target, source = base / "count" / str(number), made / str(number)
    if fate == WHOLE:
        source.rename(target)
    else:
        target.mkdir()
        for file in sorted(source.rglob("*")) if fate != EMPTY else ():  # saved_model.pb comes before its variables
            place = target / file.relative_to(source)
            if file.is_dir():
                place.mkdir()
                continue
            content = file.read_bytes()
            if fate == DAMAGED and ".data-" in file.name:
                content = bytes(byte ^ 255 for byte in content)
            half = len(content) // 2
            place.write_bytes(content[:half])
            time.sleep(0.05)
            if fate != "cut short" or ".data-" not in file.name:
                place.write_bytes(content)


class Server:
    """`qrkeras serve` of `base` in a process of its own."""

    def __init__(self, base, log):
        command = [sys.executable, "-m", "qrkeras", "serve", str(base), "--port", "0", "--poll-s", "0.2"]
        self.log = pathlib.Path(log)
        with open(log, "w") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
        host, port = self.process.stdout.readline().split("//")[1].strip().split(":")
        self.address, self.seen = (host, int(port)), psutil.Process(self.process.pid)

    def errors(self):
        return self.log.read_text().count("Traceback")

    def size(self):
        """Megabytes and files, when connections are closed."""
        with contextlib.suppress(TimeoutError):
            deadline = time.monotonic() + 10
            while self.seen.net_connections("tcp")[1:] and time.monotonic() < deadline:
                time.sleep(0.1)
        return self.seen.memory_info().rss / 2**20, self.seen.num_fds()


def percentiles(seconds):
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{i}_ms": round(1e3 * cuts[i - 1]) for i in (50, 95, 99)}


def tell(phase, faults, **values):
    print(json.dumps({"phase": phase, **values, "faults": faults}), flush=True)
    return bool(faults)


def measure_malformed(server, given):
    size = server.size()
    found, wrong = asyncio.run(send_malformed(server.address, given.malformed, given.at_once, given.patience))
    total = sum(found.values(), collections.Counter())
    for name, outcomes in found.items():
        print(json.dumps({"kind": name, **{str(key): n for key, n in outcomes.items()}}))
    bad = {
        str(key): n for key, n in total.items() if key == "hung" or (isinstance(key, int) and key >= 500 and key != 501)
    }
    faults = {**bad, **({"wrong": wrong[:5]} if wrong else {}), **died(server)}
    outcomes = {str(key): n for key, n in sorted(total.items(), key=str)}
    return tell("malformed", faults, requests=given.malformed, **growth(server, size), outcomes=outcomes)


def measure_crowd(server, given, base, made):
    whole, size, began = {1}, server.size(), time.monotonic()

    async def run():
        asked = asyncio.create_task(
            crowd(
                server.address, given.clients, lambda: time.monotonic() > began + given.seconds, given.patience, whole
            )
        )
        for i in range(given.swaps):
            await asyncio.sleep(max(0, began + (i + 0.5) * given.seconds / given.swaps - time.monotonic()))
            number, fate = i + 2, FATES[i % len(FATES)]
            if fate in (WHOLE, HALF):
                whole.add(number)
            await asyncio.to_thread(swap, base, made, number, fate)
        seconds, faults = await asked
        deadline, asker = time.monotonic() + given.patience, Asker(server.address)
        while (last := await added(asker, 0)) != max(whole) and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        asker.close()
        return seconds, [what for _, what in faults] + ([] if last == max(whole) else [f"{last} serves at the end"])

    seconds, faults = asyncio.run(run())
    counted = {**dict(collections.Counter(faults).most_common(5)), **died(server)}
    values = {"clients": given.clients, "swaps": given.swaps, "answers": len(seconds), **percentiles(seconds)}
    return tell("crowd", counted, **values, longest_ms=round(1e3 * max(seconds)), **growth(server, size))


def measure_sigterm(server, given):
    told, whole = [], set(range(1, given.swaps + 2))

    async def run():
        asked = asyncio.create_task(
            crowd(server.address, given.ending, lambda: server.process.poll() is not None, given.patience, whole)
        )
        await asyncio.sleep(2)
        told.append(time.monotonic())
        server.process.send_signal(signal.SIGTERM)
        return await asked

    seconds, faults = asyncio.run(run())
    status = server.process.wait()
    before = [what for when, what in faults if when < told[0]]
    counted = {**dict(collections.Counter(before).most_common(5)), **({"status": status} if status else {})}
    counted |= {"errors in its log": server.errors()} if server.errors() else {}
    return tell("sigterm", counted, clients=given.ending, answers=len(seconds), refused_after=len(faults) - len(before))


def died(server):
    found = {} if server.process.poll() is None else {"crashed": server.process.returncode}
    return {**found, **({"errors in its log": server.errors()} if server.errors() else {})}


def growth(server, before):
    if server.process.poll() is not None:
        return {}
    (memory, files), (memory_now, files_now) = before, server.size()
    return {"memory_mb": [round(memory), round(memory_now)], "files": [files, files_now]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--ending", type=int, default=200, help="clients while the server is told to end")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds")
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests and clients")
    given = parser.parse_args()
    if given.quick:
        given.malformed, given.clients, given.seconds, given.swaps = 1_000, 100, 10.0, 7
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        base, made = folder / "base", folder / "made"
        for number in range(1, given.swaps + 2):
            export(made / str(number), number)
        shutil.copytree(made / "1", base / "count" / "1")
        server = Server(base, folder / "log")
        try:
            asyncio.run(send_malformed(server.address, 200, 8, given.patience, 1, ("other_json", "slow")))  # warm-up
            wrong = [measure_malformed(server, given), measure_crowd(server, given, base, made)]
            wrong.append(measure_sigterm(server, given))
        finally:
            server.process.kill()
            server.process.wait()
            if server.errors():
                print(server.log.read_text()[-3_000:], file=sys.stderr)
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
