"""Mutants: one line of the package changed at a time, and the tests that ought to notice.

    python tests/support/mutants.py                 # all of them, minutes each on a busy machine
    python tests/support/mutants.py penalty bound   # those whose name holds one of these words

Each mutant is made in a copy of the package, so that nothing here changes. The table tells which died, that is, whether
a test failed; one that lives is a test to write. A mutant whose line is no longer there is an error.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; `tests` are run until one fails."""

    name: str
    file: str
    old: str
    new: str
    tests: str


EXPERIMENT, GAN_STEP, PRESETS = (
    "tests/experiments/test_build.py",
    "tests/models/test_gan_step.py",
    "tests/families/test_presets.py",
)
DCGAN, VAE_NETWORKS, VAE = "tests/networks/test_dcgan.py", "tests/networks/test_vae.py", "tests/models/test_vae.py"
LOSSES = "tests/losses/test_adversarial.py"
SHIFTED, BLOCK = "tests/layers/test_shifted.py", "tests/layers/test_gated_residual.py"
PLUS, STRIDED, STREAM = (
    f"tests/networks/test_{name}.py" for name in ("pixelcnnpp", "strided_sampler", "condition_stream")
)
PLUS_MODEL, AGAVE, VQVAE, LATENT, HIERARCHY = (
    f"tests/models/test_{name}.py" for name in ("pixelcnnpp", "agave", "vqvae", "latent", "hierarchical_vae")
)
MIXTURE, AUXILIARY = "tests/losses/test_mixture_likelihood.py", "tests/losses/test_auxiliary.py"
VERDICT, REPRODUCED = "tests/claims/test_verdict.py", "tests/claims/test_reproduced.py"

