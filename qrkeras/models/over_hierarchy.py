"""What models over a top-down hierarchy of latents share: how it infers, draws and encodes."""

from keras import ops

from qrkeras.layers import initializing
from qrkeras.losses import gaussian_kl_between
from qrkeras.models.image_checks import check_images
from qrkeras.models.image_range import to_unit
from qrkeras.models.latent import LatentModel, normal_quantile
from qrkeras.models.noise import sample_seeds


class OverHierarchy(LatentModel):
    """A model of images whose latents are those of its `hierarchy`, of `networks.top_down`; `levels` its images have.

    Attributes:
      measured: the hierarchy by which all is measured and drawn: the one that trains, or its average.
    """

    @property
    def measured(self):
        return self.hierarchy

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images):
        """What the codes of images in [-1, 1] decode to."""
        return self.measured.decode(self._codes(images))

    def seen(self, images, tau=None):
        """What the hierarchy sees of uint8 images, at noise tau or at its middle: here, images in [-1, 1]."""
        return to_unit(images)

    def kl(self, inferred):
        """KL of each latent plane, `(batch, C)`: without a flow that of Gaussians, with one the sample's
        `log q(z | x) - log p(z)`."""
        if self.hierarchy.flow:
            return -inferred.log_ratio
        layers = [ops.sum(gaussian_kl_between(*gaussian), axis=(1, 2)) for gaussian in inferred.gaussians]
        return ops.concatenate(layers, axis=-1)

    def initialize(self, images, labels=None):
        """Starts the weights from uint8 images, at noise of the model's seed: see `layers.initializing`.

        Call it once, before `fit`, with labels where the model has classes.
        """
        check_images("images", images, self.example_shape, self.levels)
        labels = self.checked_labels(labels, len(images))
        tau, images = self.noise_of_seeds(sample_seeds(self.seed, len(images))), ops.convert_to_tensor(images)
        with initializing():
            inferred = self.hierarchy(self.seen(images, tau), self.gaussian_noise(tau), *labels)
            self.start_others(to_unit(images), inferred.outputs)

    def start_others(self, images, outputs):
        """Starts what else starts from data, of images in [-1, 1] and the hierarchy's outputs: nothing here."""

    def gaussian_noise(self, tau):
        """Normal quantiles of the latents' levels `(batch, latent_dim)`, which stand first in tau."""
        return normal_quantile(tau[:, : self.latent_dim])

    def posterior(self, images, training=False):
        return self.measured.features(to_unit(images))

    def infer(self, posterior, tau, training=False):
        inferred = self.measured.infer(posterior, self.gaussian_noise(tau))
        return inferred.latents, ops.sum(inferred.log_ratio, axis=-1), inferred.outputs

    def generate(self, tau, way, *labels):
        return self.measured.generate(self.gaussian_noise(tau), *labels)

    def outputs(self, latents, *labels):
        return self.measured.decode(latents, *labels)

    def codes(self, images, *labels):
        """Latents at zero noise: each is its posterior's centre, given those above, led through the flow."""
        return self._codes(self.seen(images), *labels)

    def _codes(self, seen, *labels):
        return self.measured(seen, ops.zeros((ops.shape(seen)[0], self.latent_dim)), *labels).latents
