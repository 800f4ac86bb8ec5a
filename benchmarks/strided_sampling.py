"""Sampling PixelCNN++: everything that is known kept, against the whole network once a pixel.

    python benchmarks/strided_sampling.py --threads 2
    python benchmarks/strided_sampling.py --size 8 --planes 8 --blocks 1 --pixels 8  # a minute

By default images are 32 x 32 x 3, and the network has 5 blocks on each of 3 resolutions, as the authors' of CIFAR-10,
of fewer planes. The plain sampler is timed on `--pixels` pixels and extrapolated to all.

Every peer lives in its own process and waits while the other is timed; the order turns with every round. The figures
are medians over the rounds, the ratio the median of each round's ratio.
"""

import functools
import json
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


def peer(s, name, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    unit = {"cached": cached, "plain": plain}[name](s)
    units = {"cached": 1, "plain": s.pixels}[name]
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

    found = measure(functools.partial(peer, s), ["cached", "plain"], s.threads, s.rounds, 1)
    ours, theirs = (found[name]["seconds"] for name in ("cached", "plain"))
    scale = s.size**2 / s.pixels
    ratio = scale * statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    print(f"| sampler, {s.batch} images of {s.size} x {s.size} x 3 | seconds | cached, times faster | |")
    print("|---|---|---|---|")
    print(f"| cached | {statistics.median(ours):.2f} | 1 | measured |")
    how = f"{s.pixels} pixels a round, times {scale:,.0f}"
    print(f"| plain | {scale * statistics.median(theirs):,.0f} | {ratio:,.0f} | {how} |")
    if s.json:
        with open(s.json, "w") as file:
            json.dump({"settings": vars(s), "peers": found}, file, indent=2)


if __name__ == "__main__":
    main()
