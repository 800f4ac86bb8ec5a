"""Sampling PixelCNN++: everything that is known kept, against the whole network once a pixel, and TFP's PixelCNN.

    python benchmarks/strided_sampling.py --threads 2
    python benchmarks/strided_sampling.py --size 8 --planes 8 --blocks 1 --pixels 8  # a minute

By default images are 32 x 32 x 3, and the network has 5 blocks on each of 3 resolutions, as the authors' of CIFAR-10,
of fewer planes. The plain sampler is timed on `--pixels` pixels and extrapolated to all; tfp.distributions.PixelCNN, a
PixelCNN++ of the same blocks, resolutions and planes, on one pass, which its `sample` runs once a pixel and once more.

Every peer lives in its own process and waits while another is timed; the order turns with every round. The figures are
medians over the rounds, the ratios medians of each round's ratio.
"""

import functools
import importlib.util
import json
import os
import statistics

from rounds import arguments, measure


def build(s):
    from qrkeras.networks import pixelcnnpp

    return pixelcnnpp(s.size, 3, s.planes, s.blocks, s.resolutions, seed=0)


def pixel_of(outputs, tau):
    from qrkeras.models.pixelcnnpp import pixel_quantile

    return pixel_quantile(outputs, tau, 256)


def cached(s):
    """Returns a function that draws a batch."""
    import tensorflow as tf

    network, shape = build(s), (s.batch, s.size, s.size, 3)
    sample = tf.function(lambda *given: network.sample(*given, None, pixel_of), autograph=False)
    tau, mask = tf.random.uniform(shape, 1e-6, seed=0), tf.zeros(shape[:-1], "int32")
    return lambda: sample(tau, tf.zeros(shape), mask).numpy()


def plain(s):
    """Returns a function that draws one pixel more of a batch."""
    import tensorflow as tf

    network, shape = build(s), (s.batch, s.size, s.size, 3)
    tau, image, places = tf.random.uniform(shape, 1e-6, seed=0), tf.Variable(tf.zeros(shape)), iter(range(10**9))

    @tf.function(autograph=False)
    def draw(place):
        i, j = place // s.size, place % s.size
        value = pixel_of(network(image)[:, i, j], tau[:, i, j])
        image[:, i, j].assign(value)
        return value

    return lambda: draw(tf.constant(next(places) % s.size**2)).numpy()


def tfp(s):
    """Returns a function that runs one pass of TFP's network."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    from tensorflow_probability import distributions

    sizes = {"num_resnet": s.blocks, "num_hierarchies": s.resolutions, "num_filters": s.planes}
    shape = s.size, s.size, 3
    network = distributions.PixelCNN(shape, **sizes, num_logistic_mix=10, dropout_p=0.0).network
    x = tf.random.uniform((s.batch, *shape), -1.0, 1.0, seed=0)
    network(x, training=False)
    call = tf.function(lambda x: network(x, training=False))
    return lambda: call(x)[0].numpy()


def peer(s, name, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    unit = {"cached": cached, "plain": plain, "tfp": tfp}[name](s)
    units = s.pixels if name == "plain" else 1
    state = {"warm": False}

    def run(steps):
        for _ in range(units * steps if state["warm"] else 1):  # one unit is warm-up enough
            unit()
        state["warm"] = True

    return run


def main():
    parser = arguments(__doc__, threads=2, rounds=3)
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--planes", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--resolutions", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16, help="images that are drawn at a time")
    parser.add_argument("--pixels", type=int, default=4, help="pixels of the plain sampler in a round")
    parser.add_argument("--json", help="file for the settings and the time of every round")
    s = parser.parse_args()

    names = ["cached", "plain", *(["tfp"] if importlib.util.find_spec("tensorflow_probability") else [])]
    found = measure(functools.partial(peer, s), names, s.threads, s.rounds, 1)
    ours = found["cached"]["seconds"]
    print(f"| sampler, {s.batch} images of {s.size} x {s.size} x 3 | seconds | cached, times faster | |")
    print("|---|---|---|---|")
    print(f"| cached | {statistics.median(ours):.2f} | 1 | measured |")
    passes = s.size**2 + 1
    whole = {
        "plain": (s.size**2 / s.pixels, f"{s.pixels} pixels a round, times {s.size**2 / s.pixels:,.0f}"),
        "tfp": (passes, f"one pass, times {passes:,}"),
    }
    for name in names[1:]:
        theirs, (scale, how) = found[name]["seconds"], whole[name]
        ratio = scale * statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
        print(f"| {name} | {scale * statistics.median(theirs):,.2f} | {ratio:,.1f} | {how} |")
    if s.json:
        with open(s.json, "w") as file:
            json.dump({"settings": vars(s), "peers": found}, file, indent=2)


if __name__ == "__main__":
    main()
