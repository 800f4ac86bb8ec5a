import keras
import pytest

from qrkeras import losses

SNAKES = {
    "BatchSmoothing": "batch_smoothing",
    "DensityRatio": "density_ratio",
    "Hinge": "hinge",
    "LeastSquares": "least_squares",
    "Mixup": "mixup",
    "NonSaturating": "non_saturating",
    "QuantileRegression": "quantile_regression",
    "Wasserstein": "wasserstein",
}


@pytest.mark.parametrize(("name", "snake"), SNAKES.items())
def test_every_objective_has_its_name(name, snake):
    kind = getattr(losses, name)
    for written in (name, snake):
        assert type(losses.get(written)) is kind
    made = kind()
    assert losses.get(made) is made
    again = losses.get(keras.saving.serialize_keras_object(made))
    assert type(again) is kind and again.get_config() == made.get_config()


def test_every_objective_can_be_named():
    public = {getattr(losses, name) for name in losses.__all__}
    objectives = {kind for kind in public if isinstance(kind, type) and issubclass(kind, losses.Objective)}
    assert set(losses.lookup.OBJECTIVES.values()) == objectives - {losses.Objective}


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("hindge", "loss must be one of .*hinge.*wasserstein. Received: 'hindge'. Did you mean 'hinge'"),
        ("mse", r"loss must be one of .* Received: 'mse'\.$"),
        (losses.Hinge, "loss must be an objective of qrkeras.losses.*Received: <class"),
        (keras.losses.Hinge(), "loss must be an objective.*Keras' own losses compare"),
        (None, "loss must be an objective.*Received: None"),
    ],
)
def test_what_is_no_objective(loss, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss)
