"""Training steps per second of the SNGAN at 32 x 32, batch 64: what its discriminator may be, and PyTorch.

    python benchmarks/sngan_step.py --threads 2 --rounds 7

One step is a simultaneous update of both networks by the non-saturating loss, Adam(2e-4, 0.5, 0.999): one generator
pass, two discriminator passes (real, fake), both gradients at the same weights. The networks are those of Miyato et
al. 2018, Table 3.

  plain        `qrkeras.models.GAN` of `sngan_generator` and `sngan_discriminator`
  equivariant  the discriminator made of equivariant layers (BGAN)
  spectral     the discriminator with spectral normalisation
  wrapper      the same discriminator out of `keras.layers.SpectralNormalization`
  torch        the step of `spectral` in PyTorch, eager, channels_last, `parametrizations.spectral_norm`; left out where
               it is not installed

Every peer lives in its own process and waits while another is timed. The order of the peers turns with every round;
the figures are medians over the rounds, and the ratios medians of each round's ratio, for the first peer against each
and for `spectral` against each. Before the timing, PyTorch's networks are given the weights of ours and must agree.
The tables are Markdown.
"""

import importlib.util
import json
import os
from importlib.metadata import version

import torch_gan
from rounds import arguments, measure, table

BATCH, LATENT_DIM, IMAGE_SIZE, WIDTH = 64, 128, 32, 64
ADAM = {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}
CHANNELS, SLOPE = (WIDTH, 2 * WIDTH, 4 * WIDTH), 0.1
FEATURES = {
    "plain": {},
    "equivariant": {"batch_features": "equivariant", "batch_size": BATCH},
    "spectral": {"spectral_norm": True},
}


def wrapped_discriminator():
    """`sngan_discriminator(spectral_norm=True)` out of Keras' wrapper."""
    import keras
    from keras import layers

    def normalised(layer):
        return layers.SpectralNormalization(layer)

    normal = {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02, seed=0)}
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    x = images
    for filters in CHANNELS:
        x = layers.LeakyReLU(SLOPE)(normalised(layers.Conv2D(filters, 3, padding="same", **normal))(x))
        x = layers.LeakyReLU(SLOPE)(normalised(layers.Conv2D(filters, 4, 2, padding="same", **normal))(x))
    x = layers.LeakyReLU(SLOPE)(normalised(layers.Conv2D(8 * WIDTH, 3, padding="same", **normal))(x))
    return keras.Model(images, normalised(layers.Dense(1, **normal))(layers.Flatten()(x)))


def keras_peer(name, threads):
    """Returns a function that runs a number of steps of a `GAN`."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from qrkeras.models import GAN
    from qrkeras.networks import sngan_discriminator, sngan_generator

    keras.utils.set_random_seed(0)
    discriminator = wrapped_discriminator() if name == "wrapper" else sngan_discriminator(seed=0, **FEATURES[name])
    gan = GAN(sngan_generator(seed=0), discriminator, LATENT_DIM, "non_saturating")
    gan.compile(keras.optimizers.Adam(**ADAM), keras.optimizers.Adam(**ADAM))
    step = tf.function(gan.train_step)
    real = tf.random.uniform((BATCH, IMAGE_SIZE, IMAGE_SIZE, 3), -1.0, 1.0, seed=0)

    def run(steps):
        for _ in range(steps):
            losses = step(real)
        return [float(loss) for loss in losses.values()]

    return run


def torch_networks():
    """Generator and discriminator in PyTorch, the second without spectral normalisation yet."""
    import torch
    from torch import nn

    deepest = 8 * WIDTH
    # Keras' batch normalisation weighs the old mean by 0.9, PyTorch's by 1 - 0.1.
    norm = {"eps": 1e-5, "momentum": 0.1}
    blocks = [nn.Linear(LATENT_DIM, 16 * deepest, bias=False), nn.Unflatten(1, (deepest, 4, 4))]
    blocks += [nn.BatchNorm2d(deepest, **norm), nn.ReLU(True)]
    for before, after in ((deepest, deepest // 2), (deepest // 2, deepest // 4), (deepest // 4, WIDTH)):
        blocks += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after, **norm), nn.ReLU(True)]
    generator = nn.Sequential(*blocks, nn.Conv2d(WIDTH, 3, 3, padding=1), nn.Tanh())

    blocks, before = [], 3
    for filters in CHANNELS:
        blocks += [nn.Conv2d(before, filters, 3, padding=1), nn.LeakyReLU(SLOPE, True)]
        blocks += [nn.Conv2d(filters, filters, 4, 2, 1), nn.LeakyReLU(SLOPE, True)]
        before = filters
    blocks += [nn.Conv2d(before, deepest, 3, padding=1), nn.LeakyReLU(SLOPE, True)]
    discriminator = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(16 * deepest, 1))
    channels_last = {"memory_format": torch.channels_last}
    return generator.apply(torch_gan.initialise).to(**channels_last), discriminator.apply(torch_gan.initialise).to(
        **channels_last
    )


def torch_peer(threads):
    """Returns a function that runs a number of steps in PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    generator, discriminator = torch_networks()
    for module in discriminator:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.utils.parametrizations.spectral_norm(module)

    def losses(real_outputs, fake_outputs):
        d_loss = (functional.softplus(-real_outputs) + functional.softplus(fake_outputs)).mean()
        return d_loss, functional.softplus(-fake_outputs).mean()

    shapes = (BATCH, LATENT_DIM), (BATCH, 3, IMAGE_SIZE, IMAGE_SIZE)
    return torch_gan.training(generator, discriminator, losses, *shapes, ADAM)


