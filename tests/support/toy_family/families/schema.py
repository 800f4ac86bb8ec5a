"""What can be set of the toy."""

from qrkeras.families.optimizers import Adam
from qrkeras.families.parts import Count, Positive, part
from qrkeras.families.preset import GenerativePreset


@part
class ToyMlp:
    width: Count = 8
    """Units of each hidden layer."""

    def build(self, num_values, seed):
        from qrkeras import networks

        return networks.mlp(1, num_values, width=self.width, seed=seed)


@part(kw_only=True)
class ToyPreset(GenerativePreset):
    """One experiment with sorted images."""

    network: ToyMlp
    optimizer: Adam
    power: Positive = 2.0
    """Exponent of the distance."""

    @property
    def objective(self):
        return "sorted distance"

    def build(self, source, seed):
        from qrkeras.families.toy.build import build

        return build(self, source, seed)
