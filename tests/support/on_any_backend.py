"""Losses, layers and networks on whatever backend Keras has: every result, as arrays, into the .npz file argv[1].

Inputs and weights come from NumPy, so that backends can be compared. Keras is first set to what else is named:
`channels_first`, a type of floats.
"""

import sys

import keras
import numpy as np
from keras import ops

for setting in sys.argv[2:]:
    if setting == "channels_first":
        keras.config.set_image_data_format(setting)
    else:
        keras.config.set_floatx(setting)

from qrkeras import layers, losses, networks  # noqa: E402

RNG = np.random.default_rng(0)
RESULTS = {}


def normal(*shape):
    return ops.convert_to_tensor(RNG.normal(size=shape).astype("float32"))


def uniform(*shape):
    return ops.convert_to_tensor(RNG.uniform(0.01, 0.99, shape).astype("float32"))


def keep(name, *results):
    for i, result in enumerate(results):
        RESULTS[f"{name} {i}"] = ops.convert_to_numpy(result).astype("float32")


def drawn(thing):
    """`thing` with weights from NumPy, small enough that nothing saturates."""
    for weight in thing.weights:
        values = RNG.normal(size=weight.shape) * 0.3
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return thing


def trained_alike(name, network, *inputs, **options):
    """Both passes; for backends that record gradients, one backward, too."""
    keep(name, *keras.tree.flatten(network(*inputs, training=False, **options)))
    if keras.backend.backend() != "torch":
        return
    outputs = keras.tree.flatten(network(*inputs, training=True, **options))
    sum(output.sum() for output in outputs).backward()
    assert all(variable.value.grad is not None for variable in network.trainable_variables), name


def equations():
    real, fake = normal(6, 4), normal(6, 4)
    objectives = {
        f"{type(o).__name__} {i}": o
        for i, o in enumerate(
            (
                losses.QuantileRegression(4),
                losses.QuantileRegression(4, generator="match", penalty="l2"),
                losses.QuantileRegression(4, real_target=1.0, fake_target=-1.0, penalty=None),
                losses.NonSaturating(),
                losses.DensityRatio(),
                losses.LeastSquares(),
                losses.Wasserstein(),
                losses.Hinge(),
            )
        )
    }
    for name, objective in objectives.items():
        a, b = real[:, : objective.num_outputs], fake[:, : objective.num_outputs]
        if keras.backend.backend() == "torch":  # outputs of a network want gradients
            a, b = a.detach().requires_grad_(), b.detach().requires_grad_()
        keep(name, objective.discriminator(a, b), objective.generator(b, a))
    tau = uniform(6, 4)
    keep("pinball", losses.pinball(real, fake, losses.quantile_fractions(4)))
    keep("huber", losses.quantile_huber(real, fake, tau, 0.3), losses.quantile_huber(real, fake, tau, 0))
    keep("penalties", losses.l1_square(real, fake, 0.5), losses.l2(real, fake), losses.gradient_penalty(real))
    keep("interpolate", losses.interpolate(real, fake, tau[:, 0]))
    values = ops.convert_to_tensor(np.array([0, 1, 128, 255], "int32"))
    keep("logistic", losses.discretized_logistic(values, normal(4), normal(4)))
    keep("categorical", losses.categorical_cross_entropy(values % 4, normal(4, 4)))
    keep("quantile", losses.categorical_quantile(normal(6, 4), tau[:, 0]))
    keep("gaussian", losses.gaussian_kl(real, fake), losses.bits_per_dim(real))
    keep("gaussians", losses.gaussian_kl_between(real, fake, fake, real), losses.gaussian_nats(real, fake, fake))
    keep("coarse logistic", losses.discretized_logistic(values % 17, real[0], fake[0], levels=17, step=2 / 16))
    keep("bounds", losses.log_mean_exp(real, 0), losses.free_nats(real, 0.25))
    keep("bound in a loop", losses.log_mean_weight(lambda s: real[:, 0] * ops.cast(s, "float32"), 3))
    y = losses.dequantized(values, tau[0])
    keep("dequantized", y, losses.quantized(y), losses.dequantized_nats(y, tau[0]), losses.grey_level(values, 17))
    pixels = ops.stack([values, ops.flip(values), values], axis=-1)
    outputs, levels = normal(4, losses.mixture_outputs(3, 2)), uniform(4, 3)
    keep("mixture", losses.logistic_mixture(pixels, outputs))
    keep("mixture's quantile", losses.logistic_mixture_quantile(outputs, levels))
    keep("divergence", losses.quantile_divergence(real[:, 0], fake[:4, 1]))
    keep("divergence of functions", losses.quantile_divergence_of_functions(lambda t: t, lambda t: 2 * t, 64))


