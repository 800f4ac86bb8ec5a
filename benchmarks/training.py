"""What training costs beside its steps: replicas, checkpoints and logs, waiting for data.

    python benchmarks/training.py replicas    # two logical CPU devices against one, at the same total batch
    python benchmarks/training.py reports     # log and checkpoint, each as long as it takes, at the preset's intervals
    python benchmarks/training.py data        # the input pipeline alone against the step, and bytes to be reduced

Replicas of logical devices share the processor, so that what they cost is the strategy's overhead alone.
"""

import statistics
import tempfile
import time

from rounds import arguments, measure, table

PRESETS = ("qrgan-grid25", "qrgan-cifar10", "pixeliqn-digits", "aiqnvae-digits")


def build(preset_name, replicas=1):
    """Preset, compiled model and endless batches."""
    import dataclasses

    import numpy as np

    from qrkeras import data, presets
    from qrkeras.experiments import build
    from qrkeras.machine import devices

    preset = presets.get(preset_name)
    if replicas > 1:
        preset = dataclasses.replace(preset, steps_per_execution=1)
    if preset.data.name == "cifar10":
        source = data.from_arrays(np.random.default_rng(0).integers(0, 256, (5_000, 32, 32, 3)).astype("uint8"))
    else:
        source = build.dataset(preset)
    with devices.strategy(devices.choose(replicas)).scope():
        model = build.model(preset, source, seed=0)
    return preset, model, build.batches(preset, source, seed=0, start_step=0)


def replicas_peer(name, threads):
    """`name` is "PRESET devices"; every peer takes one step an execution."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    preset_name, replicas = name.split()
    _, model, batches = build(preset_name, int(replicas))
    model.steps_per_execution = 1
    return lambda steps: model.fit(batches.take(steps), steps_per_epoch=steps, shuffle=False, verbose=0)


def seconds(function, rounds):
    """Median time of a call, the first one left out."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def step_seconds(model, batches, steps, rounds):
    return (
        seconds(lambda: model.fit(batches.take(steps), steps_per_epoch=steps, shuffle=False, verbose=0), rounds) / steps
    )


def reports(names, steps, rounds):
    """Prints the share of training time that logs and checkpoints take."""
    import pathlib

    from qrkeras import callbacks

    print("| preset | step, ms | log, ms | checkpoint, ms | share of training time |\n|---|---|---|---|---|")
    for name in names:
        preset, model, batches = build(name)
        step = step_seconds(model, batches, steps, rounds)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            log = callbacks.Log(folder / "metrics.jsonl", folder / "tensorboard", 1)
            save = callbacks.Checkpoint(folder, 1)
            for callback in (log, save):
                callback.set_model(model)
                callback.on_train_begin()
            logs = {metric.name: metric.result() for metric in model.metrics}
            line = seconds(lambda: log.at_step(model.step, logs), rounds)  # noqa: B023
            file = seconds(lambda: save.at_step(model.step, {}), rounds)  # noqa: B023
        share = (line / preset.log_every + file / preset.checkpoint_every) / step
        print(f"| {name} | {1e3 * step:.2f} | {1e3 * line:.2f} | {1e3 * file:.1f} | {share:.2%} |", flush=True)


def data(names, steps, rounds):
    """Prints how long a batch takes to be made, against the step that uses it, and what replicas would reduce."""
    import numpy as np

    print("| preset | batch, ms | step, ms | batch / step | gradients, MB |\n|---|---|---|---|---|")
    for name in names:
        _, model, batches = build(name)

        def drawn():
            for _ in batches.take(steps):  # noqa: B023
                pass

        batch, step = seconds(drawn, rounds) / steps, step_seconds(model, batches, steps, rounds)
        size = sum(4 * int(np.prod(v.shape)) for v in model.trainable_variables) / 1e6
        print(f"| {name} | {1e3 * batch:.3f} | {1e3 * step:.2f} | {batch / step:.1%} | {size:.2f} |", flush=True)


def main():
    parser = arguments(__doc__, threads=1, rounds=3)
    parser.add_argument("what", choices=("replicas", "reports", "data"))
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--steps", type=int, default=50, help="steps in a round")
    given = parser.parse_args()
    if given.what == "replicas":
        for name in given.presets:
            peers = [f"{name} 1", f"{name} 2"]
            print(table(measure(replicas_peer, peers, given.threads, given.rounds, given.steps)), flush=True)
    else:
        {"reports": reports, "data": data}[given.what](given.presets, given.steps, given.rounds)


if __name__ == "__main__":
    main()
