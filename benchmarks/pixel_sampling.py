"""Sampling and training the small CIFAR-10 PixelIQN: cached against plain, TFP, and full masked kernels.

    python benchmarks/pixel_sampling.py --threads 2
    python benchmarks/pixel_sampling.py --size 8 --blocks 3 --planes 24 --output-planes 48 --batches 1 4  # a minute

The network has 15 blocks, 5x5, 128 planes, 1,024 output planes, 32 x 32 x 3 values (AIQN, Supplement).

  samplers  seconds for a batch of images: `PixelNetwork.sample`; the plain sampler, which runs the whole network once
            a value, timed on `--values` values and extrapolated to all; tfp.distributions.PixelCNN (PixelCNN++) of
            like size, whose `sample` runs its whole network once a pixel and once before: one pass timed, and
            extrapolated. With --tfp-whole its own `sample` is timed whole.
  batches   a batch by the cached sampler as a multiple of one forward pass of that batch. The sequential floor is the
            same graph with one plane a colour at batch 1, all of its operations and none of their work.
  training  one step (loss, gradient, Adam) against the same network written with full masked kernels; both are given
            the same weights first and must agree.
  memory    peak resident memory by number of images asked for.

Every peer lives in its own process and waits while another is timed; the order turns with every round. The figures are
medians over the rounds, the ratios medians of each round's ratio. TFP needs tensorflow-probability and tf_keras.
"""

import collections
import functools
import importlib.util
import json
import os
import statistics

from rounds import arguments, measure


def build(s, **options):
    """The network of the settings; `options` in their place."""
    from qrkeras.networks import pixelcnn

    sizes = {"blocks": s.blocks, "planes": s.planes, "output_planes": s.output_planes, **options}
    return pixelcnn(s.size, 3, num_outputs=1, quantile=True, seed=0, **sizes)


def value_of(outputs, tau):
    from keras import ops

    return ops.clip(outputs[:, 0], -1.0, 1.0)


def cached(s, batch, **options):
    """Returns a function that draws a batch, and the number of operations of one pixel."""
    import tensorflow as tf

    network = build(s, **options)
    shape = (None, s.size, s.size, 3)
    signature = [tf.TensorSpec(shape, "float32")] * 2 + [tf.TensorSpec(shape[:-1], "int32")]
    sample = tf.function(lambda *args: network.sample(*args, None, value_of), input_signature=signature)
    tau, mask = tf.random.uniform((batch, *shape[1:]), seed=0), tf.zeros((batch, *shape[1:-1]), "int32")
    functions = sample.get_concrete_function().graph.as_graph_def().library.function
    bodies = [f for f in functions if "while" in f.signature.name and "body" in f.signature.name]
    inner = next(f for f in bodies if not any("While" in node.op for node in f.node_def))
    kinds = collections.Counter(node.op for node in inner.node_def)
    count = sum(n for kind, n in kinds.items() if kind not in ("Const", "Identity", "NoOp"))
    return (lambda: sample(tau, tau, mask).numpy()), count


def forward(s, batch):
    import tensorflow as tf

    network = build(s)
    call = tf.function(network)
    x = tf.random.uniform((batch, s.size, s.size, 3), seed=0)
    return lambda: call(x, x).numpy()


def plain(s, batch):
    """Returns a function that draws one value more."""
    import tensorflow as tf

    network = build(s)
    tau = tf.random.uniform((batch, s.size, s.size, 3), seed=0)
    image, places = tf.Variable(tf.zeros_like(tau)), iter(range(10**9))

    @tf.function
    def draw(place):
        i, j, c = place // (3 * s.size), place // 3 % s.size, place % 3
        value = value_of(network(image, tau)[:, i, j, c], tau[:, i, j, c])
        image[:, i, j, c].assign(value)
        return value

    return lambda: draw(tf.constant(next(places) % (3 * s.size**2))).numpy()


