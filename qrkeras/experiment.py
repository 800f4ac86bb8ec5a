"""Preset -> data, model, callbacks: the one place where names become objects."""

import contextlib
import dataclasses

import keras

from qrkeras import callbacks, data, evaluation, features, losses, networks
from qrkeras.models import AIQNVAE, GAN, VAE, PixelCNN, PixelIQN
from qrkeras.presets.schema import Adam, GanPreset, Mlp, PixelPreset, RmsProp, Sgd, VaePreset


def build_data(preset, split="train", labels=False):
    """The preset's data, `split` "train" or "test", with class labels where asked.

    Raises:
      ValueError, RuntimeError: where it is unknown, empty, damaged, or not to be had.
    """
    source = preset.data
    return data.load(source.name, image_size=source.image_size, split=split, data_dir=source.directory, labels=labels)


def build_model(preset, source, seed):
    """The preset's model, compiled, for the examples of `source`; every weight and all noise follow from `seed`.

    Raises:
      ValueError: where networks, data and objective do not fit each other.
    """
    with _layers_in(preset.precision):
        return _FAMILIES[type(preset)](preset, source, seed)


def training_batches(preset, source, seed, start_step):
    """Endless batches from `start_step` on, each with all that one step takes."""
    return source.batches(preset.examples_per_step, seed, start_step)


def build_evaluator(preset, source, split="train", verbose=1):
    """What measures images that are generated after the preset, against its training and its held-out data.

    Args:
      source: the preset's training data.   split: "train" or "test": what all but the Frechet distances are taken
        against.   verbose: 1 shows progress bars where statistics of real images are computed.
    Raises:
      ValueError, RuntimeError: where the data are no images, or the feature network is not to be had.
    """
    if len(source.shape) != 3:
        raise ValueError(
            f"evaluate_every must be None for points. Received: {preset.evaluate_every} and {source.name}, whose mode "
            "coverage is reported with every picture."
        )
    evaluation.check_samples(preset.evaluate_samples)
    network = features.load(preset.evaluate_features)
    held_out = build_data(preset, "test")
    return evaluation.Evaluator(
        network,
        evaluation.reference(source, "train", network, preset.evaluate_references, verbose),
        evaluation.reference(held_out, "test", network, preset.evaluate_references, verbose),
        preset.evaluate_samples,
        split,
        preset.evaluate_measures,
    )


def build_optimizer(settings):
    """The Keras optimizer that `Adam`, `RmsProp` or `Sgd` of `presets.schema` stands for, with its schedule."""
    options = dataclasses.asdict(settings)
    rate, decays = options.pop("learning_rate"), options.pop("decays")
    if decays:
        steps, rates = zip(*decays)
        # Keras takes the old rate up to and at its boundary, counted from 0.
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([step - 1 for step in steps], [rate, *rates])
    return _OPTIMIZERS[type(settings)](rate, **options)


def build_callbacks(preset, source, run, evaluator=None):
    """What a training run reports and saves, in the order in which it must happen."""
    samples = []
    if preset.sample_every and len(source.shape) == 1:
        mixture = run.samples, run.metrics, source.centers, source.std
        samples = [callbacks.MixtureSamples(*mixture, preset.sample_every)]
    elif preset.sample_every:
        samples = [callbacks.SampleGrid(run.samples, preset.sample_every)]
    evaluations = []
    if evaluator:
        evaluations = [
            callbacks.Evaluation(
                evaluator, run.metrics, run.best, run.evaluation, preset.evaluate_every, history=run.records()
            )
        ]
    return [
        callbacks.Log(run.metrics, run.tensorboard, preset.log_every),
        *samples,
        callbacks.Checkpoint(run.checkpoints, preset.checkpoint_every),
        *evaluations,  # may take minutes, and is made up for where it was cut short
    ]


