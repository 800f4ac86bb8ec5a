"""Parts that do not train: what moves beside them, what is saved of them, what is refused."""

import keras
import numpy as np
import pytest

from qrkeras import models, networks
from tests.support import tiny_models

# One part of each model that may be frozen while another trains.
CASES = [
    ("points", "generator"),
    ("points", "discriminator"),
    ("images", "generator"),
    ("images", "discriminator"),
    ("VAE", "encoder"),
    ("AIQNVAE", "decoder"),
    ("AIQNVAE", "aiqn"),
]


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def same(one, other):
    return [np.array_equal(a, b) for a, b in zip(one, other, strict=True)]


def fit(model, family, epochs=1):
    return model.fit(tiny_models.data(family)[0], batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def frozen(family, *names, **arguments):
    model = tiny_models.build(family)
    model.compile(**arguments)
    model.freeze(*names)
    return model


@pytest.mark.parametrize("family, name", CASES)
@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_a_frozen_part_stays_to_the_last_bit(family, name, update):
    if family.endswith("VAE") and update == "alternating":
        return  # one player
    model = frozen(family, name, **({} if family.endswith("VAE") else {"update": update}))
    part = model.parts[name]
    others = [other for key, other in model.parts.items() if key != name]
    before, moving = values(part.weights), values(w for other in others for w in other.trainable_weights)
    history = fit(model, family).history
    assert all(np.isfinite(value) for losses in history.values() for value in losses)
    assert all(same(values(part.weights), before)), "batch normalisation's statistics too"
    assert not any(same(values(w for other in others for w in other.trainable_weights), moving))
    assert model.step == 3


def test_what_is_fitted_beside_it_does_not_depend_on_how_it_was_frozen():
    named, by_hand = frozen("AIQNVAE", "encoder", "decoder"), tiny_models.build("AIQNVAE")
    by_hand.encoder.trainable = by_hand.decoder.trainable = False
    by_hand.compile()
    for model in (named, by_hand):
        fit(model, "AIQNVAE")
    assert all(same(values(named.weights), values(by_hand.weights)))


def test_optimizers_hold_no_moments_of_a_frozen_part():
    model = frozen("AIQNVAE", "encoder", "decoder")
    trained = [*model.aiqn.weights, model.log_scale]
    assert [id(v) for v in model.trainable_variables] == [id(v) for v in [model.log_scale, *model.aiqn.weights]]
    # Two moments of each, the step and the rate.
    assert len(model.optimizer.variables) == 2 * len(trained) + 2
    gan = frozen("points", "generator")
    assert len(gan.optimizer.optimizers) == 1 and gan.optimizer.optimizers[0] is gan.discriminator_optimizer
    fit(gan, "points")
    assert (int(gan.discriminator_optimizer.iterations), int(gan.optimizer.iterations)) == (3, 3)


def test_freezing_again_keeps_what_the_optimizer_was_told():
    model = tiny_models.build("VAE")
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.01, 0.001])
    model.compile(keras.optimizers.Adam(schedule, beta_1=0.5), steps_per_execution=3)
    model.freeze("encoder")
    assert model.optimizer.get_config()["learning_rate"]["config"]["values"] == [0.01, 0.001]
    assert (model.optimizer.beta_1, model.steps_per_execution) == (0.5, 3)
    again = model.optimizer
    model.freeze()
    assert model.optimizer is again, "no part was named"


def test_the_average_of_a_frozen_part_stays_where_it_is():
    model = frozen("AIQNVAE", "aiqn")
    for weight in model.average.weights:
        weight.assign(weight + 1.0)
    before = values(model.average.weights)
    fit(model, "AIQNVAE")
    assert all(same(values(model.average.weights), before))
    moving = frozen("AIQNVAE", "encoder")
    before = values(moving.average.weights)
    fit(moving, "AIQNVAE")
    assert not any(same(values(moving.average.weights), before))


