"""The discriminator of AV-ADE without residual blocks."""

import numpy as np
import pytest

from qrkeras.networks import plain_discriminator


def test_number_of_weights():
    # 3x3 and 4x4 in turn: 1,792 + 65,600 + 73,856 + 262,272 + 295,168 + 1,048,832 + 1,180,160, and 16 places of 512.
    assert plain_discriminator(32).count_params() == 2_935_873
    # 272 + 4,640 + 32,832, and 4 places of 64.
    assert plain_discriminator(8, 1, (16, 32, 64), (2, 1, 2)).count_params() == 38_001


def test_one_logit_of_each_image_by_its_seed():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 1)).astype("float32")
    one, same, other = (plain_discriminator(8, 1, (4, 4), (1, 2), seed=seed)(images).numpy() for seed in (1, 1, 2))
    assert one.shape == (3, 1) and np.array_equal(one, same) and np.any(one != other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planes": (4,)}, "planes and strides must be equally many"),
        ({"planes": (4,), "strides": (3,)}, "strides 1 or 2. Received: planes=.4,., strides=.3,."),
        ({"image_size": 12}, "image_size must be a multiple of 8, for 3 convolutions of stride 2. Received: 12"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        plain_discriminator(**{"image_size": 32, **options})