@contextlib.contextmanager
def _layers_in(precision):
    """Layers that are made here compute in `precision`: a policy of the outer model would not reach them."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _gan(preset, source, seed):
    objective = getattr(losses, type(preset.loss).__name__)(**dataclasses.asdict(preset.loss))
    generator, discriminator = _networks(preset, source.shape, objective.num_outputs, seed)
    model = GAN(
        generator,
        discriminator,
        preset.latent_dim,
        objective,
        gradient_penalty=preset.gradient_penalty,
        weight_clip=preset.weight_clip,
        prior=preset.prior,
        seed=seed,
    )
    model.compile(
        build_optimizer(preset.generator_optimizer),
        build_optimizer(preset.discriminator_optimizer),
        update=preset.update,
        discriminator_steps=preset.discriminator_steps,
        steps_per_execution=preset.steps_per_execution,
    )
    return model


def _pixels(preset, source, seed):
    _check_square(source)
    quantile = preset.head == "quantile"
    network = networks.pixelcnn(
        source.shape[0],
        source.shape[2],
        **dataclasses.asdict(preset.network),
        num_outputs=1 if quantile else 256,
        num_classes=source.num_classes,
        quantile=quantile,
        seed=seed,
    )
    options = {"average_decay": preset.average_decay, "seed": seed}
    model = PixelIQN(network, kappa=preset.kappa, **options) if quantile else PixelCNN(network, **options)
    model.compile(build_optimizer(preset.optimizer), steps_per_execution=preset.steps_per_execution)
    return model


def _vae(preset, source, seed):
    _check_square(source)
    sizes = (source.shape[0], source.shape[2], preset.latent_dim, preset.network.width, preset.network.hidden_layers)
    squared = preset.likelihood == "squared_error"
    encoder = networks.vae_encoder(*sizes, seed=seed)
    decoder = networks.vae_decoder(*sizes, activation="tanh" if squared else None, seed=seed)
    options = {field: getattr(preset, field) for field in ("kl_weight", "latent_variance", "likelihood")}
    options["seed"] = seed
    if preset.aiqn is None:
        model = VAE(encoder, decoder, **options)
    else:
        learned = dataclasses.asdict(preset.aiqn)
        width, hidden_layers = learned.pop("width"), learned.pop("hidden_layers")
        model = AIQNVAE(
            encoder, decoder, networks.aiqn(preset.latent_dim, width, hidden_layers, seed=seed), **learned, **options
        )
    model.compile(build_optimizer(preset.optimizer), steps_per_execution=preset.steps_per_execution)
    return model


_OPTIMIZERS = {Adam: keras.optimizers.Adam, RmsProp: keras.optimizers.RMSprop, Sgd: keras.optimizers.SGD}
_FAMILIES = {GanPreset: _gan, PixelPreset: _pixels, VaePreset: _vae}


def _check_square(source):
    if len(source.shape) != 3 or source.shape[0] != source.shape[1]:
        raise ValueError(f"data must be square images; --data.image-size makes them so. Received: {source.shape}")


def _networks(preset, shape, num_outputs, seed):
    network = preset.network
    if isinstance(network, Mlp):
        if len(shape) != 1:
            raise ValueError(
                f"network must be Dcgan for images. Received: Mlp, and data of shape {shape}. "
                "Begin from a preset for images, such as qrgan-cifar10."
            )
        options = dataclasses.asdict(network)
        return (
            networks.mlp(preset.latent_dim, shape[0], **options, seed=2 * seed, name="generator"),
            networks.mlp(shape[0], num_outputs, **options, seed=2 * seed + 1, name="discriminator"),
        )
    if len(shape) != 3 or shape[0] != shape[1]:
        raise ValueError(
            f"data.image_size must be given where images are not square. Received images of shape {shape}."
            if len(shape) == 3
            else f"network must be Mlp for points. Received: Dcgan, and data of shape {shape}. "
            "Begin from a preset for points, such as qrgan-grid25."
        )
    image_size, channels = shape[0], shape[2]
    options = {
        "image_size": image_size,
        "channels": channels,
        "width": network.width,
        "hidden_layers": network.hidden_layers,
        "resampling": network.resampling,
    }
    generator = networks.dcgan_generator(
        latent_dim=preset.latent_dim, batch_norm=network.generator_batch_norm, seed=2 * seed, **options
    )
    discriminator = networks.dcgan_discriminator(
        num_outputs=num_outputs, batch_norm=network.discriminator_batch_norm, seed=2 * seed + 1, **options
    )
    return generator, discriminator
