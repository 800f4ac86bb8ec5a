"""Top-down hierarchy: its passes agree, its log-ratio is that of its densities, widths and resolutions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from qrkeras.layers import InverseAutoregressiveFlow, initializing
from qrkeras.networks import top_down

RNG = np.random.default_rng(0)
FLOWS = pytest.mark.parametrize("flow", [False, True])


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _images(n, size, channels=1):
    return RNG.uniform(-1, 1, (n, size, size, channels)).astype("float32")


def _tiny(flow=True, image_size=4, planes=(3, 4), latent_planes=(1, 2), blocks=(2, 1), **options):
    """Latents 2 of 1 x 1, then twice 1 of 2 x 2, with weights that couple everything."""
    sizes = {"planes": planes, "latent_planes": latent_planes, "blocks": blocks, "stem": (3, 2), **options}
    network = top_down(image_size, 1, **sizes, flow=flow, seed=1)
    for weight in network.weights:
        weight.assign(_normal(*weight.shape) * 0.5)
    return network


def test_latents_of_every_layer_the_top_first():
    network = top_down(16, 1, planes=(4, 6), latent_planes=(2, 3), blocks=(2, 1))
    assert network.latent_shapes == [(4, 4, 3), (8, 8, 2), (8, 8, 2)]
    assert network.latent_dim == 48 + 128 + 128
    inferred = network(_images(3, 16), _normal(3, network.latent_dim))
    assert inferred.latents.shape == (3, 304) and inferred.log_ratio.shape == (3, 3 + 2 + 2)
    assert [mean.shape for mean, *_ in inferred.gaussians] == [(3, *shape) for shape in network.latent_shapes]
    assert inferred.outputs.shape == (3, 16, 16, 1) and inferred.outputs.dtype == tf.float32


@pytest.mark.parametrize(("stem", "blocks"), [((5, 2), (1,)), ((3, 1), (1, 1, 1)), ((3, 2), (1, 2))])
def test_resolutions(stem, blocks):
    planes, latents = (4, 5, 6)[: len(blocks)], (1, 2, 1)[: len(blocks)]
    network = top_down(8, 3, planes=planes, latent_planes=latents, blocks=blocks, stem=stem, flow=False)
    coarsest = 8 // stem[1] // 2 ** (len(blocks) - 1)
    assert network.latent_shapes[0][0] == coarsest and network.latent_shapes[-1][0] == 8 // stem[1]
    assert network.generate(_normal(2, network.latent_dim))[1].shape == (2, 8, 8, 3)


@pytest.mark.parametrize("size", [16, 8, 4])
def test_outputs_of_other_sizes_than_the_images(size):
    # From 8 x 8: transposed of stride 2, of stride 1, and a convolution of stride 2.
    network = top_down(16, 3, (4,), (1,), (1,), output_size=size, output_channels=2)
    assert network.outputs_shape == (size, size, 2)
    outputs = network.generate(_normal(3, network.latent_dim))[1]
    assert outputs.shape == (3, size, size, 2)
    again = type(network).from_config(network.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in network.weights]


def test_output_sizes_that_no_stride_leads_to():
    with pytest.raises(ValueError, match="output_size must be a multiple or a divisor of the finest resolution, 8"):
        top_down(16, 3, (4,), (1,), (1,), output_size=12)


def test_number_of_weights():
    # A weight-normalised k x k convolution of c to f planes has k k c f + 2 f weights. One block, z 1, h 2, no flow:
    # stem 3x3 of 1 to 2: 22; head 3x3 of 2 to 1: 20; up 2 to 2 z: 40; down 2 to 4 z + h = 6: 120; [z, rest] to h: 58;
    # the top: 2. There is nothing above the block, so no rest on the way up.
    assert top_down(4, 1, (2,), (1,), (1,), (3, 2), flow=False).count_params() == 22 + 20 + 40 + 120 + 58 + 2
    # With the flow, contexts: up to 2 z + h: 80, down to 4 z + 2 h: 160; and 2x3 convolutions 1 to 2, 2 to 2, 2 to 2.
    flow = (6 * 2 + 4) + 2 * (6 * 4 + 4)
    assert top_down(4, 1, (2,), (1,), (1,), (3, 2), flow=True).count_params() == 22 + 20 + 80 + 160 + 58 + 2 + flow


@FLOWS
def test_every_pass_down_agrees(flow):
    network = _tiny(flow)
    inferred = network(_images(5, 4), _normal(5, network.latent_dim))
    np.testing.assert_allclose(network.decode(inferred.latents), inferred.outputs, atol=1e-5)
    latents, outputs = network.generate(_normal(5, network.latent_dim))
    np.testing.assert_allclose(network.decode(latents), outputs, atol=1e-5)
    # And of row i, row i.
    np.testing.assert_allclose(network.decode(latents[2:3]), outputs[2:3], atol=1e-5)


@FLOWS
def test_log_ratio_by_the_jacobian_of_the_whole(flow):
    # z is a function of the noise: log q(z | x) = log N(noise; 0, 1) - log |dz / dnoise|, whatever layers and flows do.
    network = _tiny(flow)
    features, noise = network.features(_images(1, 4)), tf.constant(_normal(1, network.latent_dim))
    with tf.GradientTape() as tape:
        tape.watch(noise)
        inferred = network.infer(features, noise)
    jacobian = tape.jacobian(inferred.latents, noise).numpy()[0, :, 0]
    log_q = norm.logpdf(noise).sum() - np.linalg.slogdet(jacobian)[1]
    priors = [(mean.numpy().ravel(), scale.numpy().ravel()) for *_, mean, scale in inferred.gaussians]
    mean, log_scale = (np.concatenate(parts) for parts in zip(*priors, strict=True))
    log_p = norm.logpdf(inferred.latents.numpy()[0], mean, np.exp(log_scale)).sum()
    assert np.sum(inferred.log_ratio) == pytest.approx(log_p - log_q, abs=1e-3)
    # Latents depend on noise of their own layer and of those above: nothing right of a layer's own columns.
    assert np.all(jacobian[:2, 2:] == 0) and np.all(jacobian[2:6, 6:] == 0)
    assert np.any(jacobian[2:6, :2] != 0) and np.any(jacobian[6:, :6] != 0)


def test_log_ratio_of_each_latent_plane():
    network = _tiny(flow=False)
    inferred = network(_images(2, 4), _normal(2, network.latent_dim))
    cut = network._cut(inferred.latents)
    expected = []
    for latents, (mean, log_scale, prior_mean, prior_log_scale) in zip(cut, inferred.gaussians, strict=True):
        log_q = norm.logpdf(latents, mean, np.exp(log_scale))
        expected.append((norm.logpdf(latents, prior_mean, np.exp(prior_log_scale)) - log_q).sum(axis=(1, 2)))
    np.testing.assert_allclose(inferred.log_ratio, np.concatenate(expected, axis=-1), atol=1e-3)


def test_a_posterior_that_is_the_prior_draws_what_the_prior_draws():
    network = _tiny(flow=False)
    for block in network.blocks:  # q = 0, r = p
        block.up_in.gain.assign(0 * block.up_in.gain)
        block.up_in.bias.assign(0 * block.up_in.bias)
        z = block.latent_planes
        for weight in (block.down_in.kernel, block.down_in.gain, block.down_in.bias):
            values = weight.numpy()
            values[..., 2 * z : 4 * z] = values[..., : 2 * z]
            weight.assign(values)
    noise = _normal(4, network.latent_dim)
    inferred, (latents, outputs) = network(_images(4, 4), noise), network.generate(noise)
    np.testing.assert_allclose(inferred.latents, latents, atol=1e-5)
    np.testing.assert_allclose(inferred.outputs, outputs, atol=1e-5)
    np.testing.assert_allclose(inferred.log_ratio, np.zeros((4, 4)), atol=1e-4)


@FLOWS
def test_every_weight_trains(flow):
    network = _tiny(flow)
    with tf.GradientTape() as tape:
        inferred = network(_images(3, 4), _normal(3, network.latent_dim))
        loss = tf.reduce_sum(tf.square(inferred.outputs)) + tf.reduce_sum(inferred.log_ratio)
    for weight, gradient in zip(network.trainable_variables, tape.gradient(loss, network.trainable_variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, weight.path


def test_the_start_from_data():
    network = top_down(8, 1, planes=(6, 8), latent_planes=(2, 2), blocks=(2, 1), seed=0)
    with initializing():
        network(_images(64, 8), _normal(64, network.latent_dim))
    # The top is zeros at every place: its convolution's deviation is 0, and its gain the scale, not one over 0.
    top = network.blocks[-1].down_in
    np.testing.assert_allclose(top.gain, np.full(top.gain.shape, 0.1), rtol=1e-6)
    gains = {w.path: np.abs(w).max() for w in network.weights if "gain" in w.path}
    assert max(gains.values()) < 50, gains
    # The flow's layers start at 1, the others at 0.1.
    assert isinstance(network.blocks[0].flow, InverseAutoregressiveFlow)
    assert network.blocks[0].flow.convolutions[0].scale == 1.0 and network.head.scale == 0.1


def test_bfloat16_keeps_latents_and_outputs_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = top_down(8, 1, planes=(4,), latent_planes=(2,), blocks=(2,), seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    full = top_down(8, 1, planes=(4,), latent_planes=(2,), blocks=(2,), seed=0)
    images, noise = _images(2, 8), _normal(2, network.latent_dim)
    inferred, expected = network(images, noise), full(images, noise)
    assert {x.dtype for x in keras.tree.flatten(tuple(inferred))} == {tf.float32}
    assert network.blocks[0].up_in.compute_dtype == "bfloat16"
    np.testing.assert_allclose(inferred.outputs, expected.outputs, atol=0.03)
    assert np.any(inferred.outputs != expected.outputs)


def test_seed_decides_the_weights_and_saving_keeps_them(tmp_path):
    sizes = {"planes": (4, 5), "latent_planes": (2, 1), "blocks": (1, 1)}
    a, b, c = (top_down(8, 1, **sizes, seed=seed) for seed in (0, 0, 1))
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(x, y)
    assert np.any(a.stem.kernel != c.stem.kernel)
    images, noise = _images(2, 8), _normal(2, a.latent_dim)
    a.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    for x, y in zip(keras.tree.flatten(tuple(a(images, noise))), keras.tree.flatten(tuple(loaded(images, noise)))):
        np.testing.assert_array_equal(x, y)


def test_random_at_the_top_alone():
    network = _tiny(flow=False, random="top", image_size=4)
    whole = _tiny(flow=False, image_size=4)
    whole.set_weights(network.get_weights())
    assert network.latent_shapes == whole.latent_shapes[:1] and network.latent_dim == 2
    noise = _normal(3, 2)
    latents, outputs = network.generate(noise)
    # Below, latents are the means of their priors: those that no noise gives.
    again, expected = whole.generate(np.concatenate([noise, np.zeros((3, whole.latent_dim - 2), "float32")], axis=1))
    np.testing.assert_allclose(latents, again[:, :2], atol=1e-6)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    np.testing.assert_allclose(network.decode(latents), outputs, atol=1e-6)
    inferred = network(_images(3, 4), noise)
    assert inferred.latents.shape == (3, 2) and inferred.log_ratio.shape == (3, 2) and len(inferred.gaussians) == 1


def test_a_standard_prior_at_the_top():
    network = _tiny(flow=False, top_prior="standard")
    mean, log_scale = network(_images(2, 4), _normal(2, network.latent_dim)).gaussians[0][2:]
    assert not np.any(mean) and not np.any(log_scale)
    noise = _normal(2, network.latent_dim)
    np.testing.assert_array_equal(network.generate(noise)[0][:, :2], noise[:, :2])


def test_planes_of_the_stem_and_the_two_passes_as_parts():
    network = _tiny(stem_planes=5)
    assert network.stem.filters == 5 and network.generate(_normal(2, network.latent_dim))[1].shape == (2, 4, 4, 1)
    up, down = ({id(w) for w in part.weights} for part in (network.encoder, network.decoder))
    assert not up & down and up | down == {id(w) for w in network.weights} and id(network.top) in down
    network.decoder.trainable = False
    again = type(network).from_config(network.get_config())
    assert not again.decoder.trainable and again.encoder.trainable
    assert len(again.trainable_variables) == len(network.encoder.weights)


def test_errors():
    with pytest.raises(
        ValueError, match=r"one number for each resolution. Received: planes=\(3, 4\), latent_planes=\(1,"
    ):
        top_down(8, 1, (3, 4), (1,), (1, 1))
    with pytest.raises(ValueError, match=r"image_size must be a multiple of 4: a stem of stride 2, .* Received: 6"):
        top_down(6, 1, (3, 4), (1, 1), (1, 1))
