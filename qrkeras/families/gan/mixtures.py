"""Ring-8 and Grid-25: mixtures of Gaussians in the plane  (QRGAN, Section 3.1, Table 2).

    qrkeras train qrgan-grid25

The choices that the paper leaves open are those with which QRGAN holds the modes of both sets to the end of
training; docs/results/gan.md has the figures over ten seeds, and what else was tried.
"""

from qrkeras.families.gan.methods import DIFFERS, methods
from qrkeras.families.gan.schema import GanPreset, Mlp, QuantileRegression
from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import Data

SOURCES = {
    "data": "QRGAN, Section 3.1",
    "data.image_size": "no images",
    "data.directory": "generated",
    "network": "QRGAN, Table 2: MLP without batch normalisation",
    "network.width": "QRGAN, Table 2",
    "network.hidden_layers": "Choice: Fig. 7 did not survive",
    "network.activation": "Choice: Fig. 7 did not survive",
    "network.kernel_initializer": "Choice: Keras' default, the paper is silent",
    "network.equivariant": "BGAN's alone",
    "generator_optimizer": "QRGAN, Table 2",
    "generator_optimizer.epsilon": "Choice: the paper is silent; see docs/results/gan.md",
    "discriminator_optimizer": "QRGAN, Table 2",
    "discriminator_optimizer.epsilon": "Choice: the paper is silent; see docs/results/gan.md",
    "batch_size": "QRGAN, Table 2",
    "latent_dim": "QRGAN, Table 2",
    "prior": "Choice: the paper is silent; DCGAN's (Radford 2016); see docs/results/gan.md",
    "discriminator_steps": "QRGAN, Algorithm 1: one of each",
    "steps": "Choice: the paper is silent; see docs/results/gan.md",
    "weight_clip": "not part of the method",
    "evaluate_every": "not for points",
    "evaluate_samples": "not for points",
    "evaluate_references": "not for points",
    "evaluate_features": "not for points",
    "evaluate_measures": "Choice: all",
    "log_every": "Choice",
    "sample_every": "Choice",
    "checkpoint_every": "Choice",
    "steps_per_execution": "Choice: measured, docs/results/gan.md",
    "precision": "Choice: the paper is silent",
}


# In some seeds alternating updates lose modes of Grid-25, and simultaneous ones never settle on Ring-8.
UPDATES = {
    "ring8": ("alternating", "Choice: held all modes in all of ten seeds; see docs/results/gan.md"),
    "grid25": ("simultaneous", "QRGAN, Algorithm 1"),
}


def _preset(name, fields, sources):
    update, update_source = UPDATES[name]
    adam = Adam(learning_rate=1e-3, beta_1=0.5, beta_2=0.99, epsilon=1e-3)
    return GanPreset(
        data=Data(name),
        network=Mlp(width=128, hidden_layers=2, activation="relu"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        batch_size=500,
        latent_dim=128,
        prior="uniform",
        update=update,
        steps=20_000,
        log_every=500,
        sample_every=2_000,
        checkpoint_every=5_000,
        steps_per_execution=500,
        sources={**SOURCES, "update": update_source, **sources},
        **fields,
    )


METHODS = methods(
    QuantileRegression(num_quantiles=64, penalty_weight=0.1, norm_target=0.0),
    "QRGAN, eqs. 5 and 9, Table 2",
    gradient_penalty=0.1,
    penalty_source="Choice: Gulrajani 2017's own value for toy data; QRGAN names none",
)

PRESETS = {
    f"{method}-{data}": _preset(data, fields, sources)
    for data in UPDATES
    for method, (fields, sources) in METHODS.items()
}
PUBLISHED = {
    f"{method}-{data}": Published(
        f"QRGAN, Section 3.1, Table 2{DIFFERS.get(method, '')}",
        "pictures and no figures (QRGAN, Figs. 2 and 3)",
    )
    for data in UPDATES
    for method in METHODS
}