def single_layers():
    images = normal(2, 6, 6, 4)
    for layer in (
        layers.BatchNormalization(),
        layers.ColourDense(6, 2),
        layers.ConvAveragePool2D(3),
        layers.UpsampleConv2D(3),
        layers.VerticalConv2D(4, 3, strict=True),
        layers.HorizontalConv2D(4, 3, colours=2),
    ):
        layer.build(images.shape)
        trained_alike(type(layer).__name__, drawn(layer), images) if isinstance(
            layer, layers.BatchNormalization
        ) else keep(type(layer).__name__, drawn(layer)(images))
    sizes = {"batch_size": 2, "strides": 2}
    for name, layer in {
        "spectral convolution": layers.SpectralConv2D(3, 3, strides=2),
        "equivariant convolution": layers.EquivariantConv2D(3, 4, **sizes),
        "spectral equivariant convolution": layers.EquivariantConv2D(3, 4, spectral_norm=True, **sizes),
    }.items():
        layer.build(images.shape)
        drawn(layer)
        if "spectral" in name:  # before torch goes on, on its own
            keep(f"{name} in training", layer(images, training=True), layer.normalised.u)
        trained_alike(name, layer, images)
    labels = ops.convert_to_tensor(np.array([1, 0], "int32"))
    for name, layer, given in (
        ("weight norm", layers.WeightNormConv2D(3, 3, strides=2), (images,)),
        ("weight norm by class", layers.WeightNormConv2D(3, 3, num_classes=2), (images, labels)),
        ("weight norm transposed", layers.WeightNormConv2DTranspose(3, 5, strides=2), (images,)),
        ("weight norm dense", layers.WeightNormDense(3), (images,)),
    ):
        layer.build(images.shape)
        drawn(layer)
        trained_alike(name, layer, *given)
        with layers.initializing():
            keep(f"{name} started", layer(*given), layer.gain, layer.bias)
    for name, layer in {
        "shifted": layers.ShiftedConv2D(3, (-1, 0), (-1, 0), 2),
        "shifted above": layers.ShiftedConv2D(3, (-2, -1)),
        "shifted transposed": layers.ShiftedConv2DTranspose(3, (-1, 1)),
    }.items():
        layer.build(images.shape)
        trained_alike(name, drawn(layer), images)
    flow, planes = layers.InverseAutoregressiveFlow(5), normal(2, 6, 6, 5)
    flow.build(images.shape, planes.shape)
    trained_alike("flow", drawn(flow), images, planes)
    keep("flow inverted", flow.inverse(images[:, :2, :2], planes[:, :2, :2]))
    keep("squeezed", layers.squeeze(images), layers.unsqueeze(images))
    for name, layer in {
        "checkerboard": layers.CheckerboardCoupling(1, width=3, blocks=1),
        "halves": layers.ChannelCoupling(0, width=3, blocks=1),
        "affine": layers.ChannelAffine(),
        "conditioner": layers.ResidualConditioner(2, width=3, blocks=1),
    }.items():
        layer.build(images.shape)
        trained_alike(name, drawn(layer), images)
    quantizer = layers.VectorQuantizer(5)
    quantizer.build(images.shape)
    trained_alike("quantizer", drawn(quantizer), images)
    keep("perplexity", layers.perplexity(quantizer.codes(images), 5))
    with layers.initializing():
        keep("quantizer started", *quantizer(images), quantizer.codebook)
    dequantizer, levels = layers.Dequantizer(3), uniform(2, 6, 6, 4)
    dequantizer.build(images.shape, levels.shape)
    trained_alike("dequantizer", drawn(dequantizer), images, levels)
    rows = normal(4, 5)
    projection = layers.ClassProjection(2)
    projection.build(rows.shape)
    trained_alike("projection", drawn(projection), rows, ops.convert_to_tensor(np.array([1, 0, 1, 1], "int32")))
    for layer in (
        layers.SpectralDense(3, "relu"),
        layers.EquivariantDense(3, 4, "relu"),
        layers.MinibatchDiscrimination(4, 2),
    ):
        layer.build(rows.shape)
        trained_alike(type(layer).__name__, drawn(layer), rows)
    moments = layers.BatchNormalization()
    keep("batch statistics", moments(images, training=True), moments.moving_mean, moments.moving_variance)


