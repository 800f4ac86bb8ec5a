import dataclasses
import inspect
import json
import math
import re

import numpy as np
import pytest

from qrkeras import losses, presets
from qrkeras.families import optimizers, parts
from qrkeras.families.gan import mixed, schema

METHODS = ("qrgan", "nsgan", "lsgan", "wgan-gp", "qrgan-bounded", "qrgan-l2")
DATA = ("ring8", "grid25", "cifar10", "lsun-bedroom", "cats")
OFFLINE = "digits"
NAMES = [f"{method}-{data}" for data in (*DATA, OFFLINE) for method in METHODS]
NAMES += [f"qrgan-no-bn-{data}" for data in (*DATA[2:], OFFLINE)]

# QRGAN, Tables 2 and 4: one column a set.
TABLES = """
                              ring8  grid25  cifar10  lsun-bedroom  cats
batch_size                      500     500       64            64    64
latent_dim                      128     128      100           100   100
data.image_size                   -       -       32            64   128
network.width                   128     128       64            64    64
generator_optimizer.learning_rate     1e-3 1e-3 2e-4 2e-4 5e-5
discriminator_optimizer.learning_rate 1e-3 1e-3 2e-4 2e-4 5e-5
generator_optimizer.beta_1      0.5     0.5      0.5           0.5   0.5
generator_optimizer.beta_2     0.99    0.99     0.99          0.99  0.99
discriminator_optimizer.beta_1  0.5     0.5      0.5           0.5   0.5
discriminator_optimizer.beta_2 0.99    0.99     0.99          0.99  0.99
"""
QRGAN_TABLES = """
                              ring8  grid25  cifar10  lsun-bedroom  cats
loss.num_quantiles               64      64       64            64    64
loss.penalty_weight             0.1     0.1      0.1           1.0   0.1
loss.norm_target                  0       0        0           1.0     0
"""


def cells(table):
    header, *rows = [line.split() for line in table.strip().splitlines()]
    for field, *values in rows:
        for data, value in zip(header, values, strict=True):
            yield field, data, None if value == "-" else float(value)


def test_names():
    gans = {name for name, preset in presets.PRESETS.items() if isinstance(preset, schema.GanPreset)}
    assert gans - set(mixed.PRESETS) == set(NAMES)


@pytest.mark.parametrize("method", METHODS)
def test_tables_2_and_4(method):
    for field, data, value in cells(TABLES):
        assert presets.leaves(presets.get(f"{method}-{data}"))[field] == value, (field, data)


def test_tables_2_and_4_of_the_quantile_loss():
    for field, data, value in cells(QRGAN_TABLES):
        assert presets.leaves(presets.get(f"qrgan-{data}"))[field] == value, (field, data)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("batch_size", "64", "a whole number"),
        ("batch_size", True, "a whole number"),
        ("batch_size", 64.0, "a whole number"),
        ("latent_dim", None, "a whole number"),
        ("loss.penalty_weight", "0.1", "a number"),
        ("loss.penalty", "l3", "'l1_square' or 'l2' or None"),
        ("network.generator_batch_norm", 1, "true or false"),
        ("network", "Dcgan", "Mlp or Dcgan or Sngan"),
        ("network", presets.get("qrgan-cifar10").data, "Mlp or Dcgan or Sngan"),
        ("data.name", 3, "a string"),
        ("sample_every", (1, "2"), "a whole number or a list of which each is a whole number or None"),
        ("frozen", "generator", "a list of which each is a string"),
        ("generator_optimizer.decays", ((1,),), "a list of which each is a list of 2 values"),
    ],
)
def test_values_of_another_type_are_refused(field, value, says):
    changed = parts.replaced(presets.get("qrgan-cifar10"), field, value)
    told = re.escape(f"{field} must be {says}. Received: {value!r}")
    with pytest.raises(ValueError, match=told):
        presets.check(changed)
    with pytest.raises(ValueError, match=told):
        presets.from_dict(presets.to_dict(changed))


def test_whole_numbers_are_numbers_also_numpys():
    preset = parts.replaced(presets.get("qrgan-cifar10"), "loss.penalty_weight", 1)
    presets.check(parts.replaced(preset, "batch_size", np.int64(8)))
    presets.check(parts.replaced(preset, "loss.penalty_weight", np.float32(0.5)))


def test_qrgan_is_the_method_proper():
    for data in DATA:
        loss = presets.get(f"qrgan-{data}").loss
        # a = +inf, b = -inf, L1-square penalty (eq. 5), generator maximises (eq. 9).
        assert (loss.real_target, loss.fake_target) == (math.inf, -math.inf)
        assert (loss.penalty, loss.generator) == ("l1_square", "maximize")


