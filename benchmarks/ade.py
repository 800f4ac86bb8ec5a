"""AV-ADE: what a sample costs beside the decoder, f against its inverse, a training step against its parts, memory.

    python benchmarks/ade.py
    python benchmarks/ade.py --preset av-ade-ade-digits --batch 256 --steps 20  # a minute or two

By default the networks are those of CIFAR-10. Its sections:

  sampling  the decoder's pass from latents of the prior to features; f and f^-1 of a batch; the two passes that a
            sample is, one after the other; and `draw`, which also makes the noise and the grey levels.
  step      an update by both losses, and by itself each of its parts, gradients included: the likelihood (an update of
            V-ADE, the same networks without a discriminator), samples that L_Q moves, the discriminator on images and
            on samples, and the penalty.
  memory    peak resident memory of a process that does one thing, libraries included, by batch.

f has weights that make it no identity, and f^-1(f(x)) = x is checked before it is timed. Every peer lives in its own
process and waits while another is timed; the order turns with every round. The figures are medians over the rounds, the
ratios medians of each round's ratio.
"""

import dataclasses
import functools
import json
import statistics

from rounds import arguments, measure

PASSES = ("decoder", "f", "inverse", "both", "draw")
PARTS = ("likelihood", "samples", "discriminator", "penalty")


def build(preset_name, batch, discriminator=True):
    """A compiled model, f's weights drawn, and a batch of its images."""
    import numpy as np

    from qrkeras import data, presets
    from qrkeras.experiments import build

    preset, rng = presets.get(preset_name), np.random.default_rng(0)
    if not discriminator:
        absent = "discriminator", "discriminator_optimizer", "adversarial_weight", "gradient_penalty"
        preset = dataclasses.replace(preset, **dict.fromkeys(absent))
    shape = (32, 32, 3) if preset.data.image_size else (8, 8, 1)
    images = rng.integers(0, 256, (batch, *shape)).astype("uint8")
    model = build.model(preset, data.from_arrays(images), seed=0)
    for weight in model.flow.weights:
        weight.assign(weight + 0.02 * rng.normal(size=weight.shape))
    return model, images


def passes(name, model, images):
    """A function that runs the pass called `name` on a batch."""
    import numpy as np
    import tensorflow as tf

    from qrkeras.models.noise import sample_seeds

    x, seeds = model.dequantized(images), tf.constant(sample_seeds(0, len(images)))
    tau = tf.random.uniform((len(images), *model.noise_shape), 2.0**-24, seed=0)
    y = model.flow(x)[0]
    np.testing.assert_allclose(model.flow(y, inverse=True), x, atol=1e-4)

    def both(tau):
        return model.image_of(model.generate(tau, "mean")[1])

    function, given = {
        "decoder": (lambda tau: model.generate(tau, "mean")[1], tau),
        "f": (lambda x: model.flow(x)[0], x),
        "inverse": (lambda y: model.flow(y, inverse=True), y),
        "both": (both, tau),
        "draw": (model.draw, seeds),
    }[name]
    function = tf.function(function, autograph=False)
    return lambda: function(given).numpy()


def parts(name, model, images):
    """A function that takes a step, or computes the gradients of the part of it that is called `name`."""
    import tensorflow as tf

    from qrkeras.losses import gradient_penalty
    from qrkeras.models.step import input_gradient

    if name in ("step", "likelihood"):
        step = tf.function(model.train_step, autograph=False)
        return lambda: [value.numpy() for value in step(tf.constant(images)).values()]
    x, judge = model.dequantized(images), functools.partial(model.discriminator, training=True)
    tau = tf.random.uniform((len(images), *model.noise_shape), 2.0**-24, seed=0)
    decoder, weights = model.hierarchy.decoder.trainable_variables, model.discriminator.trainable_variables

    def samples():
        with tf.GradientTape() as tape:
            fake = model.image_of(model.generate(tau, "gaussian")[1])
        return tape.gradient(fake, decoder)

    def discriminator():
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            real, fake = judge(x), judge(x)
            loss = tf.reduce_mean(model.objective.discriminator(real, fake))
            quality = model.objective.generator(fake)
        return tape.gradient(loss, weights), tape.gradient(quality, x)

    def penalty():
        with tf.GradientTape() as tape:
            slopes = input_gradient(lambda images: judge(images)[:, 0], x)
            loss = tf.reduce_mean(gradient_penalty(slopes))
        return tape.gradient(loss, weights)

    function = {"samples": samples, "discriminator": discriminator, "penalty": penalty}[name]
    function = tf.function(function, autograph=False)
    return lambda: [value.numpy() for value in tf.nest.flatten(function()) if value is not None]


