"""The residual discriminator of AV-ADE, and what discriminators know of classes."""

import numpy as np
import pytest

from qrkeras.layers import ClassProjection
from qrkeras.networks import plain_discriminator, residual_discriminator

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (3, 8, 8, 1)).astype("float32")
LABELS = np.array([0, 2, 1], "int32")
BUILD = {
    "plain": lambda **options: plain_discriminator(8, 1, (4, 5), (1, 2), seed=1, **options),
    "residual": lambda **options: residual_discriminator(8, 1, 3, (4, 5), seed=1, **options),
}


def test_number_of_weights():
    # Table A.1: 448, then 14,432 + 57,536 + 229,760 + 918,272 of the blocks, and 257.
    assert residual_discriminator(32).count_params() == 1_220_705


def test_a_block_by_hand():
    # 1 x 1 images, of which 3x3 kernels see their middle: c x, then d relu(b relu(c x)) + a c x, ReLU, times w.
    network = residual_discriminator(1, 1, 1, (1,))
    stem, inner, outer, skip, dense = [layer for layer in network.layers if layer.weights]
    by_size = {3: iter((2.0, -3.0, 0.5)), 1: iter((1.5,))}
    for layer in sorted((stem, inner, outer, skip), key=lambda layer: layer.name):
        kernel = np.zeros(layer.kernel.shape, "float32")
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] = next(by_size[kernel.shape[0]])
        layer.kernel.assign(kernel)
    dense.kernel.assign([[4.0]])
    # x = -1: stem -2, inner -3 relu(-2) = 0, so 1.5 * -2 = -3, ReLU 0. x = 1: stem 2, inner -6, ReLU 0: 3, times 4.
    found = network(np.array([-1.0, 1.0], "float32").reshape(2, 1, 1, 1)).numpy().ravel()
    np.testing.assert_allclose(found, [0.0, 12.0])


@pytest.mark.parametrize("kind", BUILD)
def test_without_rows_of_classes_it_is_the_one_without_classes(kind):
    plain, conditional = BUILD[kind](), BUILD[kind](num_classes=3)
    np.testing.assert_array_equal(conditional([IMAGES, LABELS]), plain(IMAGES))
    (projection,) = [layer for layer in conditional.layers if isinstance(layer, ClassProjection)]
    rows = RNG.normal(size=projection.rows.shape).astype("float32")
    projection.rows.assign(rows)
    changed = conditional([IMAGES, LABELS]).numpy() - plain(IMAGES).numpy()
    same = conditional([IMAGES, LABELS[[0, 0, 0]]]).numpy() - plain(IMAGES).numpy()
    assert changed[0] == same[0] and np.all(changed[1:] != same[1:])


def test_projection_by_hand():
    layer = ClassProjection(2)
    layer.build((None, 2))
    layer.rows.assign([[1.0, 2.0], [3.0, -1.0]])
    found = layer(np.array([[1.0, 1.0], [2.0, 0.5]], "float32"), np.array([0, 1]))
    np.testing.assert_allclose(found, [[3.0], [5.5]])
    with pytest.raises(ValueError, match="num_classes must be a positive int. Received: num_classes=0"):
        ClassProjection(0)


def test_errors():
    with pytest.raises(ValueError, match="image_size must be a multiple of 8, for 4 blocks. Received: 12"):
        residual_discriminator(12)