MUTANTS = [
    Mutant(
        "experiment ignores kappa",
        "qrkeras/families/pixels/build.py",
        "PixelIQN(network, kappa=preset.kappa, **options)",
        "PixelIQN(network, **options)",
        EXPERIMENT,
    ),
    Mutant(
        "experiment ignores gradient_penalty",
        "qrkeras/families/gan/build.py",
        "        gradient_penalty=preset.gradient_penalty,\n",
        "",
        EXPERIMENT,
    ),
    Mutant(
        "both networks have one seed",
        "qrkeras/families/gan/schema.py",
        '**options, **whole, seed=2 * seed + 1, name="discriminator"',
        '**options, **whole, seed=2 * seed, name="discriminator"',
        EXPERIMENT,
    ),
    Mutant(
        "epsilon of the mixtures",
        "qrkeras/families/gan/mixtures.py",
        "epsilon=1e-3)",
        "epsilon=1e-7)",
        PRESETS,
    ),
    Mutant(
        "update rule of grid25",
        "qrkeras/families/gan/mixtures.py",
        '"grid25": ("simultaneous"',
        '"grid25": ("alternating"',
        PRESETS,
    ),
    Mutant(
        "update rule of the image presets",
        "qrkeras/families/gan/images.py",
        'update="simultaneous" if quantile else "alternating"',
        'update="alternating"',
        PRESETS,
    ),
    Mutant(
        "penalty at real points",
        "qrkeras/models/gan.py",
        "step.input_gradient(realism, interpolate(real, fake, fractions))",
        "step.input_gradient(realism, real + 0.0 * interpolate(real, fake, fractions))",
        GAN_STEP,
    ),
    Mutant(
        "one interpolation fraction a batch",
        "qrkeras/losses/penalties.py",
        "e = ops.reshape(fractions, (-1,)",
        "e = ops.reshape(0.0 * fractions + fractions[0], (-1,)",
        GAN_STEP,
    ),
    Mutant(
        "D(real) on moving statistics",
        "qrkeras/models/gan.py",
        "first_outputs, second_outputs = self.whole_outputs(first, training)",
        "first_outputs, second_outputs = self.whole_outputs(first, False)",
        GAN_STEP,
    ),
    Mutant(
        "alternating generator phase, generator in inference mode",
        "qrkeras/models/gan.py",
        'self.generator(noise("z"), training=training)',
        'self.generator(noise("z"), training=training and wanted != "g_loss")',
        GAN_STEP,
    ),
    Mutant(
        "alternating generator phase, discriminator in inference mode",
        "qrkeras/models/gan.py",
        "second_outputs = self.whole_outputs(second, training)\n            first_outputs",
        "second_outputs = self.whole_outputs(second, False)\n            first_outputs",
        GAN_STEP,
    ),
    Mutant(
        "judge on batch statistics",
        "qrkeras/models/gan.py",
        "self.discriminator(self.real_examples(examples), training=False)",
        "self.discriminator(self.real_examples(examples), training=True)",
        GAN_STEP,
    ),
    Mutant(
        "slope of LeakyReLU, DCGAN",
        "qrkeras/networks/dcgan.py",
        "x = layers.LeakyReLU(0.2)(x)",
        "x = layers.LeakyReLU(0.3)(x)",
        DCGAN,
    ),
    Mutant(
        "activation of the generator",
        "qrkeras/networks/dcgan.py",
        "        x = layers.ReLU()(x)\n",
        "        x = layers.LeakyReLU(0.2)(x)\n",
        DCGAN,
    ),
    Mutant(
        "momentum of batch normalisation",
        "qrkeras/networks/dcgan.py",
        "BatchNormalization(momentum=0.9,",
        "BatchNormalization(momentum=0.99,",
        DCGAN,
    ),
    Mutant(
        "epsilon of batch normalisation",
        "qrkeras/networks/dcgan.py",
        "epsilon=1e-5)",
        "epsilon=1e-3)",
        DCGAN,
    ),
    Mutant(
        "slope of LeakyReLU, VAE",
        "qrkeras/networks/vae.py",
        "x = layers.LeakyReLU(0.2)(x)",
        "x = layers.LeakyReLU(0.1)(x)",
        VAE_NETWORKS,
    ),
    Mutant(
        "activation of the decoder",
        "qrkeras/networks/vae.py",
        "        x = layers.ReLU()(x)\n",
        "        x = layers.LeakyReLU(0.2)(x)\n",
        VAE_NETWORKS,
    ),
    Mutant(
        "own: quantile term back on the latents' scale",
        "qrkeras/models/aiqn_vae.py",
        "aiqn_loss * self.latent_dim / self.num_values",
        "aiqn_loss",
        VAE,
    ),
    Mutant(
        "own: kl_weight in the bound too",
        "qrkeras/models/vae.py",
        '"bits_per_dim": bits_per_dim((ops.mean(nats) + kl) / self.num_values)',
        '"bits_per_dim": bits_per_dim((ops.mean(nats) + weighted) / self.num_values)',
        VAE,
    ),
    Mutant(
        "own: IWAE averages logs",
        "qrkeras/losses/bounds.py",
        "return s + 1, ops.logaddexp(log_sum, log_weight(s))",
        "return s + 1, ops.maximum(log_sum, log_weight(s))",
        VAE,
    ),
    Mutant(
        "own: the average's warm-up dropped",
        "qrkeras/models/average.py",
        "ops.minimum(average_decay, (1.0 + age) / (10.0 + age))",
        "ops.minimum(average_decay, 1.0 + 0.0 * age)",
        VAE,
    ),
    Mutant(
        "own: rate changes a step late",
        "qrkeras/families/optimizers.py",
        "[step - 1 for step in steps]",
        "list(steps)",
        "tests/families/test_pixels.py",
    ),
    Mutant(
        "own: Hinge's margin",
        "qrkeras/losses/adversarial.py",
        "ops.relu(1.0 + fake_outputs)",
        "ops.relu(fake_outputs)",
        LOSSES,
    ),
    Mutant(
        "own: L1-square without its half",
        "qrkeras/losses/penalties.py",
        "ops.square(0.5 * size - norm_target)",
        "ops.square(size - norm_target)",
        LOSSES,
    ),
    Mutant(
        "own: infinite fake target has the real one's slope",
        "qrkeras/losses/adversarial.py",
        "return (1.0 - self.fractions) * means",
        "return self.fractions * means",
        LOSSES,
    ),
    Mutant(
        "own: both discriminator steps see the same part",
        "qrkeras/models/step.py",
        "batch.part(i, model.first_steps)",
        "batch.part(0, model.first_steps)",
        "tests/models/test_gan.py",
    ),
    Mutant(
        "own: weights clipped on one side",
        "qrkeras/models/gan.py",
        "ops.clip(weight, -bound, bound)",
        "ops.minimum(weight, bound)",
        "tests/models/test_gan.py",
    ),
    Mutant(
        "own: uniform noise on [0, 1]",
        "qrkeras/models/noise.py",
        "minval=-1.0, maxval=1.0",
        "minval=0.0, maxval=1.0",
        "tests/models/test_gan.py",
    ),
    Mutant(
        "own: covariance divided by n",
        "qrkeras/metrics/frechet.py",
        "scatter /= self.count - 1",
        "scatter /= self.count",
        "tests/metrics/test_frechet.py",
    ),
    Mutant(
        "own: KID with the diagonal",
        "qrkeras/metrics/kernel.py",
        "within = _sum_of_kernel(x, x, diagonal=False)",
        "within = _sum_of_kernel(x, x, diagonal=True)",
        "tests/metrics/test_kernel.py",
    ),
    Mutant(
        "own: recall for precision",
        "qrkeras/metrics/neighbours.py",
        "precision=float((balls > 0).mean()),\n        recall=float(recalled.mean()),",
        "precision=float(recalled.mean()),\n        recall=float((balls > 0).mean()),",
        "tests/metrics/test_neighbours.py",
    ),
    Mutant(
        "own: references of 50,000 for all",
        "qrkeras/experiments/kinds/images.py",
        '"train", network, preset.evaluate_references, verbose)',
        '"train", network, 50_000, verbose)',
        "tests/experiments/test_kinds.py",
    ),
    Mutant(
        "own: drawn value is not rounded",
        "qrkeras/models/pixeliqn.py",
        "return to_unit(to_uint8(outputs[..., 0]))",
        "return outputs[..., 0]",
        "tests/models/test_pixels.py",
    ),
    Mutant(
        "own: mask A where B belongs",
        "qrkeras/layers/colours.py",
        "inputs[:, None] < outputs if strict else inputs[:, None] <= outputs",
        "inputs[:, None] < outputs",
        "tests/layers/test_colours.py tests/networks/test_pixelcnn.py",
    ),
    Mutant(
        "own: epochs share a permutation",
        "qrkeras/data/order.py",
        'tf.cast(seed, "int64"), epoch]',
        'tf.cast(seed, "int64"), 0 * epoch]',
        "tests/data/test_order.py",
    ),
    Mutant(
        "own: best model of the largest distance",
        "qrkeras/callbacks/evaluation.py",
        "measures.fid_train <= min(value for _, value in curve)",
        "measures.fid_train >= max(value for _, value in curve)",
        "tests/callbacks/test_evaluation.py",
    ),
    Mutant(
        "own: variance not centred",
        "qrkeras/layers/normalization.py",
        "centre = ops.stop_gradient(mean)\n",
        "centre = ops.zeros_like(mean)\n",
        "tests/layers/test_normalization.py",
    ),
    Mutant(
        "own: both batches are the same mixture",
        "qrkeras/models/gan.py",
        "interpolate(fake, real, own)",
        "interpolate(real, fake, own)",
        GAN_STEP,
    ),
    Mutant(
        "own: the second batch has the first one's target",
        "qrkeras/losses/mixed.py",
        "self._distance(second, 1.0 - share)",
        "self._distance(second, share)",
        "tests/losses/test_mixed.py",
    ),
    Mutant(
        "own: sigma without a gradient",
        "qrkeras/layers/spectral.py",
        "return kernel / spectral_norm(kernel, u)",
        "return kernel / ops.stop_gradient(spectral_norm(kernel, u))",
        "tests/layers/test_spectral.py",
    ),
    Mutant(
        "own: Gamma starts as large as Lambda",
        "qrkeras/layers/equivariant.py",
        "self.scales = batch_size / (batch_size + 1), 1 / (batch_size + 1)",
        "self.scales = batch_size / (batch_size + 1), batch_size / (batch_size + 1)",
        "tests/layers/test_equivariant.py",
    ),
    Mutant(
        "own: PixelCNN++: s is what a pair of blocks sees, without ELU",
        "qrkeras/networks/condition_stream.py",
        "found[n].append(ops.elu(s))",
        "found[n].append(s)",
        STREAM,
    ),
    Mutant(
        "own: PixelCNN++: the condition forgets what it was before it halved",
        "qrkeras/networks/condition_stream.py",
        "s = s + self.doubling[n]",
        "s = self.doubling[n]",
        STREAM,
    ),
    Mutant(
        "own: PixelCNN++: convolutions of the condition do not add",
        "qrkeras/networks/condition_stream.py",
        "s = s + next(adding)(concat_elu(s))",
        "s = next(adding)(concat_elu(s))",
        STREAM,
    ),
    Mutant(
        "own: PixelCNN++: convolutions of the condition begin at full scale",
        "qrkeras/networks/condition_stream.py",
        "sum(down + up for down, up in pairs), scale=SCALE)",
        "sum(down + up for down, up in pairs))",
        STREAM,
    ),
    Mutant(
        "own: PixelCNN++: skips come back first one first",
        "qrkeras/networks/pixelcnnpp.py",
        "skip_upper, skip_left = skips.pop()",
        "skip_upper, skip_left = skips.pop(0)",
        PLUS,
    ),
    Mutant(
        "own: PixelCNN++: l reads the old u",
        "qrkeras/networks/pixelcnnpp.py",
        "block(blocks[1], left, (new, *skip_left), condition)",
        "block(blocks[1], left, (upper, *skip_left), condition)",
        PLUS,
    ),
    Mutant(
        "own: PixelCNN++: outputs without ELU",
        "qrkeras/networks/pixelcnnpp.py",
        "return self.head(ops.elu(left))",
        "return self.head(left)",
        PLUS,
    ),
    Mutant(
        "own: PixelCNN++: no ones at the border",
        "qrkeras/networks/pixelcnnpp.py",
        "ops.ones_like(images[..., :1])",
        "ops.zeros_like(images[..., :1])",
        STRIDED,
    ),
    Mutant(
        "own: PixelCNN++: u begins with its own row",
        "qrkeras/networks/pixelcnnpp.py",
        "self.start_upper = start((-2, -1), UPPER)",
        "self.start_upper = start((-1, 0), UPPER)",
        PLUS,
    ),
    Mutant(
        "own: PixelCNN++: u spreads from its first column",
        "qrkeras/layers/shifted.py",
        "return spread[:, :, -self.columns[0] :]",
        "return spread[:, :, : 2 * rows.shape[2]]",
        SHIFTED,
    ),
    Mutant(
        "own: PixelCNN++: no place is left out below",
        "qrkeras/layers/shifted.py",
        "        x = _cropped(x, 1, bottom)\n",
        "",
        SHIFTED,
    ),
    Mutant(
        "own: PixelCNN++: dropout without its scale",
        "qrkeras/layers/gated_residual.py",
        "ops.zeros_like(x), x / (1.0 - rate))",
        "ops.zeros_like(x), x)",
        BLOCK,
    ),
    Mutant(
        "own: PixelCNN++: halves of the gate change places",
        "qrkeras/layers/gated_residual.py",
        "first * ops.sigmoid(second)",
        "second * ops.sigmoid(first)",
        BLOCK,
    ),
    Mutant(
        "own: PixelCNN++: the condition does not begin at zero",
        "qrkeras/layers/gated_residual.py",
        'initializer="zeros", name="condition"',
        'initializer="ones", name="condition"',
        BLOCK,
    ),
    Mutant(
        "own: PixelCNN++: nats of a pixel for those of a value",
        "qrkeras/models/pixelcnnpp.py",
        "self.network.levels) / self.example_shape[-1]",
        "self.network.levels)",
        PLUS_MODEL,
    ),
    Mutant(
        "own: PixelCNN++: dropout where nothing trains",
        "qrkeras/models/pixel_likelihood.py",
        "noise if training else None)",
        "noise)",
        PLUS_MODEL,
    ),
    Mutant(
        "own: PixelCNN++: the average does not start from data",
        "qrkeras/models/pixelcnnpp.py",
        "        self.average.set_weights(self.network.get_weights())\n",
        "",
        PLUS_MODEL,
    ),
    Mutant(
        "own: PixelCNN++: drawn pixels are not those of uint8 images",
        "qrkeras/models/pixelcnnpp.py",
        'return to_unit(to_uint8(ops.cast(found, "float32") * (2.0 / (levels - 1)) - 1.0))',
        'return ops.cast(found, "float32") * (2.0 / (levels - 1)) - 1.0',
        PLUS_MODEL,
    ),
    Mutant(
        "own: mixture: coefficients without tanh",
        "qrkeras/losses/mixture_likelihood.py",
        "[ops.tanh(part) for part in rest[2 * colours :]]",
        "list(rest[2 * colours :])",
        MIXTURE,
    ),
    Mutant(
        "own: mixture: seen colours do not turn the weights",
        "qrkeras/losses/mixture_likelihood.py",
        "log_weights = log_weights - mixture.nats(found, colour - 1)",
        "pass",
        MIXTURE,
    ),
    Mutant(
        "own: AGAVE: detached in any case",
        "qrkeras/models/agave.py",
        "ops.stop_gradient(inferred.outputs) if self.detach else inferred.outputs",
        "ops.stop_gradient(inferred.outputs)",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: apart for one update more",
        "qrkeras/models/agave.py",
        "self.random_state[1] >= self.pretrain_steps",
        "self.random_state[1] > self.pretrain_steps",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: lambda in the bound too",
        "qrkeras/models/agave.py",
        "bits_per_dim((pixels + kl) / self.num_values)",
        "bits_per_dim((pixels + self.kl_weight * kl) / self.num_values)",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: measured without averages",
        "qrkeras/models/agave.py",
        "if training else (self.averaged_hierarchy, self.averaged_network)",
        "if True else (self.averaged_hierarchy, self.averaged_network)",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: the other image is the image itself",
        "qrkeras/models/agave.py",
        "np.roll(images, -1, axis=0)",
        "images",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: averages do not start from data",
        "qrkeras/models/agave.py",
        "            getattr(self, average).set_weights(getattr(self, part).get_weights())\n",
        "            pass\n",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: draws of one latent share their levels",
        "qrkeras/models/agave.py",
        "drawn = self.decode(np.repeat(latents, draws, axis=0), batch_size, seed)",
        "drawn = np.repeat(self.decode(latents, batch_size, seed), draws, axis=0)",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: a line's images have levels of their own",
        "qrkeras/models/agave.py",
        "np.repeat(sample_seeds(seed, len(start)), steps, axis=0)",
        "sample_seeds(seed, len(start) * steps)",
        AGAVE,
    ),
    Mutant(
        "own: AGAVE: a mean is cut",
        "qrkeras/losses/auxiliary.py",
        "axis=(2, 4)) + 0.5)",
        "axis=(2, 4)))",
        AUXILIARY,
    ),
    Mutant(
        "own: AGAVE: coarse levels centred as fine ones",
        "qrkeras/losses/auxiliary.py",
        "(bin_width - 1) / 255.0 - 1.0",
        "-1.0",
        AUXILIARY,
    ),
    Mutant(
        "own: VQ-VAE: commitment weighs the codebook's distance",
        "qrkeras/models/vqvae.py",
        "codebook_loss + self.commitment * encoder_loss",
        "self.commitment * codebook_loss + encoder_loss",
        VQVAE,
    ),
    Mutant(
        "own: VQ-VAE: scales of the decoder do not learn",
        "qrkeras/models/vqvae.py",
        '([self.log_scale] if player == "loss" else [])',
        "[]",
        VQVAE,
    ),
    Mutant(
        "own: VQ-VAE: a place's nats for an image's",
        "qrkeras/models/vqvae.py",
        "self.prior(codes, training=training)), axis=(1, 2, 3))",
        "self.prior(codes, training=training)), axis=(1, 2, 3)) / 16",
        VQVAE,
    ),
    Mutant(
        "own: VQ-VAE: the codebook's gradient reaches the encoder",
        "qrkeras/layers/quantize.py",
        "ops.square(ops.stop_gradient(features) - found)",
        "ops.square(features - found)",
        "tests/layers/test_quantize.py",
    ),
    Mutant(
        "own: VQ-VAE: residual blocks do not add",
        "qrkeras/networks/vqvae.py",
        "layers.Add()([x, convolution(width, 1)(inner)])",
        "convolution(width, 1)(inner)",
        "tests/networks/test_vqvae.py",
    ),
    Mutant(
        "own: importance samples share their noise",
        "qrkeras/models/latent.py",
        "[noise(name, s) for s in range(samples)]",
        "[noise(name, 0) for s in range(samples)]",
        LATENT,
    ),
    Mutant(
        "own: importance samples: a mean of logs",
        "qrkeras/models/latent.py",
        "ops.mean(log_mean_exp(log_weights, axis=0))",
        "ops.mean(log_weights)",
        LATENT,
    ),
    Mutant(
        "own: dequantisation: one u for all samples",
        "qrkeras/models/latent.py",
        "lambda name: self.noise_of_seeds(seeds, index=s, name=name)",
        "lambda name: self.noise_of_seeds(seeds, index=0, name=name)",
        HIERARCHY,
    ),
    Mutant(
        "own: dequantisation: u is the noise of the latents",
        "qrkeras/models/base.py",
        "None if name is None else self.NOISES.index(name)",
        "None",
        HIERARCHY,
    ),
    Mutant(
        "own: dequantisation: without its log q",
        "qrkeras/models/hierarchical_vae.py",
        "gaussian_nats(y, outputs, self.log_scale), log_q, self.levels",
        "gaussian_nats(y, outputs, self.log_scale), 0.0, self.levels",
        HIERARCHY,
    ),
    Mutant(
        "own: claims: one variance for both arms",
        "qrkeras/claims/verdict.py",
        "x.var(ddof=1) / len(x)",
        "x.var(ddof=0) / len(x)",
        VERDICT,
    ),
    Mutant(
        "own: claims: an interval that reaches 0 holds",
        "qrkeras/claims/verdict.py",
        "says = HELD if low > 0",
        "says = HELD if high > 0",
        VERDICT,
    ),
    Mutant(
        "own: claims: the greatest of what should be less",
        "qrkeras/claims/reproduced.py",
        '(min if of.better == "less" else max)',
        '(max if of.better == "less" else min)',
        REPRODUCED,
    ),
    Mutant(
        "own: claims: a run's later figures count",
        "qrkeras/claims/reproduced.py",
        ' and r["step"] <= steps]',
        "]",
        REPRODUCED,
    ),
    Mutant(
        "own: claims: a run of another preset is done",
        "qrkeras/experiments/many.py",
        "return None if differences(leaves(run.preset), leaves(preset), rhythm(preset)) else run",
        "return run",
        REPRODUCED,
    ),
    Mutant(
        "own: claims: what is done trains again",
        "qrkeras/experiments/many.py",
        "    if job.done:\n        return\n",
        "",
        "tests/verbs/test_reproduce.py",
    ),
    Mutant(
        "own: AGAVE: the image's bits for the auxiliary's",
        "qrkeras/models/agave.py",
        "for nats in (pixels, auxiliary, other - pixels))",
        "for nats in (pixels, pixels, other - pixels))",
        AGAVE,
    ),
    Mutant(
        "own: weights start from other images",
        "qrkeras/experiments/stages.py",
        "source.batches(min(STARTS_FROM, source.size), seed)",
        "source.batches(min(STARTS_FROM, source.size), 0)",
        "tests/families/test_hierarchies.py",
    ),
]


def verdict(mutant, folder):
    """`died` or `LIVED`, and the test that noticed."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "sweeps", "__pycache__"))
    path = copy / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} holds {mutant.old!r} {text.count(mutant.old)} times, not once")
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-m", "", "-x", "-rfE", "-p", "no:cacheprovider", *mutant.tests.split()]
    run = subprocess.run(command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{mutant.name}: pytest ended with {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    failed = [line.split(" ")[1] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return ("died", failed[0] if failed else "") if run.returncode else ("LIVED", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="parts of names; none: all mutants")
    words = parser.parse_args().words
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    lived = 0
    print("| mutant | verdict | noticed by |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for mutant in chosen:
            said, test = verdict(mutant, pathlib.Path(folder))
            lived += said == "LIVED"
            print(f"| {mutant.name} | {said} | {test} |", flush=True)
    print(f"\n{lived} of {len(chosen)} lived")
    raise SystemExit(lived > 0)


if __name__ == "__main__":
    main()
