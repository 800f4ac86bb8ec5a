"""CIFAR-10, LSUN-Bedroom and Cats, and digits as offline default  (QRGAN, Section 3.2, Tables 3 and 4).

    qrkeras train qrgan-cifar10
    qrkeras train qrgan-cifar10 --data.name folder:my-images --data.image-size 32

WGAN-GP compares with QRGAN without batch normalisation in the discriminator, `qrgan-no-bn-*`.
"""

import dataclasses

from qrkeras.families.gan.methods import DIFFERS, methods
from qrkeras.families.gan.schema import Dcgan, GanPreset, QuantileRegression
from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import SILENT, Data

SOURCES = {
    **SILENT,
    "data": "QRGAN, Section 3.2",
    "data.image_size": "QRGAN, Table 4",
    "network": "QRGAN, Table 4: DCGAN",
    "network.width": "QRGAN, Table 4",
    "network.hidden_layers": "QRGAN, Table 3",
    "network.resampling": "QRGAN, Section 3.2.2 and Appendix A.3",
    "network.generator_batch_norm": "DCGAN (Radford 2016)",
    "network.discriminator_batch_norm": "DCGAN (Radford 2016)",
    "generator_optimizer": "QRGAN, Table 4",
    "generator_optimizer.epsilon": "Choice: Keras' default",
    "discriminator_optimizer": "QRGAN, Table 4",
    "discriminator_optimizer.epsilon": "Choice: Keras' default",
    "batch_size": "QRGAN, Table 4",
    "latent_dim": "QRGAN, Table 4",
    "prior": "Choice: the paper is silent",
    "discriminator_steps": "Choice: one, as in QRGAN's Algorithm 1, for all methods alike",
    "steps": "Choice: the paper is silent",
    "weight_clip": "not part of the method",
    "evaluate_every": "QRGAN, Section 3.2.1",
    "evaluate_samples": "QRGAN, Section 3.2.1",
    "evaluate_references": "QRGAN, Section 3.2.1: the training set",
    "evaluate_features": "QRGAN, Section 3.2.1: Inception",
    "sample_every": "QRGAN, Section 3.2.1: the interval of its evaluation",
}


def _presets(name, image_size, hidden_layers, learning_rate, penalty_weight, norm_target, gradient_penalty):
    adam = Adam(learning_rate, beta_1=0.5, beta_2=0.99)
    coefficient, coefficient_source = gradient_penalty
    table = methods(
        QuantileRegression(num_quantiles=64, penalty_weight=penalty_weight, norm_target=norm_target),
        "QRGAN, eqs. 5 and 9, Table 4",
        coefficient,
        coefficient_source,
    )
    presets = {}
    for method, (fields, sources) in table.items():
        quantile = method.startswith("qrgan")
        update_source = "QRGAN, Algorithm 1" if quantile else "Choice: usual practice for this method"
        preset = GanPreset(
            data=Data(name, image_size),
            network=Dcgan(width=64, hidden_layers=hidden_layers),
            generator_optimizer=adam,
            discriminator_optimizer=adam,
            batch_size=64,
            latent_dim=100,
            prior="normal",
            update="simultaneous" if quantile else "alternating",
            steps=100_000,
            log_every=100,
            sample_every=4_000,
            checkpoint_every=1_000,
            steps_per_execution=10,
            evaluate_every=4_000,
            sources={**SOURCES, "update": update_source, **sources},
            **fields,
        )
        presets[f"{method}-{name}"] = preset
    for method, arm in (("wgan-gp", "wgan-gp"), ("qrgan", "qrgan-no-bn")):
        presets[f"{arm}-{name}"] = _without_discriminator_batch_norm(presets[f"{method}-{name}"])
    return presets


def _without_discriminator_batch_norm(preset):
    cited = {"network.discriminator_batch_norm": "QRGAN, Section 3: WGAN-GP and QRGAN are compared without it"}
    network = dataclasses.replace(preset.network, discriminator_batch_norm=False)
    return dataclasses.replace(preset, network=network, sources={**preset.sources, **cited})


def _digits():
    """The networks and rates of CIFAR-10 on 8 x 8 digits, evaluated with what is shipped."""
    choices = {
        "data": "Choice: offline default",
        "network.hidden_layers": "Choice: 8 / 2**1 = 4, as CIFAR-10's 32 / 2**3",
        "steps": "Choice: minutes on a laptop",
        "sample_every": "Choice",
        "evaluate_every": "Choice",
        "evaluate_samples": "Choice",
        "evaluate_features": "Choice: shipped",
    }
    cifar10 = _presets("digits", 8, 1, 2e-4, 0.1, 0.0, (1.0, "Choice: as CIFAR-10's"))
    return {
        name: dataclasses.replace(
            preset,
            data=Data("digits"),
            steps=4_000,
            sample_every=500,
            evaluate_every=500,
            evaluate_samples=5_000,
            evaluate_features="digits-cnn",
            sources={**preset.sources, **choices},
        )
        for name, preset in cifar10.items()
    }


PRESETS = {
    **_digits(),
    **_presets("cifar10", 32, 3, 2e-4, 0.1, 0.0, (1.0, "QRGAN, Section 3: 1 for CIFAR-10")),
    **_presets("lsun-bedroom", 64, 4, 2e-4, 1.0, 1.0, (10.0, "QRGAN, Section 3: 10 for LSUN-Bedroom")),
    **_presets("cats", 128, 4, 5e-5, 0.1, 0.0, (10.0, "Choice: Gulrajani 2017; QRGAN names none for Cats")),
}

# QRGAN, Table 1.
MINIMUM_FID = {
    "nsgan": {"cifar10": 34.16, "lsun-bedroom": 28.29, "cats": 11.37},
    "lsgan": {"cifar10": 34.53, "lsun-bedroom": 30.39, "cats": 13.68},
    "wgan-gp": {"cifar10": 30.36, "lsun-bedroom": 19.76, "cats": 229.8},
    "qrgan": {"cifar10": 30.93, "lsun-bedroom": 22.45, "cats": 10.46},
}
PROTOCOL = "every 4,000 steps from 50,000 samples against the training set (QRGAN, Table 1)"


def _published(method, data):
    if data == "digits":
        return Published("Choice: QRGAN's values for CIFAR-10, on digits")
    source = f"QRGAN, Section 3.2, Tables 3 and 4{DIFFERS.get(method, '')}"
    value = MINIMUM_FID.get(method, {}).get(data)
    return Published(source) if value is None else Published(source, "minimum FID", value, PROTOCOL)


PUBLISHED = {name: _published(name.removesuffix(f"-{p.data.name}"), p.data.name) for name, p in PRESETS.items()}