def whole_networks():
    latents, images = normal(3, 5), normal(3, 8, 8, 1)
    for resampling in ("resize", "transposed"):
        sizes = {"channels": 1, "width": 3, "hidden_layers": 1, "resampling": resampling}
        trained_alike(f"generator {resampling}", drawn(networks.dcgan_generator(8, latent_dim=5, **sizes)), latents)
        trained_alike(f"discriminator {resampling}", drawn(networks.dcgan_discriminator(8, **sizes)), images)
    sizes = {"channels": 1, "latent_dim": 5, "width": 3, "hidden_layers": 1}
    trained_alike("encoder", drawn(networks.vae_encoder(8, **sizes)), images)
    trained_alike("decoder", drawn(networks.vae_decoder(8, **sizes)), latents)
    trained_alike("mlp", drawn(networks.mlp(5, 2, width=4)), latents)
    trained_alike("equivariant mlp", drawn(networks.mlp(5, 2, width=4, equivariant_batch_size=3)), latents)
    sizes = {"channels": 1, "width": 3}
    trained_alike("sngan generator", drawn(networks.sngan_generator(8, latent_dim=5, **sizes)), latents)
    for features in (None, "equivariant", "minibatch"):
        sizes |= {"batch_features": features, "batch_size": 3}
        for spectral in (False, True):
            judge = drawn(networks.sngan_discriminator(8, spectral_norm=spectral, **sizes))
            trained_alike(f"sngan discriminator {features} {spectral}", judge, images)

    sizes = {"channels": 1, "planes": (3, 4), "latent_planes": (2, 1), "blocks": (1, 2)}
    for flow in (False, True):
        hierarchy = drawn(networks.top_down(8, flow=flow, **sizes))
        noise = normal(3, hierarchy.latent_dim)
        trained_alike(f"hierarchy {flow}", hierarchy, images, noise)
        keep(f"hierarchy {flow} generated", *hierarchy.generate(noise), hierarchy.decode(noise))

    for logit in (False, True):
        flow = drawn(networks.real_nvp((8, 8, 1), scales=2, width=3, blocks=1, logit=logit))
        trained_alike(f"real nvp {logit}", flow, ops.tanh(images))
        keep(f"real nvp {logit} inverted", flow(images, inverse=True))

    classifier = networks.image_classifier(8, 1, 4, widths=(4, 6))
    networks.whiten(classifier, ops.convert_to_numpy(images))
    kernel = classifier.get_layer("stem").kernel
    keep("whitened", ops.matmul(ops.reshape(kernel, (-1, 8)), ops.transpose(ops.reshape(kernel, (-1, 8)))))
    keep("classifier", drawn(classifier)(images))

    aiqn, tau = drawn(networks.aiqn(5, 10, 2)), uniform(3, 5)
    trained_alike("aiqn", aiqn, latents, tau)
    keep("aiqn sample", aiqn.sample(tau))

    sizes = {"channels": 2, "blocks": 2, "kernel_size": 3, "planes": 4, "output_planes": 4, "num_classes": 3}
    pixels = drawn(networks.pixelcnn(4, num_outputs=1, quantile=True, **sizes))
    labels, tau = ops.convert_to_tensor(np.array([0, 2], "int32")), uniform(2, 4, 4, 2)
    trained_alike("pixelcnn", pixels, normal(2, 4, 4, 2), tau, labels)
    mask = ops.convert_to_tensor(np.eye(4, dtype="int32")[None].repeat(2, 0))
    drawn_images = pixels.sample(tau, normal(2, 4, 4, 2), mask, labels, lambda outputs, tau: ops.tanh(outputs[..., 0]))
    keep("pixelcnn sample", drawn_images)
    sizes = {"blocks": 2, "kernel_size": 3, "planes": 4, "output_planes": 4, "num_outputs": 5, "num_categories": 5}
    codes = ops.convert_to_tensor(np.arange(32).reshape(2, 4, 4, 1) % 5)
    keep("pixelcnn of categories", drawn(networks.pixelcnn(4, 1, **sizes))(codes))

    sizes = {"channels": 1, "code_dim": 3, "width": 4, "hidden_layers": 2}
    trained_alike("vqvae encoder", drawn(networks.vqvae_encoder(8, **sizes)), images)
    trained_alike("vqvae decoder", drawn(networks.vqvae_decoder(8, **sizes)), normal(3, 2, 2, 3))

    sizes = {"planes": 3, "blocks": 1, "resolutions": 2, "components": 2, "num_classes": 3, "condition": (2, 2, 1)}
    plus = drawn(networks.pixelcnnpp(4, 3, **sizes))
    condition, tau = normal(2, 2, 2, 1), uniform(2, 4, 4, 3)
    trained_alike("pixelcnnpp", plus, normal(2, 4, 4, 3), condition=condition, labels=labels)
    pixel_of = lambda outputs, tau: ops.tanh(outputs[..., :3] + tau)  # noqa: E731
    keep("pixelcnnpp sample", plus.sample(tau, normal(2, 4, 4, 3), mask, labels, pixel_of, condition))


