"""Training steps per second of the DCGAN-32 QRGAN: this package, plain Keras layers, PyTorch.

    python benchmarks/dcgan_step.py --threads 1 --rounds 7

One step is Algorithm 1 of the paper: batch 64, N = 64 quantiles, lambda = 0.1, Adam(2e-4, 0.5,
0.99) for both networks, both gradients at the same parameters from one generator pass and two
discriminator passes (real, fake).

  qrkeras   dcgan_generator, dcgan_discriminator; the step is a tf.function
  keras     the same functions of Keras' own layers, and the same step
  torch     the same functions in PyTorch, eager, channels_last; left out where it is not installed

Every peer lives in its own process and waits while another is timed. The order of the peers turns
with every round; the figures are medians over the rounds, and the ratios medians of each round's
ratio. Peak memory is the largest resident set of the peer's process, libraries included. Before
the timing, the two Keras peers are given the same weights and must agree. The table is Markdown.
"""

import importlib.util
import json
import os
from importlib.metadata import version

import torch_gan
from rounds import arguments, measure, table

BATCH, LATENT_DIM, IMAGE_SIZE, NUM_QUANTILES = 64, 100, 32, 64
PENALTY_WEIGHT, ADAM = 0.1, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.99}


def plain_keras_networks(width=64):
    """The networks of `dcgan_generator` and `dcgan_discriminator` out of Keras' own layers."""
    import keras
    from keras import layers

    latents = keras.Input((LATENT_DIM,))
    normal = {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02, seed=0)}
    x = layers.Dense(16 * 4 * width, use_bias=False, **normal)(latents)
    x = layers.Reshape((4, 4, 4 * width))(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
    for filters in (2 * width, width, width):
        x = layers.UpSampling2D(2)(x)
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **normal)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
    generated = layers.Conv2D(3, 3, padding="same", activation="tanh", **normal)(x)

    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    x = images
    for i, filters in enumerate((width, 2 * width, 4 * width)):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=i == 0, **normal)(x)
        x = layers.AveragePooling2D(2)(x)
        if i > 0:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.LeakyReLU(0.2)(x)
    outputs = layers.Dense(NUM_QUANTILES, **normal)(layers.Flatten()(x))
    return keras.Model(latents, generated), keras.Model(images, outputs)


def qrkeras_networks():
    from qrkeras.networks import dcgan_discriminator, dcgan_generator

    return dcgan_generator(IMAGE_SIZE, seed=0), dcgan_discriminator(IMAGE_SIZE, num_outputs=NUM_QUANTILES, seed=0)


def check_same_function():
    """The plain networks, given the weights of ours, must return what ours return, in training
    mode."""
    import keras
    import numpy as np

    for ours, plain in zip(qrkeras_networks(), plain_keras_networks(), strict=True):
        plain.set_weights(ours.get_weights())
        x = keras.random.normal((BATCH, *ours.input_shape[1:]), seed=1)
        np.testing.assert_allclose(ours(x, training=True), plain(x, training=True), rtol=1e-3, atol=1e-4)


