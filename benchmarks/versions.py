"""Two checkouts side by side: what a change of the house costs.

    git worktree add ../before cd660bb
    python benchmarks/versions.py ../before . --threads 2 --rounds 9

  dcgan     training steps of QRGAN on the DCGAN of 32 x 32 images, batch 64, by `fit`
  mixture   training steps of QRGAN's perceptrons on points, batch 500, 100 steps an execution, by `fit`
  overhead  the same of networks of 4 units, one step an execution: what `fit` itself costs
  sampler   images of 8 x 8 drawn by a PixelIQN of 3 blocks, batch 64
  export    SavedModels of that PixelIQN, traced and written

Each checkout lives in a process of its own and waits while the other is timed; the order turns with every round. The
ratio is the median over rounds of the second checkout's time over the first's.
"""

import contextlib
import os
import statistics
import sys
import tempfile

from rounds import arguments, measure

STEPS = {"dcgan": 12, "mixture": 400, "overhead": 400, "sampler": 20, "export": 2}


def gan(width, batch_size, at_once):
    import keras
    import numpy as np
    import tensorflow as tf

    from qrkeras import losses, models, networks

    objective = losses.QuantileRegression(64)
    generator, discriminator = networks.mlp(128, 2, width=width, seed=1), networks.mlp(2, 64, width=width, seed=2)
    model = models.GAN(generator, discriminator, 128, objective)
    adam = {"learning_rate": 1e-3, "beta_1": 0.5, "beta_2": 0.99}
    optimizers = keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam)
    model.compile(*optimizers, steps_per_execution=at_once)
    points = np.random.default_rng(0).normal(size=(batch_size, 2)).astype("float32")
    return _fit(model, tf.data.Dataset.from_tensors(tf.constant(points)).repeat())


def dcgan():
    import keras
    import numpy as np
    import tensorflow as tf

    from qrkeras import losses, models, networks

    parts = networks.dcgan_generator(32, seed=1), networks.dcgan_discriminator(32, num_outputs=64, seed=2)
    model = models.GAN(*parts, 100, losses.QuantileRegression(64))
    model.compile(keras.optimizers.Adam(2e-4, 0.5, 0.99), keras.optimizers.Adam(2e-4, 0.5, 0.99))
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3)).astype("uint8")
    return _fit(model, tf.data.Dataset.from_tensors(tf.constant(images)).repeat())


def _fit(model, batches):
    def run(steps):
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            model.fit(batches.take(steps), steps_per_epoch=steps, shuffle=False, verbose=0)

    return run


def pixels():
    from qrkeras import models, networks

    sizes = {"blocks": 3, "kernel_size": 5, "planes": 16, "output_planes": 32, "num_outputs": 1, "quantile": True}
    return models.PixelIQN(networks.pixelcnn(8, 1, **sizes, seed=1))


def sampler():
    model = pixels()
    return lambda steps: [model.sample(64, seed) for seed in range(steps)]


def export():
    try:
        from qrkeras.serving.export import export_model
    except ImportError:  # where serving was a file
        from qrkeras.serving import export_model
    model = pixels()

    def run(steps):
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(steps):
                export_model(model, folder, "m")

    return run


TASKS = {
    "dcgan": dcgan,
    "mixture": lambda: gan(128, 500, 100),
    "overhead": lambda: gan(4, 16, 1),
    "sampler": sampler,
    "export": export,
}


def peer(name, threads):
    """Returns a function that runs a number of steps of a task; `name` is "TASK CHECKOUT"."""
    task, checkout = name.split(" ", 1)
    sys.path.insert(0, checkout)
    import tensorflow as tf

    import qrkeras

    assert os.path.samefile(os.path.dirname(os.path.dirname(qrkeras.__file__)), checkout)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return TASKS[task]()


def main():
    parser = arguments(__doc__, threads=2, rounds=9)
    parser.add_argument("checkouts", nargs=2, metavar="CHECKOUT", help="folders that hold qrkeras/: before, after")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    given = parser.parse_args()
    before, after = map(os.path.abspath, given.checkouts)
    print("| task | before, ms a step | after | after / before |\n|---|---|---|---|")
    for task in given.tasks:
        names = [f"{task} {before}", f"{task} {after}"]
        result = measure(peer, names, given.threads, given.rounds, STEPS[task])
        first, second = (result[name]["seconds"] for name in names)
        ratio = statistics.median(b / a for a, b in zip(first, second, strict=True))
        medians = (f"{1e3 * statistics.median(seconds):.3g}" for seconds in (first, second))
        print(f"| {task} | {' | '.join(medians)} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    main()
