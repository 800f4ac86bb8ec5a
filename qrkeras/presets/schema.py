"""What an experiment is made of: frozen dataclasses, free of TensorFlow.

The comment under each field is its help on the command line.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

import tyro


@dataclasses.dataclass(frozen=True)
class Data:
    name: str
    """ring8, grid25, digits, photo-patches, cifar10, imagenet32, lsun-bedroom, celeb_a, cats, tfds:NAME, or
    folder:PATH for your own images."""
    image_size: int | None = None
    """Pixels a side: larger or smaller images are cropped to a square and resized. None keeps their size."""
    directory: str | None = None
    """Where TFDS data lies or is put. None: TFDS's own default."""


@dataclasses.dataclass(frozen=True)
class Mlp:
    width: int = 128
    """Units of each hidden layer, in both networks."""
    hidden_layers: int = 2
    """Hidden layers of each network."""
    activation: str = "relu"
    """Any Keras activation."""
    kernel_initializer: str = "glorot_uniform"
    """Any random Keras initialiser."""


@dataclasses.dataclass(frozen=True)
class Dcgan:
    width: int = 64
    """Main dimension, in both networks."""
    hidden_layers: int = 3
    """Resampling layers; image_size / 2**hidden_layers must be 4 or 8."""
    resampling: Literal["resize", "transposed"] = "resize"
    """resize: resize-convolution and convolution-pooling. transposed: classic strided DCGAN (checkerboards)."""
    generator_batch_norm: bool = True
    """Batch normalisation in the generator."""
    discriminator_batch_norm: bool = True
    """Batch normalisation in the discriminator, from its second hidden layer on."""


@dataclasses.dataclass(frozen=True)
class GatedPixelCnn:
    blocks: int = 15
    """Gated blocks."""
    kernel_size: int = 5
    """Side of every convolution, before it is cut to its causal part."""
    planes: int = 128
    """Feature planes of each block."""
    output_planes: int = 1024
    """Planes of the connections that feed the output layers."""


@dataclasses.dataclass(frozen=True)
class ConvVae:
    width: int = 64
    """Channels at the image's side of both networks, doubled by each layer."""
    hidden_layers: int = 3
    """Resampling layers; image_size / 2**hidden_layers must be 4 or 8."""


@dataclasses.dataclass(frozen=True)
class Aiqn:
    width: int = 512
    """Units of each hidden layer, a multiple of latent_dim."""
    hidden_layers: int = 3
    """Fully connected layers before the output."""
    kappa: float = 0.002
    """Width of the quadratic part of the Huber quantile loss, in units of the latents; 0: pinball loss."""
    average_decay: float = 0.9999
    """Decay of the average of the weights that samples and evaluations are taken from."""
    stop_gradient: bool = True
    """Whether the AIQN's loss leaves the encoder alone."""


@dataclasses.dataclass(frozen=True)
class QuantileRegression:
    num_quantiles: int = 64
    """N, the number of discriminator outputs."""
    real_target: float = math.inf
    """a, the target of real examples."""
    fake_target: float = -math.inf
    """b, the target of generated examples."""
    penalty: Literal["l1_square", "l2"] | None = "l1_square"
    """Penalty on the discriminator's outputs."""
    penalty_weight: float = 0.1
    """lambda, the weight of that penalty."""
    norm_target: float = 0.0
    """k, the size of outputs that the L1-square penalty leaves free."""
    generator: Literal["maximize", "match"] = "maximize"
    """maximize: eq. 9. match: eq. 7."""
    pinball: Literal["batch_mean", "each_output"] = "batch_mean"
    """What finite targets are compared with. batch_mean: eq. 4. each_output: Algorithm 1."""


@dataclasses.dataclass(frozen=True)
class NonSaturating:
    pass


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    pass


@dataclasses.dataclass(frozen=True)
class Wasserstein:
    pass


@dataclasses.dataclass(frozen=True)
class Hinge:
    pass


@dataclasses.dataclass(frozen=True)
class Adam:
    learning_rate: float
    """Step size at first."""
    beta_1: float = 0.9
    """Decay of the first moment."""
    beta_2: float = 0.999
    """Decay of the second moment."""
    epsilon: float = 1e-7
    """Added to the root of the second moment; a larger one takes smaller steps where gradients are small."""
    decays: tuple[tuple[int, float], ...] = ()
    """Pairs of a number of steps and the step size after them."""


