"""What an export costs: its `sample` and `inpaint` against the Keras model's own compiled functions.

    python benchmarks/serving.py
    python benchmarks/serving.py --models gan --batches 1 16 --rounds 3     # a minute

  gan     the network of qrgan-cifar10, untrained
  pixels  the network of pixeliqn-digits, untrained

  keras   the model's `draw_functions`, and `paint_function` on levels drawn from the seeds
  export  the signature of the SavedModel, loaded by tf.saved_model.load in a process without the model

Both get the same seeds and give NumPy arrays. They live in processes of their own and wait while the other is timed;
the order turns with every round. The ratio is the median of each round's seconds of the export over the model's: 1.00
is an export that costs nothing.
"""

import functools
import multiprocessing
import os
import statistics
import tempfile

from rounds import arguments, measure

PRESETS = {"gan": "qrgan-cifar10", "pixels": "pixeliqn-digits"}
SIGNATURES = {"gan": ("sample",), "pixels": ("sample", "inpaint")}


def build(kind):
    import numpy as np

    from qrkeras import data, presets
    from qrkeras.experiments import build

    preset = presets.get(PRESETS[kind])
    shape = (32, 32, 3) if kind == "gan" else (8, 8, 1)
    return build.model(preset, data.from_arrays(np.zeros((64, *shape), "uint8")), seed=0)


def inputs_of(kind, signature, batch):
    import numpy as np
    import tensorflow as tf

    inputs = {"seed": tf.constant(np.stack([np.zeros(batch), np.arange(batch)], axis=1), "int32")}
    if signature == "inpaint":
        mask = np.zeros((batch, 8, 8), "uint8")
        mask[:, :4] = 1
        inputs |= {"images": tf.zeros((batch, 8, 8, 1), "uint8"), "mask": tf.constant(mask)}
    return inputs


def peer(folder, kind, signature, batch, name, threads):
    """Returns a function that answers a number of requests."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if name == "export":
        loaded = tf.saved_model.load(os.path.join(folder, kind, "1"))
        answer = loaded.signatures[signature]
    else:
        answer = of_model(build(kind), signature)
    inputs = inputs_of(kind, signature, batch)
    return lambda steps: [answer(**inputs)["images"].numpy() for _ in range(steps)]


def of_model(model, signature):
    import tensorflow as tf

    noise = tf.function(model.noise_of_seeds, input_signature=[tf.TensorSpec((None, 2), "int32")])

    def inpaint(seed, images, mask):
        mask = tf.cast(mask, "int32")
        return {"images": model.paint_function(noise(seed), images, mask, mask[:, 0, 0])}

    return inpaint if signature == "inpaint" else lambda seed: {"images": model.draw_functions["prior"](seed)}


def export(folder, kind):
    from qrkeras.serving import export as serving

    serving.export_model(build(kind), folder, kind)


def main():
    parser = arguments(__doc__, threads=2, rounds=7)
    parser.add_argument("--models", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    settings = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print("| signature | batch | model, ms | export, ms | images/s of the export | export over model |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in settings.models:
            write(folder, kind)
            for signature in SIGNATURES[kind]:
                for batch in settings.batches:
                    of = functools.partial(peer, folder, kind, signature, batch)
                    steps = 8 + 128 // batch
                    result = measure(of, ["keras", "export"], settings.threads, settings.rounds, steps)
                    print(row(f"{PRESETS[kind]} {signature}", batch, result), flush=True)


def write(folder, kind):
    """Exports in a process of its own, whose threads and memory are gone when the peers are timed."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(export, (folder, kind))


def row(name, batch, result):
    of_model, of_export = (result[key]["seconds"] for key in ("keras", "export"))
    ratio = statistics.median(b / a for a, b in zip(of_model, of_export, strict=True))
    model, export = statistics.median(of_model), statistics.median(of_export)
    return f"| {name} | {batch} | {1e3 * model:.1f} | {1e3 * export:.1f} | {batch / export:,.0f} | {ratio:.2f} |"


if __name__ == "__main__":
    main()
