"""What several workers cost: time of a step, bytes on the wire, and what those bytes mean for 8 machines of 8 GPUs.

    python benchmarks/cluster.py step      # a step of two workers against two replicas in one process, and its parts
    python benchmarks/cluster.py bytes     # bytes that a worker sends and receives a step, against its gradients'
    python benchmarks/cluster.py paper     # `bytes`, and times of communication on paper

Workers are processes on the loopback interface, `--threads` threads each. A step of two workers is split into
computation (a step of one device on a worker's rows), communication (a sum of as many bytes as the gradients', by
itself) and the rest, waiting: for the other worker, and between many small sums. For bytes, every connection goes
through a counting relay.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

PRESETS = ("qrgan-grid25", "qrgan-cifar10", "pixeliqn-digits", "aiqnvae-digits")
# Assumed, each way: bytes a second of a machine's network and between its GPUs.
NETWORKS = {"10 Gb/s": 1.25e9, "100 Gb/s": 12.5e9, "8 x 400 Gb/s": 400e9}
NVLINK = 100e9


# ---- in a worker ----


def model_of(name, devices, rows_of=1):
    """Model and batches of a preset in the strategy of `devices`, fed as `qrkeras train` feeds it."""
    import dataclasses

    import numpy as np

    from qrkeras import data, presets
    from qrkeras.experiments import build
    from qrkeras.machine import devices as machine

    preset = dataclasses.replace(presets.get(name), steps_per_execution=1, evaluate_every=None)
    strategy = machine.strategy(devices)
    if preset.data.name == "cifar10":
        source = data.from_arrays(np.random.default_rng(0).integers(0, 256, (5_000, 32, 32, 3)).astype("uint8"))
    else:
        source = build.dataset(preset)
    preset = dataclasses.replace(preset, batch_size=preset.batch_size // rows_of)
    with strategy.scope():
        model = build.model(preset, source, seed=0)
    share = devices.cluster.index, devices.cluster.size
    return model, build.batches(preset, source, 0, 0, share)


def worker(given):
    """Says "ready", then does what each line of standard input asks, and answers with a line of JSON."""
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    if given.replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * given.replicas)
    from qrkeras import callbacks
    from qrkeras.machine import devices as machine

    if given.addresses:  # those of relays, and its own
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": given.addresses}, "task": {"type": "worker", "index": given.index}}
        )
    chosen = machine.choose("all" if given.addresses else given.replicas)
    model, batches = model_of(given.presets[0], chosen, given.rows_of)
    gradients = sum(4 * int(np.prod(v.shape)) for v in model.trainable_variables)
    strategy = model.distribute_strategy

    def fit(steps):
        stop = callbacks.StopOnSignal()  # which asks the other workers after each step
        model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[stop])
        stop.restore()

    @tf.function
    def summed(values):
        return strategy.reduce("SUM", values, axis=None)

    def sums(times):
        values = tf.zeros([gradients // 4])
        for _ in range(times):
            summed(values)

    fit(3)
    sums(2 if given.addresses else 0)
    print(json.dumps({"gradients": gradients}), flush=True)
    for line in sys.stdin:
        what, times = line.split()
        start = time.perf_counter()
        {"fit": fit, "sum": sums}[what](int(times))
        print(json.dumps({"seconds": (time.perf_counter() - start) / int(times)}), flush=True)


# ---- outside ----


class Relay:
    """Hands a port's connections on to another, and counts the bytes each way."""

    def __init__(self, port):
        self.port, self.bytes = port, 0
        self.listening = socket.create_server(("localhost", 0))
        self.address = f"localhost:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.listening.accept()
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near):
        try:
            far = socket.create_connection(("localhost", self.port))
        except OSError:
            return near.close()
        threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
        self._pump(near, far)

    def _pump(self, source, sink):
        try:
            while received := source.recv(1 << 16):
                self.bytes += len(received)
                sink.sendall(received)
        except OSError:
            pass
        sink.close()


