"""Rounds: peers timed in turn, each in a process of its own."""

import argparse
import multiprocessing
import os
import resource
import statistics
import time


def arguments(description, threads, rounds):
    """Parser of what every benchmark in rounds takes, with its defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=threads, help="threads that each peer may use")
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds, each of which times every peer once")
    return parser


def measure(peer, names, threads, rounds, steps):
    """Times every peer once a round, while the others wait; the order turns with every round.

    Args:
      peer: `peer(name, threads)` returns, in the peer's own process, a function that runs a number of steps.
      names: of the peers.   steps: in a round.
    Returns: `{name: {"seconds": [per step, by round], "peak_mb": of the process, libraries included}}`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    context = multiprocessing.get_context("spawn")
    peers = {}
    for name in names:
        connection, far_end = context.Pipe()
        process = context.Process(target=_serve, args=(peer, name, threads, far_end), daemon=True)
        process.start()
        far_end.close()
        connection.recv()
        peers[name] = (process, connection)
    seconds = {name: [] for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            connection = peers[name][1]
            connection.send(steps)
            seconds[name].append(connection.recv())
    result = {}
    for name, (process, connection) in peers.items():
        connection.send(0)
        result[name] = {"seconds": seconds[name], "peak_mb": connection.recv()}
        process.join()
    return result


def _serve(peer, name, threads, connection):
    run = peer(name, threads)
    run(3)
    connection.send("ready")
    while steps := connection.recv():
        start = time.perf_counter()
        run(steps)
        connection.send((time.perf_counter() - start) / steps)
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # kB on Linux


def table(result):
    """Markdown table of the medians; the ratio is the first peer's steps/s over the row's."""
    first = next(iter(result.values()))["seconds"]
    lines = [
        f"| peer | steps/s | ms per step | {next(iter(result))}, times faster | peak memory, MB |",
        "|---|---|---|---|---|",
    ]
    for name, row in result.items():
        median = statistics.median(row["seconds"])
        ratio = statistics.median(seconds / of_first for seconds, of_first in zip(row["seconds"], first, strict=True))
        cells = f"{1 / median:.2f} | {1e3 * median:.1f} | {ratio:.2f} | {row['peak_mb']:.0f}"
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)