def test_ablations_differ_from_qrgan_in_the_loss_alone():
    for data in DATA:
        qrgan = presets.get(f"qrgan-{data}")
        bounded, l2 = (presets.get(f"qrgan-{kind}-{data}") for kind in ("bounded", "l2"))
        assert dataclasses.replace(bounded, loss=qrgan.loss) == dataclasses.replace(l2, loss=qrgan.loss) == qrgan
        assert math.isfinite(bounded.loss.real_target) and math.isfinite(bounded.loss.fake_target)
        assert l2.loss.penalty == "l2" and l2.loss.real_target == math.inf
        assert bounded.loss.num_quantiles == l2.loss.num_quantiles == 64


@pytest.mark.parametrize(
    "method, loss", [("nsgan", "NonSaturating"), ("lsgan", "LeastSquares"), ("wgan-gp", "Wasserstein")]
)
def test_baselines(method, loss):
    for data in DATA:
        preset = presets.get(f"{method}-{data}")
        assert type(preset.loss).__name__ == loss
        assert (preset.gradient_penalty is not None) == (method == "wgan-gp")


def test_update_rules():
    # Algorithm 1 is simultaneous; Ring-8 is the exception that docs/results/gan.md gives reasons for.
    for method in METHODS:
        assert presets.get(f"{method}-ring8").update == "alternating"
        assert presets.get(f"{method}-grid25").update == "simultaneous"
        for data in (*DATA[2:], OFFLINE):
            expected = "simultaneous" if method.startswith("qrgan") else "alternating"
            assert presets.get(f"{method}-{data}").update == expected


def test_epsilons():
    # 1e-3 on the mixtures (docs/results/gan.md), Keras' own on images.
    for name in NAMES:
        preset = presets.get(name)
        expected = 1e-3 if preset.data.name in DATA[:2] else 1e-7
        assert preset.generator_optimizer.epsilon == preset.discriminator_optimizer.epsilon == expected, name


def test_wgan_gp_as_the_paper_compares_it():
    # Section 3: coefficient 1 on CIFAR-10, 10 on LSUN-Bedroom; no batch normalisation in the discriminator.
    assert presets.get("wgan-gp-cifar10").gradient_penalty == 1.0
    assert presets.get("wgan-gp-lsun-bedroom").gradient_penalty == 10.0
    for data in DATA[2:]:
        assert not presets.get(f"wgan-gp-{data}").network.discriminator_batch_norm
        qrgan, without = presets.get(f"qrgan-{data}"), presets.get(f"qrgan-no-bn-{data}")
        assert qrgan.network.discriminator_batch_norm
        assert without == dataclasses.replace(
            qrgan, network=dataclasses.replace(qrgan.network, discriminator_batch_norm=False)
        )


@pytest.mark.parametrize("data, base", [("cifar10", 4), ("lsun-bedroom", 4), ("cats", 8)])
def test_image_size_fits_the_layers(data, base):
    preset = presets.get(f"qrgan-{data}")
    # Table 3: base resolution 32 / 2^3 = 4, 64 / 2^4 = 4, 128 / 2^4 = 8.
    assert preset.data.image_size / 2**preset.network.hidden_layers == base


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_value_cites_its_source(name):
    preset = presets.get(name)
    fields = presets.leaves(preset)
    for field in fields:
        source = presets.citation(preset, field)
        assert isinstance(source, str) and source.strip()
    unused = set(preset.sources) - set(fields)
    assert not unused, "a source must name a field"


@pytest.mark.parametrize("method", METHODS)
def test_evaluation_protocol(method):
    # Section 3.2.1: every 4,000 iterations, 50,000 samples, Inception.
    for data in DATA[2:]:
        preset = presets.get(f"{method}-{data}")
        assert (preset.evaluate_every, preset.evaluate_samples, preset.evaluate_features) == (4000, 50_000, "inception")
        assert preset.evaluate_references == 50_000
    assert presets.get(f"{method}-ring8").evaluate_every is None
    # What needs no network is evaluated with what is shipped.
    assert presets.get(f"{method}-{OFFLINE}").evaluate_features == "digits-cnn"


def test_offline_presets_are_those_of_cifar10_on_other_data():
    for method in METHODS:
        offline, cifar10 = (presets.get(f"{method}-{data}") for data in (OFFLINE, "cifar10"))
        differing = {name for name, value in presets.leaves(offline).items() if presets.leaves(cifar10)[name] != value}
        assert differing == {
            "data.name", "data.image_size", "network.hidden_layers", "steps", "sample_every", "evaluate_every",
            "evaluate_samples", "evaluate_features",
        }  # fmt: skip


def test_stages_need_no_source_and_may_have_one():
    preset = presets.get("qrgan-ring8")
    assert (preset.start_from, preset.frozen) == (None, ())
    assert presets.citation(preset, "frozen") == "Choice: all parts train" and "frozen" not in preset.sources
    second = dataclasses.replace(preset, frozen=("generator",), sources={**preset.sources, "frozen": "Table 5"})
    assert presets.citation(second, "frozen") == "Table 5"
    assert presets.from_dict(json.loads(json.dumps(presets.to_dict(second)))) == second


def test_citation_of_a_field_without_source():
    with pytest.raises(KeyError, match="no_such has no source"):
        presets.citation(presets.get("qrgan-ring8"), "no_such")


