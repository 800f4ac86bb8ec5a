"""AIQN-VAE: a VAE, and an AIQN that learns the distribution of its codes."""

import keras
from keras import ops

from qrkeras.losses import quantile_huber
from qrkeras.models.average import averaged_copy, check_decay
from qrkeras.models.vae import VAE


@keras.saving.register_keras_serializable(package="qrkeras")
class AIQNVAE(VAE):
    """VAE whose samples are decoded from a learned distribution of codes  (AIQN, Supplement: "AIQN-VAE").

    At levels tau drawn afresh for every latent and step, the loss is `VAE`'s, `L_VAE / D` for images of D values, plus
    `sum_i rho^kappa_tau(e(x)_i - Q_tau,i) / D` over the latents: the paper's sum, all of it per value. A sample is
    `d(Q_tau)`. One optimizer descends the sum; `aiqn_loss`, as it is reported, is the mean of rho over the latents.

    **Choice**: the gradient of the second term stops at `e(x)`: the AIQN "models the training distribution over latent
    codes" and does not shape it. `stop_gradient=False` is the sum as the paper writes it.
    **Choice**: kappa is in units of the latents, and by default PixelIQN's.

    Example:
      ```python
      model = AIQNVAE(
          networks.vae_encoder(32), networks.vae_decoder(32), networks.aiqn(), kl_weight=0.5, latent_variance=0.1
      )
      model.compile(keras.optimizers.Adam(2e-4, 0.5))
      model.fit(images, batch_size=64, epochs=10)
      model.sample(16), model.sample(16, way="prior")  # the same levels, the same decoder
      ```

    Args:
      encoder, decoder, kl_weight, latent_variance, likelihood, importance_samples, levels, seed: as of
        `VAE`.
      aiqn: of `networks.aiqn(latent_dim)`.   kappa: of the Huber quantile loss; 0 is plain quantile regression.
      average_decay: of the Polyak average of the AIQN (`average.averaged`), which sampling and evaluation use.
      stop_gradient: whether the encoder is left alone by the AIQN's term.
    """

    PARTS = (*VAE.PARTS, "aiqn")
    OPTIONS = (*VAE.OPTIONS, "kappa", "average_decay", "stop_gradient")
    REPORTS = (*VAE.REPORTS, "aiqn_loss")
    AVERAGES = {"average": "aiqn"}
    WAYS = ("aiqn", "prior")

    def __init__(
        self,
        encoder,
        decoder,
        aiqn,
        kl_weight=1.0,
        latent_variance=1.0,
        kappa=0.002,
        average_decay=0.9999,
        stop_gradient=True,
        seed=0,
        likelihood="discretized_logistic",
        importance_samples=1,
        levels=256,
        **kwargs,
    ):
        if aiqn.latent_dim != decoder.input_shape[-1]:
            raise ValueError(
                f"aiqn must be of the decoder's {decoder.input_shape[-1]} latents. Received one of {aiqn.latent_dim}. "
                "Build it with that latent_dim."
            )
        if not kappa >= 0:
            raise ValueError(f"kappa must be 0 (plain quantile regression) or positive. Received: {kappa}")
        check_decay(average_decay)
        options = {"likelihood": likelihood, "importance_samples": importance_samples, "levels": levels, **kwargs}
        super().__init__(encoder, decoder, kl_weight, latent_variance, seed, **options)
        self.aiqn = aiqn
        self.average = averaged_copy(aiqn)
        self.kappa = kappa
        self.average_decay = average_decay
        self.stop_gradient = stop_gradient

    def measures(self, batch, noise, training):
        posterior = self.posterior(batch.examples, training)
        measured = self._variational(batch.examples, posterior, noise, training)
        aiqn_loss = ops.mean(self.code_losses(posterior[0], noise("aiqn_tau"), self.aiqn if training else self.average))
        loss = measured["loss"] + aiqn_loss * self.latent_dim / self.num_values
        return {**measured, "loss": loss, "aiqn_loss": aiqn_loss}

    def code_losses(self, codes, tau, aiqn):
        """`rho^kappa_tau(e(x) - Q_tau)` of codes e(x), `(batch, latent_dim)`."""
        codes = ops.stop_gradient(codes) if self.stop_gradient else codes
        return quantile_huber(codes, aiqn(codes, tau), tau, self.kappa)

    def latents_at(self, tau, way):
        return self.average.sample(tau) if way == "aiqn" else super().latents_at(tau, way)