def tfp(s, batch, whole):
    """Returns a function that runs one pass of TFP's network, or its whole `sample`."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    from tensorflow_probability import distributions

    # 72 filters, 3 layers a hierarchy: 12 million weights, as many as ours; its defaults are 160 and 5.
    sizes = {"num_resnet": 3, "num_filters": 72} if s.planes == 128 else {"num_resnet": 1, "num_filters": s.planes}
    network = distributions.PixelCNN((s.size, s.size, 3), num_hierarchies=3, dropout_p=0.0, **sizes)
    x = tf.random.uniform((batch, s.size, s.size, 3), maxval=255.0)
    network.log_prob(x)
    weights = sum(int(tf.size(w)) for w in network.network.weights)
    ours = build(s).count_params()
    print(f"TFP: {weights:,} weights; qrkeras: {ours:,}", flush=True)
    if whole:
        sample = tf.function(lambda: network.sample(batch))
        return lambda: sample().numpy()
    call = tf.function(lambda x: network.network(x, training=False))
    return lambda: call(x / 127.5 - 1)[0].numpy()


def full_masked_network(s):
    """The network the usual way, out of Keras layers: full k x k kernels times zeros. And our weights into it."""
    import keras
    import numpy as np
    from keras import layers, ops

    from qrkeras.layers import colour_mask, gate, plane_colours

    class Masked(layers.Conv2D):
        def __init__(self, filters, size, mask, **options):
            super().__init__(filters, size, padding="same", **options)
            self.mask = mask.astype("float32")

        def call(self, x):
            y = ops.conv(x, self.kernel * self.mask, padding="same")
            return y + self.bias if self.use_bias else y

    p, k, ours, pairs = s.planes, 5, build(s), []
    image, gates, planes = plane_colours(3, 3), plane_colours(2 * p, 3, 2), plane_colours(p, 3)

    def masked(layer, mask, theirs, bias=None):
        kernel = np.zeros(layer.kernel_size + theirs.shape[-2:], "float32")
        kernel[: theirs.shape[0], : theirs.shape[1]] = theirs
        pairs.append((layer, [kernel] if bias is None else [kernel, bias]))
        layer.mask = np.broadcast_to(mask, kernel.shape).astype("float32")
        return layer

    images, tau = keras.Input((s.size, s.size, 3)), keras.Input((s.size, s.size, 3))
    levels = 2.0 * tau - 1.0
    above = layers.ZeroPadding2D(((1, 0), (0, 0)))(levels)[:, :-1]
    v = h = images
    features, one = [], np.ones(())
    for i, block in enumerate(ours.blocks):
        own = {name: getattr(block, name) for name in ("vertical_conv", "horizontal_conv", "feed", "residual")}
        numpy = {name: None if layer is None else layer.kernel.numpy() for name, layer in own.items()}
        rows = (np.arange(k) < k // 2 + (i > 0))[:, None, None, None]
        u = masked(Masked(2 * p, k, one), rows, numpy["vertical_conv"], block.vertical_bias.numpy())(v)
        u = u + masked(Masked(2 * p, 1, one, use_bias=False), one, block.vertical_tau.kernel.numpy()[None, None])(above)
        mask = np.zeros((1, k, numpy["horizontal_conv"].shape[2], 2 * p))
        mask[:, : k // 2] = 1
        mask[:, k // 2] = colour_mask(planes if i else image, gates, strict=i == 0)
        w = masked(Masked(2 * p, (1, k), one, use_bias=False), mask, numpy["horizontal_conv"])(h)
        w = w + masked(Masked(2 * p, 1, one), one, numpy["feed"][None, None], block.feed.bias.numpy())(u)
        theirs = block.horizontal_tau.kernel.numpy()[None, None]
        w = w + masked(Masked(2 * p, 1, one, use_bias=False), colour_mask(image, gates), theirs)(levels)
        v, y = gate(u), gate(w)
        if not block.last:
            dense = masked(
                Masked(p, 1, one, use_bias=False), colour_mask(planes, planes), numpy["residual"][None, None]
            )
            h = dense(y) if i == 0 else h + dense(y)
        features.append(y)
    x = layers.Concatenate()(features)
    stacks = len(features)
    for i, layer in enumerate(ours.head):
        inputs = plane_colours(x.shape[-1], 3, stacks if i == 0 else 1)
        mask = colour_mask(inputs, plane_colours(layer.units, 3))
        dense = masked(Masked(layer.units, 1, one), mask, layer.kernel.numpy()[None, None], layer.bias.numpy())
        x = dense(x if i == 0 else layers.ReLU()(x))
    network = keras.Model([images, tau], x)
    for layer, weights in pairs:
        layer.set_weights(weights)
    x = keras.random.uniform((2, s.size, s.size, 3), -1, 1, seed=1)
    np.testing.assert_allclose(network([x, abs(x)]), ours(x, abs(x))[..., 0], atol=1e-4)
    return network


def training(s, full):
    import keras
    import tensorflow as tf

    from qrkeras.losses import quantile_huber

    if full:
        masked = full_masked_network(s)
        variables, call = masked.trainable_variables, lambda x, tau: masked([x, tau])
    else:
        network = build(s)
        variables, call = network.trainable_variables, lambda x, tau: network(x, tau)[..., 0]
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(variables)

    @tf.function
    def step(x, tau):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(quantile_huber(x, call(x, tau), tau, 0.002))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    x = tf.random.uniform((s.train_batch, s.size, s.size, 3), seed=0)
    return lambda: step(2 * x - 1, x).numpy()


def images(s, n):
    from qrkeras.models import PixelIQN

    model = PixelIQN(build(s))
    return lambda: collections.deque(model.sample_batches(n, batch_size=s.memory_batch), maxlen=0)


def peer(s, name, threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    kind, _, number = name.partition(" ")
    number = int(number) if number else s.batch
    if kind in ("cached", "floor"):
        unit, count = cached(s, number) if kind == "cached" else cached(s, 1, planes=3, output_planes=3)
        if kind == "floor":
            print(f"operations of one pixel: {count}, of one value: {count / 3:.0f}", flush=True)
    elif kind in ("tfp", "tfp-whole"):
        unit = tfp(s, number, kind == "tfp-whole")
    elif kind in ("step", "step-full"):
        unit = training(s, kind == "step-full")
    else:
        unit = {"forward": forward, "plain": plain, "images": images}[kind](s, number)
    state = {"warm": False}

    def run(steps):
        for _ in range(steps if state["warm"] else 1):  # one unit is warm-up enough: it may take half a minute
            unit()
        state["warm"] = True

    return run


def section(s, names, steps=1):
    return measure(functools.partial(peer, s), names, s.threads, s.rounds, steps)


def median(row):
    return statistics.median(row["seconds"])


def ratio(rows, others, scale=1.0):
    """Median over the rounds of `rows / others`, each a list of peers that are summed."""
    sums = [[sum(row) for row in zip(*(r["seconds"] for r in peers), strict=True)] for peers in (rows, others)]
    return scale * statistics.median(a / b for a, b in zip(*sums, strict=True))


def samplers(s):
    ours, network = f"cached {s.batch}", f"plain {s.batch}"
    values, passes = 3 * s.size**2, s.size**2 + 1
    result = section(s, [ours])
    result |= section(s, [network], steps=s.values)
    lines = [
        f"| sampler, {s.batch} images | seconds | cached, times faster | |",
        "|---|---|---|---|",
        f"| cached | {median(result[ours]):.1f} | 1 | measured |",
        f"| plain | {median(result[network]) * values:,.0f} | {ratio([result[network]], [result[ours]], values):,.0f} "
        f"| {s.values} values a round, times {values:,} |",
    ]
    missing = [name for name in ("tensorflow_probability", "tf_keras") if importlib.util.find_spec(name) is None]
    if missing:
        lines.append(f"| tfp.distributions.PixelCNN | | | left out: {' and '.join(missing)} not installed |")
        return result, lines
    name = f"{'tfp-whole' if s.tfp_whole else 'tfp'} {s.batch}"
    result |= section(s, [name])
    scale, how = (1, "measured") if s.tfp_whole else (passes, f"one pass, times {passes:,}")
    lines.append(
        f"| tfp.distributions.PixelCNN | {median(result[name]) * scale:,.0f} "
        f"| {ratio([result[name]], [result[ours]], scale):,.0f} | {how} |"
    )
    return result, lines


def batches(s):
    result = section(s, ["floor"])
    lines = [
        "| batch | one forward pass, s | cached batch, s | passes | floor, s | times forward pass + floor |",
        "|---|---|---|---|---|---|",
    ]
    for batch in s.batches:
        names = [f"forward {batch}", f"cached {batch}"]
        result |= section(s, names)
        passes, ours = (result[name] for name in names)
        lines.append(
            f"| {batch} | {median(passes):.2f} | {median(ours):.2f} | {ratio([ours], [passes]):.2f} "
            f"| {median(result['floor']):.2f} | {ratio([ours], [passes, result['floor']]):.2f} |"
        )
    return result, lines


def steps(s):
    result = section(s, ["step", "step-full"])
    ours, full = result["step"], result["step-full"]
    return result, [
        f"| kernels, batch {s.train_batch} | s per step | cropped, times faster | peak memory, MB |",
        "|---|---|---|---|",
        f"| cropped | {median(ours):.2f} | 1 | {ours['peak_mb']:.0f} |",
        f"| full, masked | {median(full):.2f} | {ratio([full], [ours]):.2f} | {full['peak_mb']:.0f} |",
    ]


def memory(s):
    result = {}
    lines = [f"| images, {s.memory_batch} at a time | peak memory, MB |", "|---|---|"]
    for n in (s.memory_batch, 4 * s.memory_batch):
        result |= measure(functools.partial(peer, s), [f"images {n}"], s.threads, 1, 1)
        lines.append(f"| {n} | {result[f'images {n}']['peak_mb']:.0f} |")
    return result, lines


SECTIONS = {"samplers": samplers, "batches": batches, "training": steps, "memory": memory}


def main():
    parser = arguments(__doc__, threads=2, rounds=3)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--blocks", type=int, default=15)
    parser.add_argument("--planes", type=int, default=128)
    parser.add_argument("--output-planes", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=16, help="images of the samplers' comparison")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--values", type=int, default=2, help="values of the plain sampler in a round")
    parser.add_argument("--tfp-whole", action="store_true", help="time TFP's `sample` as a whole, which takes hours")
    parser.add_argument("--train-batch", type=int, default=16)
    parser.add_argument("--memory-batch", type=int, default=8)
    parser.add_argument("--json", help="file for the settings and the time of every round")
    settings = parser.parse_args()

    report = {"settings": vars(settings)}
    for name in settings.sections:
        report[name], lines = SECTIONS[name](settings)
        print("\n".join(["", *lines]), flush=True)
    if settings.json:
        with open(settings.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
