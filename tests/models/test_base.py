"""What every model makes of Keras' own methods: compile, export, configuration, saving."""

import copy
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import qrkeras
from qrkeras import layers, losses, models, networks
from tests.support import tiny_captioner, tiny_models
from tests.support.tiny_models import BUILDERS

FAMILIES = pytest.mark.parametrize("family", BUILDERS)


@pytest.fixture(scope="module")
def made():
    return {family: tiny_models.build(family) for family in BUILDERS}


@FAMILIES
@pytest.mark.parametrize("argument", ["loss", "loss_weights", "metrics", "weighted_metrics"])
def test_objectives_of_others_are_refused(made, family, argument):
    with pytest.raises(ValueError, match=f"{argument} must be left out of compile: .* brings its own objective"):
        made[family].compile(**{argument: ["mse"]})


def test_a_gan_has_two_optimizers(made):
    with pytest.raises(ValueError, match="optimizer must be given as generator_optimizer and discriminator_optimizer"):
        made["points"].compile(optimizer="adam")
    made["points"].compile("sgd", "rmsprop", loss=None)
    assert isinstance(made["points"].generator_optimizer, keras.optimizers.SGD)


@FAMILIES
@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "float64", "bfloat16"])
def test_other_precisions_are_refused_when_a_model_is_made(family, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        with pytest.raises(ValueError, match=f"dtype policy must be float32 or mixed_bfloat16.*Received: {policy}"):
            tiny_models.build(family)
    finally:
        keras.config.set_dtype_policy(before)


def test_a_network_in_float16_is_refused_when_the_model_is_compiled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        generator = networks.mlp(3, 2, width=4)
    finally:
        keras.config.set_dtype_policy("float32")
    model = models.GAN(generator, networks.mlp(2, 1, width=4), 3, "hinge")
    with pytest.raises(ValueError, match="Received: mixed_float16 in functional"):
        model.compile()


@pytest.mark.parametrize("option", ["kernel_regularizer", "activity_regularizer"])
def test_regularizers_that_nothing_adds_are_refused(option):
    critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="read_out", **{option: "l2"})])
    model = models.GAN(networks.mlp(3, 2, width=4), critic, 3, "hinge")
    with pytest.raises(ValueError, match="networks must have no regularizers.*Received: one in"):
        model.compile()