def peer(preset, name, threads):
    """`name` is "PASS batch" or "PART batch"."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    name, batch = name.split()
    model, images = build(preset, int(batch), discriminator=name != "likelihood")
    unit = (passes if name in PASSES else parts)(name, model, images)

    def run(steps):
        for _ in range(steps):
            unit()

    return run


def rounds(s, names, batch, steps):
    """`{name: seconds by round}`."""
    found = measure(functools.partial(peer, s.preset), [f"{n} {batch}" for n in names], s.threads, s.rounds, steps)
    return {name: found[f"{name} {batch}"]["seconds"] for name in names}


def ratio(rows, others):
    return statistics.median(a / b for a, b in zip(rows, others, strict=True))


def sampling(s):
    seconds = rounds(s, PASSES, s.batch, s.steps)
    says = {
        "decoder": "decoder",
        "f": "f",
        "inverse": "f^-1",
        "both": "a sample: decoder, then f^-1",
        "draw": "`draw`: noise, a sample, grey levels",
    }
    lines = [f"| a batch of {s.batch} | ms | decoders |", "|---|---|---|"]
    for name, row in seconds.items():
        times = ratio(row, seconds["decoder"])
        lines.append(f"| {says[name]} | {1e3 * statistics.median(row):.1f} | {times:.2f} |")
    return seconds, [*lines, "", f"f^-1 takes {ratio(seconds['inverse'], seconds['f']):.2f} of f."]


def step(s):
    seconds = rounds(s, ("step", *PARTS), s.train_batch, s.train_steps)
    whole = seconds["step"]
    lines = [f"| a step, batch {s.train_batch} | ms | share of the step |", "|---|---|---|"]
    seconds["sum of the parts"] = [sum(part) for part in zip(*(seconds[name] for name in PARTS), strict=True)]
    for name, row in seconds.items():
        lines.append(f"| {name} | {1e3 * statistics.median(row):.0f} | {ratio(row, whole):.2f} |")
    return seconds, lines


def memory(s):
    lines = [f"| batch | {' | '.join(MEASURED.values())} |", "|---|" + "---|" * len(MEASURED)]
    report = {}
    for batch in s.batches:
        names = [f"{name} {batch}" for name in MEASURED]
        # One after the other, so that all the memory there is belongs to it.
        found = [measure(functools.partial(peer, s.preset), [name], s.threads, 1, 1)[name]["peak_mb"] for name in names]
        report |= dict(zip(names, found, strict=True))
        lines.append(f"| {batch} | {' | '.join(f'{each:,.0f}' for each in found)} |")
    return report, lines


MEASURED = {"decoder": "decoder, MB", "both": "a sample, MB", "likelihood": "V-ADE's step, MB", "step": "a step, MB"}
SECTIONS = {"sampling": sampling, "step": step, "memory": memory}


def main():
    parser = arguments(__doc__, threads=1, rounds=5)
    parser.add_argument("--preset", choices=("av-ade-ade-cifar10", "av-ade-ade-digits"), default="av-ade-ade-cifar10")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--batch", type=int, default=16, help="images of the passes")
    parser.add_argument("--steps", type=int, default=2, help="passes in a round")
    parser.add_argument("--train-batch", type=int, default=16, help="images of a step")
    parser.add_argument("--train-steps", type=int, default=1, help="steps in a round")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32], help="batches of the memory")
    parser.add_argument("--json", help="file for the settings and the time of every round")
    settings = parser.parse_args()

    report = {"settings": vars(settings)}
    for name in settings.sections:
        report[name], lines = SECTIONS[name](settings)
        print("\n".join(lines), flush=True)
        print(flush=True)
    if settings.json:
        with open(settings.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
