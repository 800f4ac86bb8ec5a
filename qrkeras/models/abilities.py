"""What some models can be asked and others cannot. A verb says `require(model, Inpaints)`."""

from typing import Protocol, runtime_checkable

_SAYS = {}


def ability(says):
    """Registers a protocol; `says` completes "a model that ..." in errors."""

    def register(protocol):
        _SAYS[protocol] = says
        return runtime_checkable(protocol)

    return register


@ability("draws examples")
class Samples(Protocol):
    def sample_batches(self, n, seed=0): ...


@ability("captions images")
class Captions(Protocol):
    def caption(self, images): ...

    def attend(self, images, captions): ...


@ability("completes images of which a part is known")
class Inpaints(Protocol):
    def inpaint(self, images, mask, tau=None, seed=0): ...


@ability("reconstructs images from their codes")
class Reconstructs(Protocol):
    def reconstruct(self, images): ...

    def interpolate(self, start, end, steps): ...


@ability("has a likelihood, or a bound of one")
class HasLikelihood(Protocol):
    def bits_per_dim(self, images): ...


@ability("tells what an autoregressive decoder takes from its latents")
class Decomposes(Protocol):
    def decompose(self, images, seed=0): ...


@ability("draws several images of the same latents")
class SharesLatents(Protocol):
    def draws(self, n, draws, seed=0): ...

    def redraw(self, images, draws, seed=0): ...


@ability("predicts quantiles of every value")
class HasQuantiles(Protocol):
    def quantiles(self, images, tau, labels=None): ...


@ability("draws examples from latents")
class HasLatents(Protocol):
    def encode(self, images): ...

    def sample_latents(self, n, seed=0): ...


@ability("judges how real an example is")
class JudgesRealism(Protocol):
    def realism(self, x): ...


@ability("starts its weights from data")
class StartsFromData(Protocol):
    def initialize(self, images): ...  # and labels, of a model that takes them


def can(model, protocol):
    """Whether a model has an ability."""
    return isinstance(model, protocol) and protocol not in model.LACKS


def described(protocol):
    """An ability in words, and the models that have it: "completes images ...: PixelCNN or PixelIQN"."""
    from qrkeras import models

    kinds = {name: getattr(models, name) for name in models.__all__}
    able = [name for name, kind in kinds.items() if issubclass(kind, protocol)]
    return f"{_SAYS[protocol]}: {' or '.join(able)}"


def require(model, protocol, asked="model must be one", received=None):
    """`model`, if it has an ability.

    Args: asked, received: what the error says is asked for, and was given; None: the model's class.
    Raises:
      ValueError: naming the models that have it.
    """
    if not can(model, protocol):
        built = ", which was built without" if protocol in model.LACKS else ""
        told = received or type(model).__name__
        raise ValueError(f"{asked} that {described(protocol)}. Received: {told}{built}")
    return model