@dataclasses.dataclass(frozen=True)
class RmsProp:
    learning_rate: float
    """Step size at first."""
    decays: tuple[tuple[int, float], ...] = ()
    """Pairs of a number of steps and the step size after them."""


@dataclasses.dataclass(frozen=True)
class Sgd:
    learning_rate: float
    """Step size at first."""
    decays: tuple[tuple[int, float], ...] = ()
    """Pairs of a number of steps and the step size after them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """What every experiment has: data and schedule. A family adds `objective`, what it minimises in a word."""

    data: Data
    batch_size: int
    """Examples that each update sees (of a GAN: each update of the discriminator)."""
    steps: int
    """Updates (of a GAN: of the generator)."""
    log_every: int
    """Steps between lines of metrics.jsonl."""
    sample_every: int | None
    """Steps between pictures of samples from fixed noise; None: never."""
    checkpoint_every: int
    """Steps between checkpoints; the last two are kept."""
    steps_per_execution: int
    """Steps run between two looks from Python; larger is faster for small networks."""
    evaluate_every: int | None = None
    """Steps between evaluations of generated images against real ones; None: never."""
    evaluate_samples: int = 50_000
    """Generated images of an evaluation."""
    evaluate_references: int = 50_000
    """Real images of each split that they are compared with, at most; larger data is drawn from."""
    evaluate_features: str = "inception"
    """Feature network of an evaluation: inception (a program from TF-Hub or TFHUB_CACHE_DIR: trust who filled it),
    cifar10-cnn, digits-cnn, or FILE.keras (read in Keras' safe mode)."""
    evaluate_measures: Literal["all", "distances"] = "all"
    """distances: FID, KID and Inception score. all: those that compare every image with every other one, too."""
    precision: str = "float32"
    """What layers compute in: float32, or bfloat16; weights, outputs, losses and averages are float32 in both."""
    sources: tyro.conf.SuppressFixed[tyro.conf.Fixed[Mapping[str, str]]] = dataclasses.field(
        default_factory=dict, compare=False
    )
    """Where each value comes from, by its dotted name."""

    @property
    def examples_per_step(self):
        """Examples that one step takes from the data."""
        return self.batch_size

    @property
    def takes_labels(self):
        """Whether the model learns from class labels."""
        return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class GanPreset(Preset):
    """One GAN experiment: networks, objective and update rule."""

    network: Mlp | Dcgan
    loss: QuantileRegression | NonSaturating | LeastSquares | Wasserstein | Hinge
    generator_optimizer: Adam
    discriminator_optimizer: Adam
    latent_dim: int
    """Size of the generator's noise."""
    prior: Literal["normal", "uniform"]
    """Distribution of the noise: standard normal, or uniform on [-1, 1]."""
    update: Literal["simultaneous", "alternating"]
    """simultaneous: both networks at the same parameters (Algorithm 1). alternating: discriminator first."""
    discriminator_steps: int = 1
    """Discriminator updates for each generator update, with alternating updates."""
    gradient_penalty: float | None = None
    """Weight of the gradient penalty (WGAN-GP)."""
    weight_clip: float | None = None
    """Bound on the discriminator's weights (WGAN)."""

    @property
    def examples_per_step(self):
        return self.batch_size * self.discriminator_steps

    @property
    def objective(self):
        return f"{type(self.loss).__name__}, {self.update}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelPreset(Preset):
    """One autoregressive experiment: a Gated PixelCNN that predicts every value from those before it."""

    network: GatedPixelCnn
    head: Literal["quantile", "softmax"]
    """quantile: PixelIQN, a quantile of each value. softmax: PixelCNN, 256 logits for each value."""
    optimizer: Adam | RmsProp | Sgd
    kappa: float = 0.002
    """Width of the quadratic part of the Huber quantile loss, for pixels in [-1, 1]; 0: pinball loss."""
    class_conditional: bool = False
    """Learn and sample with the data's class labels."""
    average_decay: float = 0.9999
    """Decay of the average of the weights that samples and evaluations are taken from."""

    @property
    def takes_labels(self):
        return self.class_conditional

    @property
    def objective(self):
        return {"quantile": "quantile Huber", "softmax": "cross-entropy"}[self.head]


@dataclasses.dataclass(frozen=True, kw_only=True)
class VaePreset(Preset):
    """One experiment with a variational autoencoder, and an AIQN over its latents or none."""

    network: ConvVae
    latent_dim: int
    """Number of latents."""
    kl_weight: float
    """Weight of the KL term."""
    latent_variance: float
    """Variance of the noise in the latents."""
    optimizer: Adam
    aiqn: Aiqn | None
    """What learns the distribution of the latents; None: a VAE alone."""
    likelihood: Literal["discretized_logistic", "squared_error"] = "discretized_logistic"
    """discretized_logistic: of grey levels, with learned scales. squared_error: of a Gaussian of variance 1/2."""

    @property
    def objective(self):
        return "ELBO, quantile Huber" if self.aiqn else "ELBO"


def check(preset):
    """Raises ValueError where a value of `preset` is out of its range, whatever the family."""
    if preset.precision not in ("float32", "bfloat16"):
        raise ValueError(
            "precision must be float32 or bfloat16, whose range is that of float32; float16 would need a loss scale "
            f"for each network. Received: {preset.precision!r}"
        )
    for name, value in leaves(preset).items():
        field = name.rpartition(".")[2]
        if field in _COUNTS and value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1. Received: {value}")
        if field == "learning_rate" and not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0. Received: {value}")
        if field == "decays":
            _check_decays(name, value)
        if field in ("epsilon", "latent_variance") and not value > 0:
            raise ValueError(f"{name} must be above 0. Received: {value}")
        if field in ("kappa", "kl_weight") and not value >= 0:
            raise ValueError(f"{name} must be at least 0. Received: {value}")
        if field in ("average_decay", "beta_1", "beta_2") and not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1. Received: {value}")


def _check_decays(name, decays):
    steps, rates = [step for step, _ in decays], [rate for _, rate in decays]
    if not all(a < b for a, b in zip([0, *steps], steps)) or not all(0 < rate < math.inf for rate in rates):
        raise ValueError(
            f"{name} must be pairs of a step and the rate from there on: steps that rise from 1, rates above 0. "
            f"Received: {decays}"
        )


def leaves(value, prefix=""):
    """Dotted field names and values of a nested dataclass: `{"loss.penalty_weight": 0.1, ...}`."""
    found = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.name == "sources":
            continue
        if dataclasses.is_dataclass(item):
            found[f"{prefix}{field.name}"] = type(item).__name__
            found.update(leaves(item, f"{prefix}{field.name}."))
        else:
            found[f"{prefix}{field.name}"] = item
    return found


def differences(there, now, may_change=()):
    """What two dictionaries of fields differ in, but for those that `may_change`: "seed: 0 there, 1 now; ..." or ""."""
    changed = [k for k in sorted(there.keys() | now.keys()) if there.get(k) != now.get(k) and k not in may_change]
    return "; ".join(f"{key}: {there.get(key)} there, {now.get(key)} now" for key in changed)


def to_dict(value):
    """A preset as JSON-ready nested dictionaries; the class of each part stands under "type"."""
    fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name != "sources"}
    nested = {k: to_dict(v) if dataclasses.is_dataclass(v) else v for k, v in fields.items()}
    return {"type": type(value).__name__, **nested}


def from_dict(value):
    """The preset that `to_dict` wrote.

    Raises:
      ValueError: naming an unknown type or field.
    """
    fields = {k: _from_json(v) for k, v in value.items() if k != "type"}
    kind = _TYPES.get(value.get("type"))
    if kind is None:
        raise ValueError(f"type must be one of {', '.join(_TYPES)}. Received: {value.get('type')!r}")
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"{kind.__name__} does not take these fields: {error}") from error


def _from_json(value):
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    return from_dict(value) if isinstance(value, dict) else value


_COUNTS = {
    "steps", "batch_size", "latent_dim", "log_every", "sample_every", "checkpoint_every", "steps_per_execution",
    "evaluate_every", "evaluate_samples", "evaluate_references", "discriminator_steps", "width", "hidden_layers",
    "blocks", "planes", "output_planes",
}  # fmt: skip
_TYPES = {
    kind.__name__: kind
    for kind in (
        GanPreset, PixelPreset, VaePreset, Data, Mlp, Dcgan, GatedPixelCnn, ConvVae, Aiqn, Adam, RmsProp,
        Sgd, QuantileRegression, NonSaturating, LeastSquares, Wasserstein, Hinge,
    )
}  # fmt: skip
