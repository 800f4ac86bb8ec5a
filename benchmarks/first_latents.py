"""Does the first latent of an AIQN want for units? Its quantile function, learned by networks of several widths.

    qrkeras train aiqnvae-digits
    python benchmarks/first_latents.py runs/aiqnvae-digits-0

The masks of an AIQN give the first latent width / latent_dim units of each layer, 16 of the paper's 512, and nothing to
be conditioned on: its quantile function is that of an AIQN of one latent with 16 units. Such networks are trained alone
on the run's codes, which stay as they are, with the preset's loss, optimizer, batch and steps, from several seeds.

The table has, for each width, the 1-Wasserstein distance to the training codes of the latent and the share of their
range between the quantiles 0.005 and 0.995 that the learned one spans; first comes the AIQN of the run itself.
"""

import argparse
import pathlib

import numpy as np
from scipy.stats import wasserstein_distance

ENDS = 0.005, 0.995


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="run directory of an AIQN-VAE")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64, 512], help="units of each hidden layer")
    parser.add_argument("--latents", type=int, default=4, help="how many of the first latents are learned, each alone")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each width")
    parser.add_argument("--steps", type=int, default=None, help="updates; the preset's by default")
    s = parser.parse_args()

    from qrkeras.experiments import runs
    from qrkeras.verbs import latents

    run = runs.load(s.run)
    compared = latents.compare(run)
    codes, drawn = compared.codes, compared.others["aiqn"]
    steps = s.steps or run.preset.steps
    print(f"{s.run}, {len(codes):,} codes, {steps:,} steps, {s.seeds} seeds\n")
    columns = [f"{name} {i}" for i in range(s.latents) for name in ("W1", "span")]
    print(f"| latent's network | {' | '.join(columns)} |\n|" + "---|" * (1 + len(columns)))
    print(_row("the run's AIQN", [[_measured(codes[:, i], drawn[:, i])] for i in range(s.latents)]))
    for width in s.widths:
        learned = [
            [_measured(codes[:, i], _learn(run.preset, codes[:, i], width, steps, seed)) for seed in range(s.seeds)]
            for i in range(s.latents)
        ]
        print(_row(f"alone, {width} units", learned), flush=True)


def _measured(codes, drawn):
    low, high = np.quantile(codes, ENDS)
    learned_low, learned_high = np.quantile(drawn, ENDS)
    return wasserstein_distance(codes, drawn), (learned_high - learned_low) / (high - low)


def _row(name, learned):
    cells = [f"{values.mean():.3f}" for latent in learned for values in np.array(latent).T]
    return f"| {name} | {' | '.join(cells)} |"


def _learn(preset, codes, width, steps, seed):
    """Values of the learned quantile function at 10,000 levels, of an average of the weights, as an AIQN's."""
    import keras
    import tensorflow as tf

    from qrkeras.losses import quantile_huber
    from qrkeras.models.average import averaged, averaged_copy
    from qrkeras.networks import aiqn

    network = aiqn(1, width, preset.aiqn.hidden_layers, seed=seed)
    average = averaged_copy(network)
    optimizer = preset.optimizer.build()
    optimizer.build(network.trainable_variables)
    data = tf.constant(codes[:, None])

    @tf.function
    def train():
        for step in tf.range(steps):
            noise = [seed, step]
            rows = tf.random.stateless_uniform([preset.batch_size], noise, maxval=len(codes), dtype=tf.int32)
            batch = tf.gather(data, rows)
            tau = tf.random.stateless_uniform(tf.shape(batch), [-1 - seed, step])
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(quantile_huber(batch, network(batch, tau), tau, preset.aiqn.kappa))
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            for mean, weight in zip(average.weights, network.weights):
                mean.assign(averaged(mean, weight, preset.aiqn.average_decay, step))

    train()
    tau = (np.arange(10_000, dtype="float32")[:, None] + 0.5) / 10_000
    return keras.ops.convert_to_numpy(average(np.zeros_like(tau), tau))[:, 0]


if __name__ == "__main__":
    main()
