"""Every value of a preset reaches the model that is built of it."""

import dataclasses
import json
import typing

import keras
import numpy as np
import pytest

from qrkeras import data, presets
from qrkeras.experiments import build
from qrkeras.families.preset import Data

# What belongs to the run around a model and not to the model.
AROUND = {
    "batch_size", "steps", "log_every", "sample_every", "checkpoint_every", "evaluate_every", "evaluate_samples",
    "evaluate_references", "evaluate_features", "evaluate_measures", "class_conditional", "start_from", "frozen",
}  # fmt: skip
OTHERS = {
    "loss.real_target": 1.0,
    "loss.fake_target": -1.0,
    "network.activation": "tanh",
    "network.kernel_initializer": "he_normal",
    "gradient_penalty": 2.0,
    "weight_clip": 0.5,
    "precision": "bfloat16",
    "aiqn.width": 16,
    "levels": 17,
}


@pytest.fixture(scope="module")
def tiny(tiny_points, tiny_images, tiny_pixels, tiny_latents):
    """A preset of each family and network; images of 16 x 16 can have one hidden layer or two."""
    sixteen = Data("digits", 16)
    two_layers = dataclasses.replace(tiny_images.network, hidden_layers=2)
    return {
        "points": tiny_points,
        "images": dataclasses.replace(tiny_images, data=sixteen, network=two_layers, update="alternating"),
        "pixels": tiny_pixels,
        "latents": dataclasses.replace(tiny_latents, data=sixteen),
    }


SOURCES = {"digits": data.load("digits"), 16: data.load("digits", 16), "ring8": data.load("ring8")}


def source_of(preset):
    return SOURCES[preset.data.image_size or preset.data.name]


def told(preset):
    """All that a model is: configuration, optimizers, first weights."""
    keras.backend.clear_session(free_memory=False)  # names are counted
    model = build.model(preset, source_of(preset), seed=3)
    settings = json.dumps([keras.saving.serialize_keras_object(model), model.get_compile_config()], default=str)
    return settings, [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def differ(one, other):
    if one[0] != other[0] or [w.shape for w in one[1]] != [w.shape for w in other[1]]:
        return True
    return any(not np.array_equal(a, b) for a, b in zip(one[1], other[1]))


def changed(preset, field, value):
    *path, last = field.split(".")
    parts = [preset]
    for name in path:
        parts.append(getattr(parts[-1], name))
    for part, name in zip(reversed(parts), reversed([*path, last])):
        value = dataclasses.replace(part, **{name: value})
    return value


def another(preset, field):
    """Another value that the field may have."""
    if field in OTHERS and presets.leaves(preset)[field] != OTHERS[field]:
        return OTHERS[field]
    *path, last = field.split(".")
    part = preset
    for name in path:
        part = getattr(part, name)
    value, hint = getattr(part, last), typing.get_type_hints(type(part))[last]
    choices = [c for arg in (hint, *typing.get_args(hint)) if typing.get_origin(arg) is typing.Literal
               for c in typing.get_args(arg)]  # fmt: skip
    if choices:
        return next(choice for choice in choices if choice != value)
    if isinstance(value, bool):
        return not value
    if last == "decays":
        return ((5, 1e-5),)
    if last == "kernel_size":
        return value + 2
    if field == "network.hidden_layers":
        return value % 2 + 1
    return 2 * value if isinstance(value, int) else (0.25 if value != 0.25 else 0.5)


def fields_of(preset):
    return [
        field
        for field, value in presets.leaves(preset).items()
        if field not in AROUND
        and not field.startswith("data.")
        and not dataclasses.is_dataclass(_part(preset, field))
        and not (field == "weight_clip" and preset.gradient_penalty)
        and field != "importance_samples"  # of a loss that is a bound: below
    ]


def _part(preset, field):
    for name in field.split("."):
        preset = getattr(preset, name)
    return preset


@pytest.mark.parametrize("kind", ["points", "images", "pixels", "latents"])
def test_every_value_reaches_the_model(tiny, kind):
    preset = tiny[kind]
    as_it_is = told(preset)
    assert not differ(as_it_is, told(preset)), "the same preset and seed give the same model"
    ignored = []
    for field in fields_of(preset):
        if not differ(as_it_is, told(changed(preset, field, another(preset, field)))):
            ignored.append(field)
    assert ignored == []


def test_importance_samples_reach_a_model_whose_loss_is_a_bound(tiny):
    bound = dataclasses.replace(tiny["latents"], kl_weight=1.0, latent_variance=1.0)
    assert differ(told(bound), told(dataclasses.replace(bound, importance_samples=2)))


@pytest.mark.parametrize("kind, part", [("points", "generator"), ("images", "discriminator"), ("latents", "aiqn")])
def test_frozen_parts_reach_the_model(tiny, kind, part):
    preset = dataclasses.replace(tiny[kind], frozen=(part,))
    model = build.model(preset, source_of(preset), seed=3)
    assert [name for name, made in model.parts.items() if not made.trainable] == [part]
    known = model.optimizer._trainable_variables
    assert 0 < len(known) == len(model.trainable_variables)


def test_networks_of_a_gan_do_not_share_their_weights(tiny_points):
    # Both are perceptrons of 8 hidden units, whose hidden layers would be equal if they had one seed.
    preset = dataclasses.replace(
        tiny_points,
        latent_dim=2,
        loss=dataclasses.replace(tiny_points.loss, num_quantiles=2),
        network=dataclasses.replace(tiny_points.network, hidden_layers=2),
    )
    model = build.model(preset, SOURCES["ring8"], seed=3)
    for ours, others in zip(model.generator.weights, model.discriminator.weights, strict=True):
        assert ours.shape == others.shape
        assert "bias" in ours.path or np.abs(ours - others).min() > 0


@pytest.mark.parametrize("kind", ["points", "images", "pixels", "latents"])
def test_seed_decides_the_weights(tiny, kind):
    one, other = (build.model(tiny[kind], source_of(tiny[kind]), seed) for seed in (3, 4))
    same = [
        a.path
        for a, b in zip(one.trainable_variables, other.trainable_variables, strict=True)
        if np.array_equal(a, b) and np.ptp(a) > 0
    ]
    assert same == []