def test_batch_normalisation_of_a_frozen_part_looks_at_no_batch():
    model = frozen("images", "generator")
    noise = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    together = keras.ops.convert_to_numpy(model.generator(noise, training=True))
    alone = [keras.ops.convert_to_numpy(model.generator(noise[i : i + 1], training=True))[0] for i in range(6)]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    model.generator.trainable = True
    assert np.abs(keras.ops.convert_to_numpy(model.generator(noise, training=True)) - together).max() > 1e-3


# A perceptron, layers in a network that makes its own, and a player of two.
@pytest.mark.parametrize("family, name", [("points", "generator"), ("AIQNVAE", "aiqn"), ("images", "discriminator")])
def test_what_was_saved_is_frozen_and_goes_on_as_if_never_stopped(family, name, tmp_path):
    whole, half = frozen(family, name), frozen(family, name)
    fit(whole, family, epochs=2)
    fit(half, family)
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    before = values(again.parts[name].weights)
    assert len(again.trainable_variables) == len(half.trainable_variables) > 0
    assert all(same(values(again.optimizer.variables), values(half.optimizer.variables)))
    fit(again, family)
    assert all(same(values(again.weights), values(whole.weights)))
    assert all(same(values(again.optimizer.variables), values(whole.optimizer.variables)))
    assert all(same(values(again.parts[name].weights), before))


def test_a_sequential_part_that_was_frozen_by_hand(tmp_path):
    def sequential(inputs, outputs):
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(outputs)])

    model = models.GAN(sequential(3, 2), sequential(2, 1), 3, "least_squares")
    model.generator.trainable = False
    model.compile()
    fit(model, "points")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    before = values(again.generator.weights)
    fit(again, "points")
    assert all(same(values(again.generator.weights), before))
    assert not any(same(values(again.discriminator.trainable_weights), values(model.discriminator.trainable_weights)))


def test_frozen_parts_are_clipped_by_nothing():
    model = tiny_models.gan(weight_clip=1e-3)
    model.compile()
    model.freeze("discriminator")
    before = values(model.discriminator.weights)
    fit(model, "points")
    assert all(same(values(model.discriminator.weights), before))


def test_parts_are_networks_alone():
    assert list(tiny_models.build("points").parts) == ["generator", "discriminator"], "and no objective"
    assert list(tiny_models.build("AIQNVAE").parts) == ["encoder", "decoder", "aiqn"], "and no average"


@pytest.mark.parametrize(
    "family, names, message",
    [
        ("points", ["loss"], "frozen must name parts of GAN: generator, discriminator; .* Received: 'loss'"),
        ("VAE", ["log_scale"], "parts of VAE: encoder, decoder; weights of the model itself always train.*'log_scale'"),
        ("VAE", ["encoder", "x"], "frozen must name parts of VAE.* Received: 'x'"),
        ("AIQNVAE", ["average"], "frozen must name parts of AIQNVAE: encoder, decoder, aiqn;.* Received: 'average'"),
    ],
)
def test_what_is_no_part_is_refused_before_another_is_frozen(family, names, message):
    model = tiny_models.build(family)
    with pytest.raises(ValueError, match=message):
        model.freeze(*names)
    assert all(part.trainable for part in model.parts.values())


@pytest.mark.parametrize("family", tiny_models.BUILDERS)
def test_a_model_with_nothing_to_train_is_refused(family):
    model = tiny_models.build(family)
    model.compile()
    message = f"frozen must leave a part of {type(model).__name__} that trains. Received: {', '.join(model.parts)}, "
    with pytest.raises(ValueError, match=message):
        model.freeze(*model.parts)


def test_a_network_that_never_trained_is_held_still():
    sizes = {"channels": 1, "latent_dim": 2, "width": 2, "hidden_layers": 1}
    aiqn = type(networks.aiqn(2, 4, 1))(2, 4, 1, seed=3, trainable=False)
    model = models.AIQNVAE(networks.vae_encoder(8, **sizes), networks.vae_decoder(8, **sizes), aiqn)
    model.compile()
    before = values(aiqn.weights)
    fit(model, "AIQNVAE")
    assert all(same(values(aiqn.weights), before))
