"""Inverse autoregressive flow: triangular Jacobian, its determinant, the way back, the density."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from qrkeras.layers import InverseAutoregressiveFlow, initializing

RNG = np.random.default_rng(0)
SIZES = pytest.mark.parametrize(
    ("channels", "planes"),
    [(1, 4), (2, 6), (3, 5), (4, 3)],  # groups that fit, that do not, and fewer planes than latents
)


def _normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def _flow(channels, planes, size=(3, 4)):
    """A flow with weights that make it far from the identity, and what it is applied to."""
    flow = InverseAutoregressiveFlow(planes, seed=1)
    latents, context = _normal(2, *size, channels), _normal(2, *size, planes)
    flow(latents, context)
    for weight in flow.weights:
        weight.assign(_normal(*weight.shape) * (2.0 if "gain" in weight.path else 1.0))
    return flow, latents, context


def _jacobian(flow, latents, context):
    """`(n, n)` of one image: rows are outputs."""
    z = tf.constant(latents)
    with tf.GradientTape() as tape:
        tape.watch(z)
        flat = tf.reshape(flow(z, context)[0], [-1])
    return tape.jacobian(flat, z).numpy().reshape(latents.size, latents.size)


def test_by_hand():
    # mu 0.5, sigma 3, z 2: z' = 0.5 + 3 * 2 = 6.5, and log q falls by log 3. As (z - 0.1 m) e^(-0.1 s):
    # 0.1 s = -log 3, 0.1 m = -0.5 / 3.
    flow = InverseAutoregressiveFlow(4)
    flow.build((None, 1, 1, 1), (None, 1, 1, 4))
    last = flow.convolutions[-1]
    last.gain.assign(np.zeros(2))
    last.bias.assign([-5 / 3, -10 * np.log(3)])
    latents, log_derivatives = flow(np.full((1, 1, 1, 1), 2.0, "float32"), np.zeros((1, 1, 1, 4), "float32"))
    assert float(latents[0, 0, 0, 0]) == pytest.approx(6.5, rel=1e-6)
    assert float(log_derivatives[0, 0, 0, 0]) == pytest.approx(np.log(3), rel=1e-6)


@SIZES
def test_the_jacobian_is_triangular_and_its_determinant_is_known(channels, planes):
    flow, latents, context = _flow(channels, planes)
    for i in range(2):
        z, c = latents[i : i + 1], context[i : i + 1]
        jacobian, log_derivatives = _jacobian(flow, z, c), flow(z, c)[1].numpy().ravel()
        # Raster order, channels last: a latent moves itself and later ones.
        np.testing.assert_array_equal(np.triu(jacobian, 1), 0)
        np.testing.assert_allclose(np.log(np.diag(jacobian)), log_derivatives, atol=1e-5)
        sign, log_determinant = np.linalg.slogdet(jacobian)
        assert sign == 1 and log_determinant == pytest.approx(log_derivatives.sum(), abs=1e-4)
        assert np.abs(log_derivatives).max() > 0.05  # no identity


@SIZES
def test_a_latent_sees_all_earlier_ones_in_reach(channels, planes):
    flow, latents, context = _flow(channels, planes, (3, 3))
    seen = np.abs(_jacobian(flow, latents[:1], context[:1])).reshape(3, 3, channels, 3, 3, channels) > 0
    # Three 3x3 convolutions reach all rows above: at the centre, the first row and the place to the left, whole.
    centre = seen[1, 1]
    assert centre[:, 0].all() and centre[:, 1, 0].all()
    assert not centre[:, 1, 2].any() and not centre[:, 2].any()
    if channels <= planes:  # its own place: earlier channels, one by one
        np.testing.assert_array_equal(centre[:, 1, 1], np.tril(np.ones((channels, channels), bool)))


@SIZES
def test_context_reaches_latents(channels, planes):
    flow, latents, context = _flow(channels, planes)
    changed = context.copy()
    changed[:, 0, 0] += 1
    moved = np.any(flow(latents, context)[0] != flow(latents, changed)[0], axis=-1)
    assert moved[:, 0, 1].all() and moved[:, 1, 0].all()


@SIZES
def test_there_and_back(channels, planes):
    flow, latents, context = _flow(channels, planes)
    there, _ = flow(latents, context)
    assert np.abs(there - latents).max() > 0.1
    np.testing.assert_allclose(flow.inverse(there, context), latents, atol=1e-4)


def test_the_density_integrates_to_one():
    # One place of two latents: q(z') = q(z) / |det|, q standard normal, on a grid of z'.
    flow, _, context = _flow(2, 4, (1, 1))
    line = np.linspace(-12, 12, 301, dtype="float32")
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 1, 1, 2)
    context = np.repeat(context[:1], len(grid), axis=0)
    z = flow.inverse(grid, context)
    _, log_derivatives = flow(z, context)
    log_q = np.sum(-0.5 * np.square(z) - 0.5 * np.log(2 * np.pi) - log_derivatives, axis=(1, 2, 3))
    assert np.exp(log_q).sum() * (line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-3)


def test_norms_are_of_masked_kernels():
    flow, latents, context = _flow(3, 6)
    before = flow(latents, context)[0].numpy()
    for convolution in flow.convolutions:  # what the mask hides changes nothing: the column to the right, say
        kernel = convolution.kernel.numpy()
        kernel[1, 2] += 100
        convolution.kernel.assign(kernel)
    np.testing.assert_array_equal(flow(latents, context)[0], before)


def test_started_from_data():
    flow = InverseAutoregressiveFlow(6, seed=0)
    latents, context = _normal(64, 4, 4, 2), _normal(64, 4, 4, 6)
    with initializing():
        _, log_derivatives = flow(latents, context)
    # s has deviation 1, and a tenth of it is used.
    np.testing.assert_allclose(np.std(log_derivatives, axis=(0, 1, 2)), 0.1, rtol=1e-4)


def test_float32_whatever_the_policy_and_round_trip(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        latents, context = keras.Input((3, 3, 2)), keras.Input((3, 3, 4))
        flow = InverseAutoregressiveFlow(4, seed=3)
        model = keras.Model([latents, context], flow(latents, context))
    finally:
        keras.config.set_dtype_policy("float32")
    x = [_normal(2, 3, 3, 2), _normal(2, 3, 3, 4)]
    assert all(y.dtype == tf.float32 for y in model(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(model(x), loaded(x), strict=True):
        np.testing.assert_array_equal(one, other)
    again = InverseAutoregressiveFlow(4, seed=3)
    again(*x)
    for one, other in zip(flow.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    kernels = [weight for weight in flow.weights if "kernel" in weight.path]
    assert len(kernels) == 3 and np.ravel(kernels[0])[0] != np.ravel(kernels[1])[0]


def test_errors():
    with pytest.raises(ValueError, match="planes must be a positive int. Received: planes=0"):
        InverseAutoregressiveFlow(0)
    with pytest.raises(ValueError, match=r"context must have as many planes as the flow, 4. Received: \(2, 3, 3, 5\)"):
        InverseAutoregressiveFlow(4)(_normal(2, 3, 3, 2), _normal(2, 3, 3, 5))