def of_classes():
    """The parts of AV-ADE, with classes and without."""
    images, labels = normal(3, 8, 8, 1), ops.convert_to_tensor(np.array([0, 2, 1], "int32"))
    builders = {
        "plain": (networks.plain_discriminator, {"planes": (3, 4), "strides": (1, 2)}),
        "residual": (networks.residual_discriminator, {"stem_planes": 2, "planes": (3, 4)}),
    }
    for name, (builder, sizes) in builders.items():
        trained_alike(f"{name} discriminator", drawn(builder(8, 1, **sizes)), images)
        trained_alike(f"{name} discriminator, classes", drawn(builder(8, 1, **sizes, num_classes=3)), [images, labels])
    sizes = {"channels": 1, "planes": (3, 4), "latent_planes": (2, 1), "blocks": (1, 1), "stem": (3, 1)}
    sizes |= {"stem_planes": 2, "flow": False, "top_prior": "standard", "num_classes": 3}
    for random in ("all", "top"):
        hierarchy = drawn(networks.top_down(8, random=random, **sizes))
        noise = normal(3, hierarchy.latent_dim)
        keep(f"hierarchy with classes, {random}", *keras.tree.flatten(hierarchy(images, noise, labels)))
        keep(f"hierarchy with classes, {random}, generated", *hierarchy.generate(noise, labels))


def captions():
    maps = normal(2, 4, 4, 3)
    patches = layers.TransformedPatches(5, hidden=4, stride=2)
    patches.build(maps.shape)
    trained_alike("patches", drawn(patches), maps)
    boxes = ops.convert_to_tensor(np.array([[[0, 0, 1, 1], [0.3, 0.1, 0.6, 0.2]]] * 2, "float32"))
    keep("boxes", layers.pool_boxes(maps, boxes), layers.box_corners(boxes))
    keep("marginals", *layers.joint_marginals(normal(2, 7), normal(2, 7, 4), normal(2, 4)))
    vector, areas, ids = normal(2, 6), normal(2, 4, 5), ops.convert_to_tensor(RNG.integers(-1, 7, (2, 3, 4)))
    there = ops.convert_to_tensor(np.array([[True, True, False, True], [True] * 4]))
    for feedback in ("none", "conditional", "marginal"):
        decoder = networks.CaptionDecoder(7, 6, 5, word_dim=4, state_dim=3, feedback=feedback, dropout=0.0)
        keep(f"captions, {feedback}", *drawn(decoder)(vector, areas, ids, there))
    keep("captions, baseline", drawn(networks.CaptionDecoder(7, 6, 0, 4, 3, feedback="none"))(vector, None, ids)[0])


equations()
single_layers()
whole_networks()
of_classes()
captions()
np.savez(sys.argv[1], **RESULTS)
print(keras.backend.backend(), len(RESULTS), "results")
