"""What `fit` costs over a bare `tf.function` loop of the same training step, on the same data.

    python benchmarks/fit_overhead.py --threads 1 --rounds 5
    python benchmarks/fit_overhead.py --presets pixeliqn-digits pixelcnn-digits --peers fit   # presets side by side

  fit     `model.fit` with its progress bar, as `qrkeras train` calls it, with the preset's steps_per_execution
  graph   one `tf.function` that runs all steps of a round in a `tf.range` loop over the dataset's iterator
  jit     `fit` compiled by XLA
  python  a Python loop that calls a `tf.function` of one step with the iterator's next batch

Peers of one preset live in processes of their own and wait while another is timed; the order turns with every
round. Ratios are medians of each round's ratio. CIFAR-10 is replaced by random images of its size.
"""

import contextlib
import os

from rounds import arguments, measure, table

STEPS = {"qrgan-grid25": 5_000, "qrgan-ring8": 5_000, "qrgan-cifar10": 40, "pixeliqn-digits": 50, "pixelcnn-digits": 50}
PEERS = ("fit", "graph", "python", "jit")


def build(preset_name):
    """Compiled model and endless batches of a preset."""
    import numpy as np

    from qrkeras import data, presets
    from qrkeras.experiments import build

    preset = presets.get(preset_name)
    if preset.data.name == "cifar10":
        images = np.random.default_rng(0).integers(0, 256, (5_000, 32, 32, 3)).astype("uint8")
        source = data.from_arrays(images)
    else:
        source = build.dataset(preset)
    model = build.model(preset, source, seed=0)
    return model, build.batches(preset, source, seed=0, start_step=0)


def peer(name, threads):
    """Returns a function that runs a number of steps; `name` is "PRESET peer"."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    preset_name, kind = name.split()
    model, batches = build(preset_name)
    iterator = iter(batches)

    def fit(steps):
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            model.fit(batches.take(steps), steps_per_epoch=steps, shuffle=False)

    @tf.function
    def graph_loop(iterator, steps):
        for _ in tf.range(steps):
            model.train_step(next(iterator))

    step = tf.function(model.train_step)

    def python_loop(steps):
        for _ in range(steps):
            step(next(iterator))
        return model.step

    if kind in ("fit", "jit"):
        model.jit_compile = kind == "jit"
        return fit
    return python_loop if kind == "python" else lambda steps: graph_loop(iterator, tf.constant(steps))


def main():
    parser = arguments(__doc__, threads=1, rounds=5)
    parser.add_argument("--presets", nargs="+", choices=STEPS, default=list(STEPS)[:3], help="presets to time")
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=list(PEERS)[:3], help="the first against the others"
    )
    parser.add_argument("--steps", type=int, help="steps in a round; the preset's own number where left out")
    settings = parser.parse_args()
    groups = [[f"{preset} {kind}" for kind in settings.peers] for preset in settings.presets]
    if len(settings.peers) == 1:
        groups = [[name for group in groups for name in group]]
    for names in groups:
        steps = settings.steps or STEPS[names[0].split()[0]]
        print(table(measure(peer, names, settings.threads, settings.rounds, steps)), flush=True)


if __name__ == "__main__":
    main()
