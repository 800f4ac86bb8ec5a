"""`qrkeras serve` against the bare signature: what a request costs, and what micro-batching gives.

    python benchmarks/server.py
    python benchmarks/server.py --quick                       # half a minute
    python benchmarks/server.py --base served --model pixeliqn-digits --signature sample

  overhead    one client asks for one row at a time over a connection that stays open: milliseconds, against the same
              row from the same signature in a process of TensorFlow alone; the two take turns. JSON is in it, at both
              ends. The processor's time is that of the server's process, which other work on the machine leaves alone.
  throughput  rows per second and milliseconds a request (p50, p95, p99) by number of clients, each asking for one row
              at a time; with micro-batching (--max-batch 64), and with every row alone (--max-batch 1).

The server is a process of its own, and so are the clients; all share the machine's cores. Without --base the model is
an untrained DCGAN generator of 32 x 32 x 3 images: an answer is 3,072 numbers.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import functools
import http.client
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import psutil

CLIENTS = (1, 4, 16, 64)


def export(base):
    """Writes the generator to `base`."""
    from qrkeras import losses, models, networks
    from qrkeras.serving import export as serving

    gan = models.GAN(
        generator=networks.dcgan_generator(32, channels=3, width=32),
        discriminator=networks.dcgan_discriminator(32, channels=3, num_outputs=4, width=8),
        latent_dim=100,
        loss=losses.QuantileRegression(num_quantiles=4),
    )
    serving.export_model(gan, base, "dcgan")


@contextlib.contextmanager
def running(base, max_batch):
    """A server in a process of its own: the process, host and port."""
    command = [sys.executable, "-m", "qrkeras", "serve", str(base), "--port", "0", "--max-batch", str(max_batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            host, port = process.stdout.readline().split("//")[1].strip().split(":")
            yield psutil.Process(process.pid), host, port
        finally:
            process.terminate()


def percentiles(seconds):
    """p50, p95 and p99 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return [1e3 * cuts[i - 1] for i in (50, 95, 99)]


def body(settings, i):
    return json.dumps({"signature_name": settings.signature, "inputs": {"seed": [[0, i]]}}).encode()


def timed(function, n):
    """Seconds of each of n calls."""
    seconds = []
    for i in range(n):
        start = time.perf_counter()
        function(i)
        seconds.append(time.perf_counter() - start)
    return seconds


@functools.cache
def bare(version, name):
    """The signature as a function of i: what TensorFlow alone needs for a row."""
    import tensorflow as tf

    loaded = tf.saved_model.load(version)
    signature = loaded.signatures[name]

    def call(i, loaded=loaded):  # kept: a signature may need what it holds
        return {name: out.numpy() for name, out in signature(seed=tf.constant([[0, i]])).items()}

    timed(call, 20)
    return call


def time_bare(version, name, n):
    """Seconds of each of n rows, and the processor's seconds for all."""
    call = bare(version, name)
    before = time.process_time()
    return timed(call, n), time.process_time() - before


def overhead(settings, base, alone, rounds, requests):
    version = str(max((base / settings.model).iterdir(), key=lambda path: int(path.name)))
    signature, request, processor = [], [], [0.0, 0.0]
    with running(base, 64) as (process, host, port):
        connection = http.client.HTTPConnection(host, int(port))

        def ask(i):
            connection.request("POST", f"/v1/models/{settings.model}:predict", body(settings, i))
            reply = connection.getresponse()
            answer = json.loads(reply.read())
            assert reply.status == 200, answer

        timed(ask, 20)
        for _ in range(rounds):
            seconds, used = alone.submit(time_bare, version, settings.signature, requests).result()
            signature += seconds
            processor[0] += used
            before = sum(process.cpu_times()[:2])
            request += timed(ask, requests)
            processor[1] += sum(process.cpu_times()[:2]) - before
    theirs, ours = (
        [*percentiles(seconds), 1e3 * used / len(seconds)] for seconds, used in zip((signature, request), processor)
    )
    print("| one row at a time, ms | p50 | p95 | p99 | processor's time |\n|---|---|---|---|---|")
    for name, row in (("signature", theirs), ("request", ours), ("overhead", [a - b for a, b in zip(ours, theirs)])):
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in row)} |")


async def crowd(settings, host, port, clients, seconds):
    """Seconds of every request of `clients` that ended within `seconds`, a warm-up apart."""
    path, found = f"/v1/models/{settings.model}:predict", []
    start = time.perf_counter() + seconds / 5

    async def client(k):
        reader, writer = await asyncio.open_connection(host, int(port))
        i = 0
        while (now := time.perf_counter()) < start + seconds:
            data, i = body(settings, 1_000 * k + i), i + 1
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
            if start <= (end := time.perf_counter()) < start + seconds:
                found.append(end - now)
        writer.close()

    await asyncio.gather(*(client(k) for k in range(clients)))
    return found


def throughput(settings, base, seconds):
    print("\n| clients | batching | rows/s | p50, ms | p95, ms | p99, ms |\n|---|---|---|---|---|---|")
    found = {}
    for name, max_batch in (("micro-batches", 64), ("one by one", 1)):
        with running(base, max_batch) as (_, host, port):
            for clients in CLIENTS:
                found[name, clients] = asyncio.run(crowd(settings, host, port, clients, seconds))
    for clients in CLIENTS:
        for name in ("micro-batches", "one by one"):
            times = found[name, clients]
            cells = " | ".join(f"{value:.1f}" for value in percentiles(times))
            print(f"| {clients} | {name} | {len(times) / seconds:.0f} | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=pathlib.Path, help="folder of exported models; none: one is made")
    parser.add_argument("--model", default="dcgan", help="name of a model there that takes seeds")
    parser.add_argument("--signature", default="sample")
    parser.add_argument("--quick", action="store_true", help="short rounds")
    settings = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rounds, requests, seconds = (5, 40, 2) if settings.quick else (10, 100, 10)
    with tempfile.TemporaryDirectory() as made:
        base = settings.base or pathlib.Path(made)
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            if settings.base is None:
                alone.submit(export, base).result()
            overhead(settings, base, alone, rounds, requests)
        throughput(settings, base, seconds)


if __name__ == "__main__":
    main()
