"""What evaluation costs: moments, the Frechet distance, precision and recall, each against its peers.

    python benchmarks/evaluation.py                                             # full size
    python benchmarks/evaluation.py --samples 5000 --dims 512 128 --points 1000   # a minute
    python benchmarks/evaluation.py --parts frechet --rounds 1

  moments      `--samples` x `--dims[0]` float32 features that stream by in batches of 500
                 qrkeras        MomentsAccumulator
                 X.T @ X        NumPy's product of every batch, in float64 already, nothing else
                 dsyrk          the same half of it in BLAS, added up in place: the least there is to do
  frechet      from features of 2 x `--dims[0]` samples to the distance
                 qrkeras        frechet_distance
                 TF-GAN         frechet_classifier_distance_from_activations
                 SciPy          moments by NumPy's cov, the root by sqrtm
  neighbours   precision, recall, density and coverage of `--points` real and as many generated samples, at each of
               `--dims`
                 qrkeras        precision_recall
                 at once        all distances by scikit-learn, as Naeem's `prdc` does it

The peers take turns, in an order that turns with every round; seconds are medians over the rounds, ratios medians of
each round's ratio to qrkeras. Memory is the largest over the rounds, over what the process held before the call. Every
table comes from a process of its own, and is Markdown.
"""

import argparse
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
BATCH = 500


def moments_peers(samples, dim, _):
    import numpy as np
    from scipy.linalg.blas import dsyrk

    from qrkeras.metrics import MomentsAccumulator

    rng = np.random.default_rng(0)
    few = [rng.standard_normal((BATCH, dim), dtype="float32") for _ in range(4)]
    few_float64 = [batch.astype("float64") for batch in few]
    numbers = [i % len(few) for i in range(samples // BATCH)]

    def ours():
        measure = MomentsAccumulator()
        for i in numbers:
            measure.update(few[i])
        return measure.result()

    def product():
        for i in numbers:
            few_float64[i].T @ few_float64[i]

    def half():
        total = np.zeros((dim, dim), order="F")
        for i in numbers:
            total = dsyrk(1.0, few_float64[i].T, beta=1.0, c=total, overwrite_c=1, lower=1)

    return {"qrkeras": ours, "X.T @ X": product, "dsyrk": half}


def frechet_peers(_, dim, __):
    import numpy as np
    import tensorflow as tf
    from scipy.linalg import sqrtm

    sys.path.append(str(ROOT))  # the way around TF-GAN's own import is the tests'
    from qrkeras.metrics import frechet_distance
    from tests.support.tfgan import classifier_metrics

    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((dim, dim), dtype="float32") / np.sqrt(dim, dtype="float32")
    a, b = (np.maximum(rng.standard_normal((2 * dim, dim), dtype="float32") @ mixing + s, 0) for s in (0.0, 0.1))
    theirs = classifier_metrics().frechet_classifier_distance_from_activations

    def by_sqrtm():
        s_a, s_b = np.cov(a, rowvar=False, dtype="float64"), np.cov(b, rowvar=False, dtype="float64")
        means = np.sum((a.mean(0, dtype="float64") - b.mean(0, dtype="float64")) ** 2)
        return means + np.trace(s_a + s_b - 2 * sqrtm(s_a @ s_b).real)

    return {
        "qrkeras": lambda: frechet_distance(a, b),
        "TF-GAN": lambda: float(theirs(tf.constant(a), tf.constant(b))),
        "SciPy": by_sqrtm,
    }


def neighbours_peers(_, dim, points):
    import numpy as np
    from sklearn.metrics import pairwise_distances

    from qrkeras.metrics import precision_recall

    rng = np.random.default_rng(0)
    real, generated = (s * rng.standard_normal((points, dim), dtype="float32") for s in (1, 0.95))

    def at_once(k=3):
        real_radii = np.partition(pairwise_distances(real), k, axis=1)[:, k]
        generated_radii = np.partition(pairwise_distances(generated), k, axis=1)[:, k]
        distance = pairwise_distances(generated, real)
        in_real, in_generated = distance <= real_radii, distance <= generated_radii[:, None]
        return in_real.any(1).mean(), in_generated.any(0).mean(), in_real.mean() * points / k, in_real.any(0).mean()

    return {"qrkeras": lambda: precision_recall(real, generated), "at once": at_once}


PARTS = {"moments": moments_peers, "frechet": frechet_peers, "neighbours": neighbours_peers}


def measure(part, sizes, rounds):
    """Returns: `{peer: {"seconds": [by round], "peak_mb": over the resident set before the call}}`. Linux."""
    peers = PARTS[part](*sizes)
    names = list(peers)
    result = {name: {"seconds": [], "peak_mb": 0} for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before, start = _status("VmRSS"), time.perf_counter()
            peers[name]()
            result[name]["seconds"].append(time.perf_counter() - start)
            result[name]["peak_mb"] = max(result[name]["peak_mb"], (_status("VmHWM") - before) / 1024)
    return result


def _status(field):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def table(result):
    first = next(iter(result.values()))["seconds"]
    lines = ["| peer | seconds | times qrkeras | peak memory over the inputs, MB |", "|---|---|---|---|"]
    for name, row in result.items():
        ratio = statistics.median(a / b for a, b in zip(row["seconds"], first, strict=True))
        lines.append(f"| {name} | {statistics.median(row['seconds']):.2f} | {ratio:.2f} | {row['peak_mb']:.0f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured")
    parser.add_argument("--samples", type=int, default=50_000, help="samples that stream by, a multiple of 500")
    parser.add_argument("--points", type=int, default=10_000, help="real samples, and generated ones, of neighbours")
    parser.add_argument("--dims", type=int, nargs="+", default=[2048, 256], help="dimensions; the first is everybody's")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each of which times every peer once")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads that a peer may use")
    arguments = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[variable] = str(arguments.threads)
    context = multiprocessing.get_context("spawn")
    for part in arguments.parts:
        for dim in arguments.dims if part == "neighbours" else arguments.dims[:1]:
            sizes = arguments.samples, dim, arguments.points
            with context.Pool(1) as pool:
                result = pool.apply(measure, (part, sizes, arguments.rounds))
            print(f"\n{part}, {dim} dimensions\n\n{table(result)}", flush=True)


if __name__ == "__main__":
    main()
