"""VQ-VAE: codes of a codebook as latents, and a PixelCNN that learns their distribution."""

import math

import keras
from keras import ops

from qrkeras.layers import initializing, perplexity
from qrkeras.losses import bits_per_dim, categorical_cross_entropy, categorical_quantile, check_levels
from qrkeras.models import replicas, step
from qrkeras.models.image_checks import check_images
from qrkeras.models.image_range import to_unit
from qrkeras.models.latent import LatentModel, level_nats


@keras.saving.register_keras_serializable(package="qrkeras")
class VQVAE(LatentModel):
    """Vector-quantised VAE with a learned prior  (van den Oord et al. 2017; thesis, eqs. 2.69 to 2.71).

    The encoder gives features f at each place, the codebook the nearest of its K rows e_k, the decoder the means of
    discretised logistics, as in `HierarchicalVAE`. With D values in an image, summed over places and features,

        loss       = (-log p(x | e_k) + |sg(f) - e_k|^2 + commitment |f - sg(e_k)|^2) / D
        prior_loss = -log p(k), the mean over places

    in nats. The prior, a PixelCNN, sees codes as one-hot planes and learns them while they form: they are whole
    numbers, through which no gradient passes. A second stage with `frozen` encoder, decoder and codebook polishes it.

    `bits_per_dim` counts images as the model draws them, `-log p(x | e_k) - log p(k)`; `uniform_bits_per_dim`, which
    training reports too, has `log K` for each code in place of the prior's nats. No noise is in either, so that more
    samples do not lower them. `perplexity` is that of the batch's codes.

    `encode` gives features, and `decode` their nearest codes' images, so that lines lead through codes.
    `initialize(images)` makes the codebook encodings of images, once, before training.

    Example:
      ```python
      model = VQVAE(
          networks.vqvae_encoder(32),
          networks.vqvae_decoder(32),
          layers.VectorQuantizer(512),
          networks.pixelcnn(8, 1, num_outputs=512, num_categories=512),
      )
      model.initialize(images[:128])
      model.compile(keras.optimizers.Adam(2e-4), keras.optimizers.Adam(1e-3))
      model.fit(images, batch_size=128, epochs=10)
      ```

    Args:
      encoder, decoder: of `networks.vqvae_encoder` and `vqvae_decoder`.   codebook: of `networks.vqvae_codebook`.
      prior: `networks.pixelcnn` of the codes' places, one colour, K outputs and K categories.
      commitment: of the encoder to its codes, beta, at least 0.
      levels: that the images have, spread over 0..255: 17 of digits. Figures of different levels do not compare.
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("encoder", "decoder", "codebook", "prior")
    OPTIONS = ("commitment", "levels")
    REPORTS = ("loss", "prior_loss", "bits_per_dim", "uniform_bits_per_dim", "perplexity")
    PLAYERS = {"loss": ("encoder", "decoder", "codebook"), "prior_loss": ("prior",)}

    def __init__(self, encoder, decoder, codebook, prior, commitment=0.25, levels=256, seed=0, **kwargs):
        _check_parts(encoder, decoder, codebook, prior)
        if not commitment >= 0:
            raise ValueError(f"commitment must be 0 or positive. Received: {commitment}")
        check_levels(levels)
        self.code_shape = tuple(encoder.output_shape[1:])
        super().__init__(encoder.input_shape[1:], math.prod(self.code_shape), seed, **kwargs)
        self.noise_shape = (*self.code_shape[:-1], 1)
        self.encoder = encoder
        self.decoder = decoder
        self.codebook = codebook
        if not codebook.built:
            codebook.build(encoder.output_shape)
        self.prior = prior
        self.commitment = commitment
        self.levels = levels
        self.log_scale = self.add_log_scale()

    def compile(self, optimizer="adam", prior_optimizer="adam", **kwargs):
        """Configures training.

        Args:
          optimizer: of encoder, decoder and codebook.   prior_optimizer: of the prior. Keras optimizers, names or
            configurations; two different objects, held in one `keras.optimizers.MultiOptimizer`.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        """
        optimizer, prior_optimizer = keras.optimizers.get(optimizer), keras.optimizers.get(prior_optimizer)
        if optimizer is prior_optimizer:
            raise ValueError(
                "optimizer and prior_optimizer must be two objects, since each keeps the moments of its own weights. "
                f"Received twice: {optimizer}"
            )
        self.code_optimizer, self.prior_optimizer = optimizer, prior_optimizer
        super().compile(step.joint_optimizer(self), **kwargs)

    def compiled_with(self):
        return {"optimizer": self.code_optimizer, "prior_optimizer": self.prior_optimizer}

    def optimizer_of(self, player):
        return self.prior_optimizer if player == "prior_loss" else self.code_optimizer

    def moved_by(self, player):
        return super().moved_by(player) + ([self.log_scale] if player == "loss" else [])

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images):
        """Reconstructions of images in [-1, 1]."""
        return self.decoder(self.codebook(self.encoder(images))[0])

    def initialize(self, images):
        """Makes the codebook encodings of uint8 images: see `layers.initializing`. Call it once, before `fit`."""
        check_images("images", images, self.example_shape, self.levels)
        encodings, num_codes = len(images) * math.prod(self.code_shape[:-1]), self.codebook.num_codes
        if encodings < num_codes:
            raise ValueError(
                f"num_codes must be at most the encodings that the codebook begins as. Received: {num_codes} for "
                f"{encodings} encodings of {len(images)} images. Choose fewer codes, or give more images."
            )
        with initializing():
            self.codebook(self.encoder(to_unit(ops.convert_to_tensor(images))))

    def measures(self, batch, noise, training, wanted=None):
        features = self.encoder(to_unit(batch.examples), training=training)
        quantized, codes, codebook_loss, encoder_loss = self.codebook(features)
        nats = ops.mean(self.reconstruction(batch.examples, self.decoder(quantized, training=training)))
        distances = ops.mean(ops.sum(codebook_loss + self.commitment * encoder_loss, axis=(1, 2)))
        prior_nats = ops.mean(self.prior_nats(codes, training))
        places = math.prod(self.code_shape[:-1])
        whole = replicas.whole_batch(ops.reshape(ops.cast(codes, "float32"), (-1, places)))
        uniform = places * math.log(self.codebook.num_codes)
        return {
            "loss": (nats + distances) / self.num_values,
            "prior_loss": prior_nats / places,
            "bits_per_dim": bits_per_dim((nats + prior_nats) / self.num_values),
            "uniform_bits_per_dim": bits_per_dim((nats + uniform) / self.num_values),
            "perplexity": perplexity(ops.cast(whole, "int32"), self.codebook.num_codes),
        }

    def prior_nats(self, codes, training=False):
        """`-log p(k)`, `(batch,)`, of codes `(batch, h, w)`."""
        codes = codes[..., None]
        return ops.sum(categorical_cross_entropy(codes, self.prior(codes, training=training)), axis=(1, 2, 3))

    def posterior(self, images, training=False):
        return self.encoder(to_unit(images), training=training)

    def infer(self, posterior, tau, training=False):
        codes = self.codebook.codes(posterior)
        outputs = self.decoder(self.codebook.look_up(codes), training=training)
        return ops.reshape(posterior, (-1, self.latent_dim)), -self.prior_nats(codes, training), outputs

    def bound(self, images, seeds, samples):
        return super().bound(images, seeds, 1)  # whatever is drawn, the code is the same

    def generate(self, tau, way):
        def drawn(outputs, levels):
            return ops.cast(categorical_quantile(outputs, levels), "float32")

        mask = ops.zeros(ops.shape(tau)[:-1], "int32")
        codes = self.prior.sample(tau, ops.zeros_like(tau), mask, None, drawn)[..., 0]
        features = self.codebook.look_up(ops.cast(codes, "int32"))
        return ops.reshape(features, (-1, self.latent_dim)), self.decoder(features)

    def outputs(self, latents):
        features = ops.reshape(latents, (-1, *self.code_shape))
        return self.decoder(self.codebook.look_up(self.codebook.codes(features)))

    def codes(self, images):
        """Features, before the codebook."""
        return ops.reshape(self.posterior(images), (-1, self.latent_dim))

    def reconstruction(self, images, outputs):
        """`-log p(x | e_k)`, `(batch,)`, in nats."""
        return level_nats(images, outputs, self.log_scale, self.levels)


def _check_parts(encoder, decoder, codebook, prior):
    shape, codes = encoder.output_shape, codebook.num_codes
    if decoder.input_shape != shape:
        raise ValueError(
            "decoder must take the encoder's features, (batch, height, width, code_dim). Received: encoder to "
            f"{shape}, decoder from {decoder.input_shape}"
        )
    if decoder.output_shape != encoder.input_shape:
        raise ValueError(
            f"decoder must make images of the shape that the encoder takes, {encoder.input_shape[1:]}. Received: "
            f"{decoder.output_shape[1:]}"
        )
    told = prior.image_shape, prior.num_outputs, prior.num_categories, prior.num_classes, prior.quantile
    if told != ((*shape[1:3], 1), codes, codes, None, False):
        raise ValueError(
            f"prior must be pixelcnn({shape[1]}, 1, num_outputs={codes}, num_categories={codes}), of the places of "
            f"codes. Received one of images {told[0]}, num_outputs={told[1]}, num_categories={told[2]}, "
            f"num_classes={told[3]}, quantile={told[4]}"
        )
