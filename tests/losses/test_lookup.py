import keras
import pytest

from qrkeras import losses


@pytest.mark.parametrize("name", ["Hinge", "LeastSquares", "NonSaturating", "QuantileRegression", "Wasserstein"])
def test_every_objective_has_its_name(name):
    kind = getattr(losses, name)
    snake = {"LeastSquares": "least_squares", "NonSaturating": "non_saturating"}.get(name, name.lower())
    snake = "quantile_regression" if name == "QuantileRegression" else snake
    for written in (name, snake):
        assert type(losses.get(written)) is kind
    made = kind()
    assert losses.get(made) is made
    again = losses.get(keras.saving.serialize_keras_object(made))
    assert type(again) is kind and again.get_config() == made.get_config()


def test_every_objective_can_be_named():
    assert set(losses.lookup.OBJECTIVES.values()) == set(losses.adversarial.Objective.__subclasses__())


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("hindge", "loss must be one of .*wasserstein, hinge. Received: 'hindge'. Did you mean 'hinge'"),
        ("mse", r"loss must be one of .* Received: 'mse'\.$"),
        (losses.Hinge, "loss must be an objective of qrkeras.losses.*Received: <class"),
        (keras.losses.Hinge(), "loss must be an objective.*Keras' own losses compare"),
        (None, "loss must be an objective.*Received: None"),
    ],
)
def test_what_is_no_objective(loss, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss)
