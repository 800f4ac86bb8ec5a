import numpy as np

from qrkeras.losses import gradient_penalty, interpolate, l1_square, l2

REAL = np.array([[1.0, -2.0], [3.0, 2.0]], "float32")
FAKE = np.array([[-2.0, 0.0], [0.0, 4.0]], "float32")


def test_l1_square_by_hand():
    # mean |real| = (2, 2), mean |fake| = (1, 2); halves of the sums: (1.5, 2); minus k = 1, squared: (0.25, 1).
    np.testing.assert_allclose(l1_square(REAL, FAKE, norm_target=1.0), [0.25, 1.0])


def test_l2_by_hand():
    # mean real^2 = (5, 4), mean fake^2 = (2, 8); halves of the sums: (3.5, 6).
    np.testing.assert_allclose(l2(REAL, FAKE), [3.5, 6.0])


def test_gradient_penalty_by_hand():
    # Norms 5 and 0: (5 - 1)^2 = 16 and (0 - 1)^2 = 1.
    gradients = np.array([[[3.0], [4.0]], [[0.0], [0.0]]], "float32")
    np.testing.assert_allclose(gradient_penalty(gradients), [16.0, 1.0], rtol=1e-5)


def test_interpolate_uses_one_fraction_per_example():
    real, fake = np.ones((3, 4, 5), "float32"), np.zeros((3, 4, 5), "float32")
    points = np.asarray(interpolate(real, fake, np.array([0.0, 0.25, 1.0], "float32")))
    for row, value in zip(points, [0.0, 0.25, 1.0]):
        np.testing.assert_allclose(row, value)
