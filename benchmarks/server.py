"""`qrkeras serve` against the bare signature: what a request costs, and what micro-batching gives.

    python benchmarks/server.py
    python benchmarks/server.py --quick                       # half a minute
    python benchmarks/server.py --base served --model pixeliqn-digits --signature sample

  overhead    one client asks for one row at a time over a connection that stays open: milliseconds, against the same
              row from the same signature in a process of TensorFlow alone; the two take turns. JSON is in it, at both
              ends.
  throughput  rows per second and milliseconds a request (p50, p95, p99) by number of clients, each asking for one row
              at a time; with micro-batching (--max-batch 64), and with every row alone (--max-batch 1).

The server is a process of its own, and so are the clients; all share the machine's cores. Without --base the model is
an untrained DCGAN generator of 32 x 32 x 3 images: an answer is 3,072 numbers.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CLIENTS = (1, 4, 16, 64)


def export(base):
    """Writes the generator to `base`."""
    from qrkeras import losses, models, networks, serving

    gan = models.GAN(
        generator=networks.dcgan_generator(32, channels=3, width=32),
        discriminator=networks.dcgan_discriminator(32, channels=3, num_outputs=4, width=8),
        latent_dim=100,
        loss=losses.QuantileRegression(num_quantiles=4),
    )
    serving.export_model(gan, base, "dcgan")


@contextlib.contextmanager
def running(base, max_batch):
    """Host and port of a server in a process of its own."""
    command = [sys.executable, "-m", "qrkeras", "serve", str(base), "--port", "0", "--max-batch", str(max_batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().split("//")[1].strip().split(":")
        finally:
            process.terminate()


def percentiles(seconds):
    """p50, p95 and p99 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return [1e3 * cuts[i - 1] for i in (50, 95, 99)]


def body(settings, i):
    return json.dumps({"signature_name": settings.signature, "inputs": {"seed": [[0, i]]}}).encode()


def overhead(settings, base, rounds, requests):
    import tensorflow as tf

    version = max((base / settings.model).iterdir(), key=lambda path: int(path.name))
    loaded = tf.saved_model.load(str(version))
    signature = loaded.signatures[settings.signature]
    path = f"/v1/models/{settings.model}:predict"
    bare, asked = [], []
    with running(base, 64) as (host, port):
        connection = http.client.HTTPConnection(host, int(port))

        def call(i):
            return {name: out.numpy() for name, out in signature(seed=tf.constant([[0, i]])).items()}

        def ask(i):
            connection.request("POST", path, body(settings, i))
            reply = connection.getresponse()
            answer = json.loads(reply.read())
            assert reply.status == 200, answer
            return answer

        for function in (call, ask):
            for i in range(20):
                function(i)
        for _ in range(rounds):
            for function, seconds in ((call, bare), (ask, asked)):
                for i in range(requests):
                    start = time.perf_counter()
                    function(i)
                    seconds.append(time.perf_counter() - start)
    ours, theirs = percentiles(asked), percentiles(bare)
    print("| one row at a time, ms | p50 | p95 | p99 |\n|---|---|---|---|")
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
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
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
        with running(base, max_batch) as (host, port):
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
    rounds, requests, seconds = (3, 30, 2) if settings.quick else (10, 100, 10)
    with tempfile.TemporaryDirectory() as made:
        base = settings.base or pathlib.Path(made)
        if settings.base is None:
            export(base)
        overhead(settings, base, rounds, requests)
        throughput(settings, base, seconds)


if __name__ == "__main__":
    main()