def in_order_of_torch(kernel):
    """A kernel of Keras `(..., in, out)` as PyTorch keeps it; a dense layer's positions come after channels there."""
    if len(kernel.shape) == 4:
        return kernel.transpose(3, 2, 0, 1)
    if kernel.shape[0] == LATENT_DIM:  # to an image
        return kernel.reshape(LATENT_DIM, 4, 4, -1).transpose(3, 1, 2, 0).reshape(-1, LATENT_DIM)
    return kernel.reshape(4, 4, -1, 1).transpose(3, 2, 0, 1).reshape(1, -1)


def check_same_function():
    """PyTorch's networks, given the weights of ours, must return what ours return, in training mode."""
    import numpy as np
    import torch
    from keras import ops

    from qrkeras.networks import sngan_discriminator, sngan_generator

    ours, theirs = (sngan_generator(seed=0), sngan_discriminator(seed=0)), torch_networks()
    for network, peer in zip(ours, theirs, strict=True):
        kernels = [ops.convert_to_numpy(weight) for weight in network.trainable_weights if len(weight.shape) > 1]
        weights = [weight for weight in peer.parameters() if weight.dim() > 1]
        with torch.no_grad():
            for kernel, weight in zip(kernels, weights, strict=True):
                weight.copy_(torch.tensor(in_order_of_torch(kernel)))
    z = np.random.default_rng(0).normal(size=(BATCH, LATENT_DIM)).astype("float32")
    images, same = ours[0](z, training=True), theirs[0](torch.tensor(z)).detach()
    np.testing.assert_allclose(images, same.permute(0, 2, 3, 1), atol=1e-4)
    outputs, same_outputs = ours[1](images, training=True), theirs[1](same).detach()
    np.testing.assert_allclose(outputs, same_outputs, rtol=1e-3, atol=1e-3 * float(same_outputs.abs().max()))


def peer(name, threads):
    return torch_peer(threads) if name == "torch" else keras_peer(name, threads)


PEERS = (*FEATURES, "wrapper", "torch")


def main():
    parser = arguments(__doc__, threads=2, rounds=7)
    parser.add_argument("--steps", type=int, default=8, help="steps in a round")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="peers")
    parser.add_argument("--json", help="file for the settings, the versions and the time of every round")
    settings = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = list(settings.peers)
    if "torch" in names:
        if importlib.util.find_spec("torch") is None:
            names.remove("torch")
            print('PyTorch is not installed (the "benchmark" extra has it): its row is left out.')
        else:
            check_same_function()
    result = measure(peer, names, settings.threads, settings.rounds, settings.steps)
    print(table(result))
    if "spectral" in names[1:]:
        print(f"\n{table({'spectral': result['spectral'], **result})}")
    if settings.json:
        libraries = ["keras", "tensorflow"] + ["torch"] * ("torch" in names)
        versions = {library: version(library) for library in libraries}
        report = {"threads": settings.threads, "steps": settings.steps, "versions": versions}
        with open(settings.json, "w") as file:
            json.dump({**report, "peers": result}, file, indent=2)


if __name__ == "__main__":
    main()