@pytest.mark.parametrize("name", presets.PRESETS)
def test_round_trip_through_json(name):
    preset = presets.get(name)
    again = presets.from_dict(json.loads(json.dumps(presets.to_dict(preset))))
    assert again == preset
    assert presets.leaves(again) == presets.leaves(preset)


@pytest.mark.parametrize("kind", [kind.__name__ for kind in schema.GanPreset.__annotations__["loss"].__args__])
def test_loss_fields_are_those_of_the_losses(kind):
    fields = {field.name: field.default for field in dataclasses.fields(getattr(schema, kind))}
    objective = getattr(losses, kind)
    arguments = {} if objective.__init__ is object.__init__ else inspect.signature(objective).parameters
    assert fields == {name: argument.default for name, argument in arguments.items()}
    assert list(fields) == list(arguments)


def test_every_loss_has_its_dataclass():
    classes = {name: getattr(losses, name) for name in losses.__all__ if inspect.isclass(getattr(losses, name))}
    objectives = {name for name, kind in classes.items() if issubclass(kind, losses.Objective)}
    assert objectives - {"Objective"} == {k.__name__ for k in schema.GanPreset.__annotations__["loss"].__args__}


def test_presets_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        presets.get("qrgan-ring8").steps = 1


def test_unknown_name_suggests():
    with pytest.raises(ValueError, match=r"""Received: 'qrgan-grid-25'. Did you mean "qrgan-grid25"\?"""):
        presets.get("qrgan-grid-25")
    with pytest.raises(ValueError, match=r"`qrkeras presets` lists. Received: 'x'\.$"):
        presets.get("x")


def test_from_dict_names_what_is_wrong():
    good = presets.to_dict(presets.get("qrgan-ring8"))
    with pytest.raises(ValueError, match="type must be one of .*GanPreset.*Received: 'Vae'"):
        presets.from_dict({**good, "network": {"type": "Vae"}})
    with pytest.raises(ValueError, match="Mlp does not take.*widht"):
        presets.from_dict({**good, "network": {"type": "Mlp", "widht": 3}})


def test_leaves_by_hand():
    @dataclasses.dataclass(frozen=True)
    class Outer:
        adam: optimizers.Adam
        n: int

    assert presets.leaves(Outer(optimizers.Adam(1.0, 2.0, 3.0, 5.0), 4)) == {
        "adam": "Adam",
        "adam.learning_rate": 1.0,
        "adam.beta_1": 2.0,
        "adam.beta_2": 3.0,
        "adam.epsilon": 5.0,
        "adam.decays": (),
        "n": 4,
    }


def test_a_preset_in_a_file(tmp_path):
    path = tmp_path / "mine.json"
    preset = presets.get("pixelcnn-cifar10")
    path.write_text(presets.to_json(preset, found={"value": 1.0}))
    again = presets.get(str(path))
    assert again == preset and again.sources == preset.sources
    assert json.loads(path.read_text())["found"] == {"value": 1.0}


def test_files_that_hold_no_preset(tmp_path):
    with pytest.raises(ValueError, match="PRESET must be an existing file if it ends in .json. Received: .*none.json"):
        presets.get(str(tmp_path / "none.json"))
    path = tmp_path / "torn.json"
    good = presets.to_json(presets.get("qrgan-ring8"))
    for text in (
        "",
        "[]",
        good[:300],
        good.replace("GanPreset", "Gan"),
        good.replace('"data": "QRGAN', '"x": "QRGAN'),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"PRESET must be a file such as `qrkeras tune` writes.*torn.json \("):
            presets.get(str(path))


def test_configurations_from_before_all_optimizers_had_schedules():
    preset = presets.get("pixeliqn-cifar10")
    old = presets.to_dict(preset)
    del old["optimizer"]["decays"], old["evaluate_measures"]
    assert presets.from_dict(old) == preset


def test_configurations_and_files_from_before_there_were_stages(tmp_path):
    preset = presets.get("qrgan-ring8")
    old = json.loads(presets.to_json(preset))
    del old["preset"]["start_from"], old["preset"]["frozen"]
    assert presets.from_dict(old["preset"]) == preset
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert presets.get(str(tmp_path / "old.json")) == preset


@pytest.mark.parametrize("kind", [optimizers.Adam, optimizers.Adamax, optimizers.RmsProp, optimizers.Sgd])
@pytest.mark.parametrize(
    "decays", [((0, 0.1),), ((5, 0.1), (5, 0.01)), ((5, 0.0),), ((5, math.inf),), ((9, 0.1), (5, 0.1))]
)
def test_schedules_out_of_range(kind, decays):
    preset = dataclasses.replace(presets.get("pixeliqn-cifar10"), optimizer=kind(1.0, decays=decays))
    with pytest.raises(
        ValueError, match="optimizer.decays must be pairs of a step and the rate from there on.*Received"
    ):
        presets.check(preset)
    presets.check(dataclasses.replace(preset, optimizer=kind(1.0, decays=((5, 0.1), (9, 0.01)))))