def free_ports(count):
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Peer:
    """Processes that do the same together: workers of one cluster, or one process alone."""

    def __init__(self, name, given, workers=1, relayed=False, **options):
        ports = free_ports(workers)
        own = [f"localhost:{port}" for port in ports]
        self.relays = [Relay(port) for port in ports] if relayed else []
        seen = [relay.address for relay in self.relays] or own
        self.processes = []
        for i in range(workers):
            addresses = [own[k] if k == i else seen[k] for k in range(workers)] if workers > 1 else []
            options_ = {"threads": given.threads, "index": i, **options}
            words = [word for key, value in options_.items() for word in (f"--{key.replace('_', '-')}", str(value))]
            words += ["--presets", name, *(["--addresses", *addresses] if addresses else [])]
            command = [sys.executable, __file__, "worker", *words]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            environment.pop("TF_CONFIG", None)
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
            self.processes.append(subprocess.Popen(command, **pipes, cwd=pathlib.Path(__file__).parents[1]))
        self.gradients = self._answers()[0]["gradients"]

    def __call__(self, what, times):
        """Seconds of one, of the slowest process."""
        for process in self.processes:
            process.stdin.write(f"{what} {times}\n")
            process.stdin.flush()
        return max(answer["seconds"] for answer in self._answers())

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()

    def _answers(self):
        return [json.loads(process.stdout.readline()) for process in self.processes]


def step(given):
    print("| preset | one device, half the batch | two replicas | two workers | of that: sum | waiting |")
    print("|---|---|---|---|---|---|")
    for name in given.presets:
        peers = {
            "one": Peer(name, given, rows_of=2),
            "replicas": Peer(name, given, replicas=2),
            "workers": Peer(name, given, workers=2),
        }
        seconds = {peer: [] for peer in (*peers, "sum")}
        for _ in range(given.rounds):
            for peer, run in peers.items():
                seconds[peer].append(run("fit", given.steps))
            seconds["sum"].append(peers["workers"]("sum", given.steps))
        for run in peers.values():
            run.close()
        ms = {peer: 1e3 * statistics.median(found) for peer, found in seconds.items()}
        waiting = ms["workers"] - ms["one"] - ms["sum"]
        cells = [ms["one"], ms["replicas"], ms["workers"], ms["sum"], waiting]
        print(f"| {name} | {' | '.join(f'{cell:.1f} ms' for cell in cells)} |", flush=True)


def counted(given):
    """Preset -> bytes that cross between two workers in a step, both ways, and of its gradients; prints them."""
    print(
        "| preset | gradients, MB | sent and received by a worker a step, MB | times the gradients |\n|---|---|---|---|"
    )
    found = {}
    for name in given.presets:
        peer = Peer(name, given, workers=2, relayed=True)
        before = sum(relay.bytes for relay in peer.relays)
        peer("fit", given.steps)
        crossed = (sum(relay.bytes for relay in peer.relays) - before) / given.steps
        peer.close()
        found[name] = crossed, peer.gradients
        mb = peer.gradients / 1e6, crossed / 1e6
        print(f"| {name} | {mb[0]:.3f} | {mb[1]:.3f} | {crossed / peer.gradients:.2f} |", flush=True)
    return found


def paper(given):
    """What a step's sums take in a ring of M machines, `2 (M - 1) / M` of what is summed each way, on paper."""
    found = counted(given)
    networks = " | ".join(f"{machines} x 8, {name}" for machines in (2, 4, 8) for name in NETWORKS)
    print(
        f"\nMilliseconds of communication a step, between machines and within them:\n\n| preset | 1 x 8 | {networks} |"
    )
    print("|" + "---|" * (2 + 3 * len(NETWORKS)))
    for name, (crossed, _) in found.items():
        # Two workers: each sends 2 (2 - 1) / 2 = once what is summed, and receives as much; both ways are counted.
        summed = crossed / 2
        within = 2 * 7 / 8 * summed / NVLINK
        cells = [within] + [
            within + 2 * (machines - 1) / machines * summed / speed
            for machines in (2, 4, 8)
            for speed in NETWORKS.values()
        ]
        print(f"| {name} | {' | '.join(f'{1e3 * cell:.2f}' for cell in cells)} |")
    print("\nR replicas are used to 90% where a step's computation takes 9 times as long as that.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("step", "bytes", "paper", "worker"))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--steps", type=int, default=20, help="steps in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    for hidden in ("--index", "--replicas", "--rows-of"):
        parser.add_argument(hidden, type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--addresses", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    {"step": step, "bytes": counted, "paper": paper, "worker": worker}[given.what](given)


if __name__ == "__main__":
    main()