def test_a_gradient_penalty_beside_batch_normalisation_warns():
    generator = networks.dcgan_generator(8, channels=1, latent_dim=3, width=2, hidden_layers=1)

    def gan(gradient_penalty, batch_norm):
        norm = [keras.layers.BatchNormalization()] if batch_norm else []
        critic = [keras.Input((8, 8, 1)), keras.Sequential([keras.layers.Conv2D(2, 3), *norm])]
        critic = keras.Sequential([*critic, keras.layers.Flatten(), keras.layers.Dense(1)])
        return models.GAN(generator, critic, 3, "wasserstein", gradient_penalty=gradient_penalty)

    with pytest.warns(UserWarning, match="look at the whole batch has none: with batch normalisation"):
        gan(10.0, True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gan(None, True), gan(10.0, False)


def instances():
    """One object of every class that is registered, models that draw examples aside."""
    captioner = tiny_captioner.build(areas=tiny_captioner.patches())
    yield from (captioner, captioner.areas, captioner.decoder, captioner.decoder.attention, networks.encoders.Bgr())
    yield layers.BatchNormalization()
    yield layers.ColourDense(3, 3)
    yield layers.ClassProjection(3)
    yield from (layers.ConvAveragePool2D(2), layers.UpsampleConv2D(2), layers.VerticalConv2D(2))
    yield layers.HorizontalConv2D(2)
    yield from (layers.GatedBlock(2), layers.GatedResidual(2, (-1, 0)))
    yield from (layers.ShiftedConv2D(2), layers.ShiftedConv2DTranspose(2))
    yield from (layers.EquivariantConv2D(2, 3, 4), layers.EquivariantDense(2, 4), layers.MinibatchDiscrimination(3))
    yield from (layers.SpectralConv2D(2, 3), layers.SpectralDense(2))
    yield from (layers.WeightNormConv2D(2, 3), layers.WeightNormConv2DTranspose(2, 3), layers.WeightNormDense(2))
    yield from (layers.CheckerboardCoupling(1), layers.ChannelCoupling(0), layers.ChannelAffine())
    yield layers.ResidualConditioner(2)
    yield from (layers.Dequantizer(2), layers.InverseAutoregressiveFlow(2), layers.VectorQuantizer(3))
    yield from (losses.BatchSmoothing(0.3), losses.Mixup(), losses.Auxiliary(16, grey=True))
    yield from (losses.Hinge(), losses.LeastSquares(), losses.NonSaturating(), losses.Wasserstein())
    yield from (losses.DensityRatio(), losses.QuantileRegression(4))
    yield networks.classifier.Identity(1)
    yield networks.aiqn(2, 4, 1, seed=1)
    yield networks.pixelcnn(4, 1, blocks=1, kernel_size=3, planes=2, output_planes=2, seed=1)
    yield networks.pixelcnnpp(4, 1, planes=2, blocks=1, resolutions=1, seed=1)
    yield networks.real_nvp((4, 4, 1), scales=2, width=2, blocks=1, seed=1)
    yield networks.top_down(4, 1, (2,), (1,), (1,), seed=1)


@pytest.mark.parametrize("family", [*BUILDERS, "Captioner"])
def test_what_is_not_compiled_is_saved_and_cloned(family, tmp_path):
    plain = tiny_captioner.build() if family == "Captioner" else tiny_models.build(family)
    plain = type(plain).from_config(plain.get_config())
    plain.save(tmp_path / "plain.keras")
    loaded = keras.models.load_model(tmp_path / "plain.keras")
    for again in (loaded, keras.models.model_from_json(plain.to_json()), keras.models.clone_model(plain)):
        assert type(again) is type(plain) and not again.compiled and again.get_compile_config() is None
    for one, two in zip(plain.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, two)


@FAMILIES
def test_hdf5_is_refused_before_anything_is_written(made, family, tmp_path):
    for name in ("model.h5", "model.hdf5"):
        with pytest.raises(ValueError, match=f"filepath must end in .keras. Received: .*{name}. .*save_weights"):
            made[family].save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    made[family].save_weights(tmp_path / "model.weights.h5")


@pytest.mark.parametrize("family", ["images", "PixelCNN", "VAE", "VQVAE", "DensityModel"])
def test_predict_takes_floats(made, family):
    message = (
        r"x must be floats, what \w+.call takes, such as images in \[-1, 1\]. Received: uint8. uint8 images are for "
    )
    images = tiny_models.IMAGES[:2]
    batches = tf.data.Dataset.from_tensor_slices(images).batch(2)
    for ask in (made[family].predict, made[family].predict_on_batch):
        with pytest.raises(ValueError, match=message):
            ask(images)
    with pytest.raises(ValueError, match=message):
        made[family].predict(batches)


def test_predict_is_call(made):
    noise = np.zeros((3, made["images"].latent_dim), "float32")
    np.testing.assert_allclose(made["images"].predict(noise, verbose=0), made["images"](noise), atol=1e-6)


def test_from_config_leaves_its_dictionary_as_it_was(made):
    objects = [*instances(), *made.values()]
    kinds = {type(thing).__name__ for thing in objects}
    assert kinds == {name for names in qrkeras._SERIALIZABLE.values() for name in names}
    for thing in objects:
        config = thing.get_config()
        before = copy.deepcopy(config)
        for _ in range(2):
            assert isinstance(type(thing).from_config(config), type(thing))
            assert config == before, type(thing).__name__


def test_keras_register_holds_every_class_that_is_registered():
    keras_names = {name for name in keras.saving.get_custom_objects() if name.startswith("qrkeras>")}
    assert keras_names == {f"qrkeras>{name}" for names in qrkeras._SERIALIZABLE.values() for name in names}
    for subpackage, names in qrkeras._SERIALIZABLE.items():
        getattr(qrkeras, subpackage)
        for name in names:
            found = keras.saving.get_registered_object(f"qrkeras>{name}")
            assert isinstance(found, type) and found.__module__.startswith(f"qrkeras.{subpackage}.")


LOAD = """
import importlib.util, pathlib, sys
{first}
import keras
assert not [finder for finder in sys.meta_path if type(finder).__module__ == "qrkeras"]
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    found = keras.saving.load_model(path)
    assert type(found).__module__.startswith(("qrkeras.", "keras.")), found
    print(path.name)
layer = keras.layers.deserialize({{"class_name": "qrkeras>ColourDense", "config": {{"units": 2}}, "module": None,
                                   "registered_name": "qrkeras>ColourDense"}})
assert type(layer).__module__ == "qrkeras.layers.colours"
"""


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for family, model in made.items():
        model.compile()
        model.save(folder / f"{family}.keras")
    networks.image_classifier(8, 1, 4, widths=(2,)).save(folder / "classifier.keras")
    made["images"].generator.save(folder / "generator.keras")
    made["images"].generator.save(folder / "generator.h5")
    made["AIQNVAE"].aiqn.save(folder / "aiqn.keras")
    made["PixelCNN"].network.save(folder / "network.keras")
    return folder


@pytest.mark.parametrize(
    "first", ["import qrkeras; importlib.util.find_spec('keras')", "import keras; from qrkeras.models import GAN"]
)
def test_what_was_saved_loads_in_a_fresh_process(saved, first):
    script = LOAD.format(first=first)
    done = subprocess.run([sys.executable, "-c", script, str(saved)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(list(saved.iterdir()))


@FAMILIES
def test_export_writes_the_signatures(made, family, tmp_path, capsys):
    model = made[family]
    model.export(tmp_path / "exported")
    assert f"Saved artifact at '{tmp_path / 'exported'}'" in capsys.readouterr().out
    served = tf.saved_model.load(tmp_path / "exported").signatures
    assert set(served) - {"serving_default", "sample_png"} == set(model.signatures())
    if model.num_classes is None:
        drawn = served["serving_default"](seed=tf.constant([[5, 0], [5, 1]]))
        np.testing.assert_allclose(*drawn.values(), model.sample(2, seed=5), atol=1)


def test_export_refuses_what_it_does_not_write(made, tmp_path):
    for options, message in (
        ({"format": "onnx"}, "format must be \"tf_saved_model\". Received: 'onnx'"),
        (
            {"input_signature": [tf.TensorSpec((None, 3))]},
            "input_signature must be left out: GAN exports the signatures",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            made["points"].export(tmp_path / "exported", **options)
    assert not list(tmp_path.iterdir())
