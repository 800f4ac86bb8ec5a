"""What a search costs beside its trials, and what a second worker gives.

    python benchmarks/tuning.py                   # 12 trials of the miniature with one worker, then with two
    python benchmarks/tuning.py --trials 60 --workers 1 2 4

Overhead of a trial: the time from its begin to that of the next one in the same worker, less what building, training
and scoring took. Trials per minute: each worker's own, summed, from when all of them are at work. Workers share the
cores: where two processes of one thread get no more done than one, two workers do not either, which the last column
tells: the same for two processes that multiply matrices.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time


def timed(sweep, trial_id, values):
    """`run_trial`, which notes when it began and ended."""
    from qrkeras.search.trial import run_trial

    begin = time.time()
    try:
        return run_trial(sweep, trial_id, values)
    finally:
        line = {"worker": os.environ["KERASTUNER_TUNER_ID"], "trial": trial_id, "begin": begin, "end": time.time()}
        with open(sweep.path / "times.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def measure(space, trials, workers):
    """Overheads of the trials in seconds, and trials per minute."""
    from qrkeras import families
    from qrkeras.search import launch
    from qrkeras.search import sweep as sweeps

    with tempfile.TemporaryDirectory() as folder:
        sweep = sweeps.create(folder, space, families.space(space).preset(miniature=True), trials=trials)
        launch.run(sweep, workers, (sys.executable, __file__, "--worker"))
        lines = [json.loads(line) for line in (sweep.path / "times.jsonl").read_text().splitlines()]
        of = {}
        for line in sorted(lines, key=lambda line: line["begin"]):
            known = json.loads((sweep.runs / line["trial"] / "outcome.json").read_text())
            of.setdefault(line["worker"], []).append({**line, "seconds": known["seconds"]})
    together = max(rows[0]["begin"] for rows in of.values())
    overheads, rate = [], 0.0
    for rows in of.values():
        overheads += [after["begin"] - row["begin"] - row["seconds"] for row, after in zip(rows, rows[1:])]
        whole = [row for row in rows if row["begin"] >= together]
        rate += 60 * len(whole) / (whole[-1]["end"] - whole[0]["begin"])
    return overheads, rate


def _multiply(seconds, count):
    import numpy as np

    matrix, until = np.ones((256, 256), "float32"), time.monotonic() + seconds
    while time.monotonic() < until:
        matrix @ matrix
        count.value += 1


def processor(workers, seconds=3):
    """How much more so many processes of one thread multiply than one does."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    context, done = multiprocessing.get_context("spawn"), []
    for processes in (1, workers):
        counts = [context.Value("q", 0) for _ in range(processes)]
        running = [context.Process(target=_multiply, args=(seconds, count)) for count in counts]
        for process in running:
            process.start()
        for process in running:
            process.join()
        done.append(sum(count.value for count in counts))
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        del os.environ[name]
    return done[1] / done[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="pixeliqn")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    print(
        "| workers | overhead of a trial, s: median | largest | trials per minute | times one | processor, times one |"
    )
    print("|---|---|---|---|---|---|")
    one = None
    for workers in given.workers:
        overheads, rate = measure(given.space, given.trials, workers)
        one = one or rate / workers
        median, largest = statistics.median(overheads), max(overheads)
        times = f"{rate:.1f} | {rate / one:.2f} | {processor(workers):.2f}"
        print(f"| {workers} | {median:.2f} | {largest:.2f} | {times} |", flush=True)


if __name__ == "__main__":
    if "--worker" in sys.argv:
        sys.argv.remove("--worker")
        from qrkeras.search import worker

        worker.main(timed)
    else:
        main()
