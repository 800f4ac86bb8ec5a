"""Two replicas train as one does: weights, averages, batch statistics, noise, logged losses, checkpoints."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras import layers, models, networks
from qrkeras.losses import BatchSmoothing, Mixup, NonSaturating, QuantileRegression, Wasserstein
from qrkeras.machine import devices
from qrkeras.models import replicas
from qrkeras.models.noise import NOISE, BatchNoise
from tests.support import tiny_captioner

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(48, 2)).astype("float32")
IMAGES = RNG.integers(0, 256, (24, 8, 8, 1)).astype("uint8")
LABELS = RNG.integers(0, 4, 24).astype("int32")

# Captions of one replica's images have more words that count than the other's: a mean is of all words.
UNEQUAL = [[("a red circle", "thing")[i % 8 >= 4]] for i in range(16)]


def strategy(replicas):
    return devices.strategy(devices.choose(replicas))


def sgd():
    # Its step is in proportion to the gradient, where Adam's may turn rounding into a step of full length.
    return keras.optimizers.SGD(0.1, momentum=0.9)


def gan(loss=None, update="simultaneous", optimizer=sgd, discriminator_steps=1, **options):
    loss = loss or QuantileRegression(4)
    networks_ = networks.mlp(3, 2, width=8, seed=1), networks.mlp(2, loss.num_outputs, width=8, seed=2)
    model = models.GAN(*networks_, latent_dim=3, loss=loss, **options)
    model.compile(optimizer(), optimizer(), update, discriminator_steps)
    return model


def image_gan():
    sizes = {"width": 4, "hidden_layers": 1}
    generator = networks.dcgan_generator(8, 1, latent_dim=5, **sizes, seed=1)
    # Batch normalisation stands from the second hidden layer on.
    discriminator = networks.dcgan_discriminator(16, 1, 4, width=4, hidden_layers=2, seed=2)
    enlarge = keras.layers.UpSampling2D(2)
    inputs = keras.Input((8, 8, 1))
    discriminator = keras.Model(inputs, discriminator(enlarge(inputs)))
    model = models.GAN(generator, discriminator, latent_dim=5, loss=QuantileRegression(4))
    model.compile(sgd(), sgd())
    return model


def equivariant_gan(loss=None, update="simultaneous", gradient_penalty=None, discriminator_steps=1):
    generator = networks.mlp(3, 2, width=8, seed=1)
    discriminator = networks.mlp(2, 1, width=8, equivariant_batch_size=8 // discriminator_steps, seed=2)
    model = models.GAN(generator, discriminator, 3, loss or NonSaturating(), gradient_penalty)
    model.compile(sgd(), sgd(), update, discriminator_steps)
    return model


def sngan(**features):
    generator = networks.sngan_generator(8, 1, latent_dim=5, width=4, seed=1)
    discriminator = networks.sngan_discriminator(8, 1, width=4, seed=2, **features)
    for weight in discriminator.trainable_variables:
        weight.assign(5 * weight)  # else outputs and what they know of the batch are next to nothing
    model = models.GAN(generator, discriminator, 5, NonSaturating())
    model.compile(sgd(), sgd())
    return model


def pixels(build, **outputs):
    sizes = {"blocks": 1, "kernel_size": 3, "planes": 4, "output_planes": 4}
    model = build(networks.pixelcnn(8, 1, **sizes, num_classes=4, seed=1, **outputs), average_decay=0.9)
    model.compile(sgd())
    return model


def pixelcnnpp():
    sizes = {"planes": 3, "blocks": 1, "resolutions": 2, "components": 2, "dropout": 0.5}
    model = models.PixelCNNPlusPlus(networks.pixelcnnpp(8, 1, **sizes, num_classes=4, seed=1), average_decay=0.9)
    model.initialize(IMAGES, LABELS)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    return model


def vae(build, *parts, **options):
    sizes = {"channels": 1, "latent_dim": 4, "width": 4, "hidden_layers": 1}
    model = build(networks.vae_encoder(8, **sizes, seed=1), networks.vae_decoder(8, **sizes, seed=2), *parts, **options)
    model.compile(sgd())
    return model


def hierarchical_vae(rate=0.01, **options):
    sizes = {"planes": (3, 4), "latent_planes": (2, 1), "blocks": (1, 1), "stem": (3, 2)}
    # Free nats of the KL of the whole batch: a plane's KL on one replica is another.
    model = models.HierarchicalVAE(networks.top_down(8, 1, **sizes, seed=1), **{"free_nats": 0.05, **options})
    model.initialize(IMAGES)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    return model


def vqvae():
    sizes = {"channels": 1, "code_dim": 2, "width": 3, "hidden_layers": 1, "residual_blocks": 1}
    pixels = {"blocks": 1, "kernel_size": 3, "planes": 2, "output_planes": 2, "num_outputs": 4, "num_categories": 4}
    parts = networks.vqvae_encoder(8, seed=1, **sizes), networks.vqvae_decoder(8, seed=2, **sizes)
    model = models.VQVAE(*parts, layers.VectorQuantizer(4, "zeros"), networks.pixelcnn(4, 1, **pixels, seed=3))
    model.initialize(IMAGES)
    model.compile(sgd(), sgd())
    return model


def agave():
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2)}
    hierarchy = networks.top_down(8, 1, **sizes, flow=False, seed=1)
    sizes = {"planes": 2, "blocks": 1, "resolutions": 1, "components": 2, "dropout": 0.5}
    network = networks.pixelcnnpp(8, 1, **sizes, condition=hierarchy.outputs_shape, seed=2)
    model = models.AGAVE(hierarchy, network, pretrain_steps=1, average_decay=0.9)
    model.initialize(IMAGES)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    return model


def density(**options):
    sizes = {"planes": (2,), "latent_planes": (1,), "blocks": (1,), "stem": (3, 2), "flow": False}
    hierarchy = networks.top_down(8, 1, **sizes, random="top" if "coverage" in options else "all", seed=1)
    flow = None if "coverage" in options else networks.real_nvp((8, 8, 1), width=2, blocks=1, seed=2)
    discriminator = networks.plain_discriminator(8, 1, (2,), (2,), seed=3)
    weight = {} if "coverage" in options else {"adversarial_weight": 7.0}
    model = models.DensityModel(hierarchy, flow, discriminator, **weight, **options)
    model.initialize(IMAGES)
    rate = {"learning_rate": 1e-3, "momentum": 0.9}
    model.compile(keras.optimizers.SGD(**rate), keras.optimizers.SGD(**rate))
    return model


def captioner(**options):
    model = tiny_captioner.build(**options)
    model.compile(sgd(), sgd())
    return model


def still(build, *names):
    """The model that `build` makes, with parts that do not train."""

    def frozen():
        model = build()
        model.freeze(*names)
        return model

    return frozen


POINT_GANS = {
    "gan": gan,
    "match": lambda: gan(QuantileRegression(4, generator="match")),
    "alternating": lambda: gan(NonSaturating(), "alternating", discriminator_steps=2),
    "gradient penalty": lambda: gan(Wasserstein(), "alternating", gradient_penalty=10.0),
    "weight clip": lambda: gan(Wasserstein(), weight_clip=0.1, prior="uniform"),
    "frozen generator": still(gan, "generator"),
    "alternating, frozen discriminator": still(lambda: gan(NonSaturating(), "alternating"), "discriminator"),
    "equivariant": equivariant_gan,
    "mixup": lambda: gan(Mixup(0.5)),
    "BGAN": lambda: equivariant_gan(BatchSmoothing(0.3, "outputs")),
    "M-BGAN": lambda: equivariant_gan(BatchSmoothing(0.5, "losses"), "alternating", discriminator_steps=2),
    "equivariant with a gradient penalty": lambda: equivariant_gan(gradient_penalty=10.0),
}
BUILDS = {
    **POINT_GANS,
    "batch normalisation": image_gan,
    "frozen batch normalisation": still(image_gan, "generator"),
    "equivariant convolutions": lambda: sngan(batch_features="equivariant", batch_size=8, spectral_norm=True),
    "minibatch discrimination": lambda: sngan(batch_features="minibatch"),
    "PixelCNN": lambda: pixels(models.PixelCNN),
    "PixelIQN": lambda: pixels(models.PixelIQN, num_outputs=1, quantile=True),
    "PixelCNNPlusPlus": pixelcnnpp,
    "VAE": lambda: vae(models.VAE),
    "AIQNVAE": lambda: vae(models.AIQNVAE, networks.aiqn(4, 8, 1, seed=3), average_decay=0.9),
    "hierarchical VAE": hierarchical_vae,
    "variational dequantisation": lambda: hierarchical_vae(1e-4, likelihood="dequantized_variational"),
    "importance-weighted VAE": lambda: vae(models.VAE, importance_samples=3),
    "VQ-VAE": vqvae,
    "AGAVE": agave,
    "AV-ADE": density,
    "GAN with an encoder": lambda: density(coverage="encoder"),
    "captioner": lambda: captioner(thins=True),
    "captioner of boxes": lambda: captioner(boxes=True),
    "AIQN of a frozen VAE": still(lambda: BUILDS["AIQNVAE"](), "encoder", "decoder"),
}


def built(name, replicas):
    with strategy(replicas).scope():
        return BUILDS[name]()


def data(name, batch_size):
    """Endless batches; labels only where they are looked at."""
    if name.startswith("captioner"):
        ids, boxes = tiny_captioner.encoded(UNEQUAL), tiny_captioner.BOXES
        parts = tiny_captioner.IMAGES, {"captions": ids, "boxes": boxes} if "boxes" in name else ids
    else:
        examples = POINTS if name in POINT_GANS else IMAGES
        parts = (examples, LABELS) if name.startswith("Pixel") else examples
    return tf.data.Dataset.from_tensor_slices(parts).repeat().batch(batch_size, drop_remainder=True)


def fit(model, name, steps=3, batch_size=8):
    return model.fit(data(name, batch_size).take(steps), verbose=0, shuffle=False).history


def assert_alike(one, two, atol=1e-5):
    pairs = list(zip([*one.variables, *one.optimizer.variables], [*two.variables, *two.optimizer.variables]))
    assert len(pairs) == len(two.variables) + len(two.optimizer.variables)
    for a, b in pairs:
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), atol=atol, rtol=1e-5, err_msg=a.path
        )


LONG = (
    "PixelCNNPlusPlus",
    "equivariant convolutions",
    "hierarchical VAE",
    "variational dequantisation",
    "AGAVE",
    "AV-ADE",
    "captioner",
    "captioner of boxes",
)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n in LONG)) for n in BUILDS])
def test_two_replicas_train_as_one_on_their_whole_batch(name, tmp_path):
    one, two = built(name, 1), built(name, 2)
    start = [keras.ops.convert_to_numpy(v) for v in one.trainable_variables]
    losses, replicated = fit(one, name), fit(two, name)
    assert (
        max(np.abs(v - w).max() for v, w in zip(start, map(keras.ops.convert_to_numpy, one.trainable_variables))) > 1e-3
    )
    assert one.step == two.step == 3
    assert_alike(one, two)
    assert losses.keys() == replicated.keys()
    for loss in losses:
        np.testing.assert_allclose(replicated[loss], losses[loss], rtol=1e-4, atol=1e-5)


def local(model, function):
    """`function()` on both replicas of a model, as NumPy arrays."""
    results = model.distribute_strategy.run(tf.function(function))
    return [value.numpy() for value in model.distribute_strategy.experimental_local_results(results)]


@pytest.fixture(scope="module")
def pair():
    return built("gan", 1), built("gan", 2)


@pytest.mark.parametrize("draw", [lambda noise: noise("z"), BatchNoise.fractions], ids=["noise", "fractions"])
def test_replicas_take_different_rows_of_the_same_noise(pair, draw):
    one, two = pair
    whole = draw(BatchNoise(one, 8, NOISE, 1)).numpy()
    first, second = local(two, lambda: draw(BatchNoise(two, 4, NOISE, 1)))
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert np.abs(first - second).min() > 0


def test_the_penalty_sees_the_whole_batch(pair):
    # L1-square of one output: of the replicas' means 1 and 3 it is (1 + 3)^2 / 4 = 4, and not (1 + 9) / 2 = 5.
    _, two = pair

    def squared_mean():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        outputs = tf.fill([3, 1], 1.0 + 2.0 * tf.cast(replica, tf.float32))
        return tf.reduce_mean(tf.abs(replicas.whole_batch(outputs))) ** 2

    assert local(two, squared_mean) == [4.0, 4.0]


@pytest.mark.parametrize("name", ["equivariant convolutions", "minibatch discrimination"])
def test_outside_of_steps_a_layer_sees_the_batch_that_it_is_given(name):
    one, two = built(name, 1), built(name, 2)
    images = RNG.normal(size=(4, 8, 8, 1)).astype("float32")
    expected = one.discriminator(images)
    np.testing.assert_allclose(two.discriminator(images), expected, rtol=1e-5, atol=1e-6)
    with two.distribute_strategy.scope():
        np.testing.assert_allclose(two.discriminator(images), expected, rtol=1e-5, atol=1e-6)


def test_every_example_is_trained_on_once():
    # A linear critic of Wasserstein's loss moves by the mean of fakes less that of real examples: here 0 - the mean.
    with strategy(2).scope():
        generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="zeros")])
        critic = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
        )
        model = models.GAN(generator, critic, 3, Wasserstein())
        model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(1.0))
    # Powers of two: the sum tells which were taken, and how often.
    rows = np.stack([2.0 ** np.arange(8), np.zeros(8)], axis=1).astype("float32")
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(8, drop_remainder=True), verbose=0, shuffle=False)
    assert float(critic.trainable_variables[0].numpy()[0, 0]) * 8 == 255


def test_a_checkpoint_of_one_device_goes_on_on_two(tmp_path):
    # Two optimizers, and there and back: test_devices.
    one = built("AIQNVAE", 1)
    fit(one, "AIQNVAE", steps=2)
    one.save(tmp_path / "one.keras")
    with strategy(2).scope():
        two = keras.saving.load_model(tmp_path / "one.keras")
    assert two.distribute_strategy.num_replicas_in_sync == 2 and two.step == 2
    fit(one, "AIQNVAE", steps=2)
    fit(two, "AIQNVAE", steps=2)
    assert_alike(one, two)


def test_several_steps_an_execution_are_refused(tmp_path):
    with strategy(2).scope():
        model = gan()
        with pytest.raises(ValueError, match=r"steps_per_execution must be 1 where 2 replicas.*19246.*Received: 4"):
            model.compile(steps_per_execution=4)
    # A model that one device trained so is loaded all the same.
    single = gan()
    single.compile(steps_per_execution=4)
    single.save(tmp_path / "single.keras")
    with strategy(2).scope():
        assert keras.saving.load_model(tmp_path / "single.keras").steps_per_execution == 1


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (POINTS[:9], {"batch_size": 8}),
        (POINTS[:9], {"batch_size": 3}),
        (POINTS[:33], {}),
        (tf.data.Dataset.from_tensor_slices(POINTS).batch(8), {}),
        (tf.data.Dataset.from_tensor_slices(POINTS).batch(3, drop_remainder=True), {}),
    ],
)
def test_batches_that_cannot_be_shared_are_refused(pair, x, options):
    for verb in (pair[1].fit, pair[1].evaluate):
        with pytest.raises(ValueError, match="x must come in batches that 2 replicas can share evenly. Received"):
            verb(x, verbose=0, **options)


def test_evaluation_of_replicas(pair):
    one, two = pair
    two.set_weights([keras.ops.convert_to_numpy(w) for w in one.weights])
    alone, shared = (m.evaluate(POINTS, batch_size=8, verbose=0, return_dict=True) for m in (one, two))
    assert shared == pytest.approx(alone, rel=1e-5)