def keras_peer(threads, build):
    """Returns a function that runs a number of steps with the networks that `build` returns."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from qrkeras.losses import QuantileRegression

    keras.utils.set_random_seed(0)
    generator, discriminator = build()
    objective = QuantileRegression(NUM_QUANTILES, penalty_weight=PENALTY_WEIGHT)
    g_optimizer, d_optimizer = keras.optimizers.Adam(**ADAM), keras.optimizers.Adam(**ADAM)
    g_optimizer.build(generator.trainable_variables)
    d_optimizer.build(discriminator.trainable_variables)

    @tf.function
    def step(real):
        with tf.GradientTape(persistent=True) as tape:
            fake = generator(tf.random.normal((BATCH, LATENT_DIM)), training=True)
            real_outputs = discriminator(real, training=True)
            fake_outputs = discriminator(fake, training=True)
            d_loss = objective.discriminator(real_outputs, fake_outputs)
            g_loss = objective.generator(fake_outputs)
        d_gradients = tape.gradient(d_loss, discriminator.trainable_variables)
        g_gradients = tape.gradient(g_loss, generator.trainable_variables)
        d_optimizer.apply(d_gradients, discriminator.trainable_variables)
        g_optimizer.apply(g_gradients, generator.trainable_variables)
        return d_loss, g_loss

    real = tf.random.uniform((BATCH, IMAGE_SIZE, IMAGE_SIZE, 3), -1.0, 1.0, seed=0)

    def run(steps):
        for _ in range(steps):
            losses = step(real)
        return [float(loss) for loss in losses]

    return run


def qrkeras_peer(threads):
    return keras_peer(threads, qrkeras_networks)


def plain_keras_peer(threads):
    return keras_peer(threads, plain_keras_networks)


def torch_peer(threads, width=64):
    """Returns a function that runs a number of steps in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    blocks = [
        nn.ConvTranspose2d(LATENT_DIM, 4 * width, 4, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(True),
    ]
    for before, after in ((4 * width, 2 * width), (2 * width, width), (width, width)):
        blocks += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1, bias=False)]
        blocks += [nn.BatchNorm2d(after), nn.ReLU(True)]
    generator = nn.Sequential(*blocks, nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())

    blocks = [nn.Conv2d(3, width, 3, padding=1), nn.AvgPool2d(2), nn.LeakyReLU(0.2, True)]
    for before, after in ((width, 2 * width), (2 * width, 4 * width)):
        blocks += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.AvgPool2d(2)]
        blocks += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
    discriminator = nn.Sequential(*blocks, nn.Conv2d(4 * width, NUM_QUANTILES, 4), nn.Flatten())

    generator = generator.apply(torch_gan.initialise).to(memory_format=torch.channels_last)
    discriminator = discriminator.apply(torch_gan.initialise).to(memory_format=torch.channels_last)
    fractions = (torch.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES

    def losses(real_outputs, fake_outputs):
        penalty = ((real_outputs.abs().mean(0) + fake_outputs.abs().mean(0)) / 2) ** 2
        pinball = -fractions * real_outputs.mean(0) + (1 - fractions) * fake_outputs.mean(0)
        return (pinball + PENALTY_WEIGHT * penalty).mean(), -fake_outputs.mean()

    shapes = (BATCH, LATENT_DIM, 1, 1), (BATCH, 3, IMAGE_SIZE, IMAGE_SIZE)
    return torch_gan.training(generator, discriminator, losses, *shapes, ADAM)


PEERS = {"qrkeras": qrkeras_peer, "keras": plain_keras_peer, "torch": torch_peer}


def peer(name, threads):
    return PEERS[name](threads)


def main():
    parser = arguments(__doc__, threads=1, rounds=7)
    parser.add_argument("--steps", type=int, default=8, help="steps in a round")
    parser.add_argument(
        "--peers",
        nargs="+",
        choices=PEERS,
        default=list(PEERS),
        help="peers; the first is compared with the others",
    )
    parser.add_argument("--json", help="file for the settings, the versions and the time of every round")
    settings = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = list(settings.peers)
    if "torch" in names and importlib.util.find_spec("torch") is None:
        names.remove("torch")
        print('PyTorch is not installed (the "benchmark" extra has it): its row is left out.')
    if {"qrkeras", "keras"} <= set(names):
        check_same_function()
    result = measure(peer, names, settings.threads, settings.rounds, settings.steps)
    print(table(result))
    if settings.json:
        libraries = {"qrkeras": "keras", "keras": "tensorflow", "torch": "torch"}
        versions = {libraries[name]: version(libraries[name]) for name in names}
        report = {"threads": settings.threads, "steps": settings.steps, "versions": versions}
        with open(settings.json, "w") as file:
            json.dump({**report, "peers": result}, file, indent=2)


if __name__ == "__main__":
    main()
