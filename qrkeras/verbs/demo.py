"""`qrkeras demo`: the paper's first claim on one's own machine, that QRGAN keeps modes of Grid-25 that others lose."""

import os
import pathlib
import subprocess
import sys

from qrkeras.experiments import directories, runs
from qrkeras.verbs import coverage, plot

METHODS = ("nsgan-grid25", "lsgan-grid25", "qrgan-grid25")

# What a reader of the export needs: TensorFlow alone.
READER = """
import sys
import numpy as np, tensorflow as tf
assert "qrkeras" not in sys.modules
sample = tf.saved_model.load(sys.argv[1]).signatures["sample"]
seeds = np.stack([np.zeros(1000), np.arange(1000)], axis=1).astype("int32")
points = sample(seed=tf.constant(seeds))["samples"].numpy()
print(f"{len(points)} points drawn by plain TensorFlow; the first: {points[0]}")
"""


def demo(
    directory: pathlib.Path = pathlib.Path("runs/demo"), seed: int = 1, steps: int | None = None, workers: int = 2
):
    """Three GANs on Grid-25: train, count modes, draw, export, and sample the export with plain TensorFlow.

    One seed, so that it ends soon; docs/results/gan.md has ten.

    Args:
      directory: Folder of the runs, the picture and the export.
      seed: Seed of weights and noise.
      steps: Generator updates of each GAN; None: the presets'.
      workers: Number of trainings at a time, processes of one thread each.
    """
    from qrkeras.experiments import train
    from qrkeras.serving import export

    directories.check_place(directory, "directory", None, (*(f"{name}-*" for name in METHODS), "grid25.png", "export"))
    print(f"Training {', '.join(METHODS)} on Grid-25; about three minutes on two cores.")
    results = coverage.measure(METHODS, [seed], steps, workers, directory)
    print(coverage.table(results))
    picture = directory / "grid25.png"
    plot.samples([directory / f"{name}-{seed}" for name in METHODS], picture)
    print(f"Samples over training, real centres marked: {picture}")

    model = train.load_model(runs.load(directory / f"qrgan-grid25-{seed}"))
    exported = export.export_model(model, directory / "export", "qrgan-grid25")
    print(f"SavedModel: {exported}")
    # This process may hold the whole of a GPU.
    on_cpu = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", READER, str(exported)]
    read = subprocess.run(command, env=on_cpu, stderr=subprocess.PIPE, text=True)
    if read.returncode:
        raise RuntimeError(f"plain TensorFlow could not draw from {exported}: {read.stderr.strip()[-2000:]}")
