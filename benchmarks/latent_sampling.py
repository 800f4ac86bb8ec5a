"""Sampling the latents of AIQN-VAE: the traced loop against one pass of the AIQN, and against the plain sampler.

    python benchmarks/latent_sampling.py --threads 2
    python benchmarks/latent_sampling.py --batches 1 64 --rounds 3  # half a minute

32 latents, three layers of 512 (AIQN, Supplement). The plain sampler runs the whole network once a latent, in a traced
loop; a pass is `network(latents, tau)`. Every peer lives in its own process and waits while another is timed; the order
turns with every round. The figures are medians over the rounds, the ratios medians of each round's ratio.
"""

import functools
import json
import statistics

from rounds import arguments, measure


def peer(s, batch, name, threads):
    import tensorflow as tf

    from qrkeras.networks import aiqn

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    network = aiqn(s.latent_dim, s.width, s.hidden_layers, seed=0)

    def plain(tau):
        def draw_latent(i, latents):
            drawn = network(latents, tau)
            return i + 1, tf.where(tf.range(s.latent_dim) == i, drawn, latents)

        return tf.while_loop(lambda i, _: i < s.latent_dim, draw_latent, (0, tf.zeros_like(tau)))[1]

    unit = {"loop": network.sample, "pass": lambda tau: network(tau, tau), "plain": plain}[name]
    call = tf.function(unit, input_signature=[tf.TensorSpec((None, s.latent_dim), "float32")], autograph=False)
    tau = tf.random.uniform((batch, s.latent_dim), 1e-6, 1.0, seed=0)
    if name == "plain":
        tf.debugging.assert_near(call(tau), network.sample(tau), atol=1e-4)

    def run(steps):
        for _ in range(steps):
            call(tau).numpy()

    return run


def main():
    parser = arguments(__doc__, threads=2, rounds=5)
    parser.add_argument("--steps", type=int, default=20, help="batches that a peer draws in a round")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 1024])
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--hidden-layers", type=int, default=3)
    parser.add_argument("--json", help="file for the settings and the time of every round")
    settings = parser.parse_args()

    report = {"settings": vars(settings)}
    print("| batch | one pass, ms | loop, ms | loop, passes | plain, ms | loop, times faster than plain |")
    print("|---|---|---|---|---|---|")
    for batch in settings.batches:
        names = ["loop", "pass", "plain"]
        result = measure(
            functools.partial(peer, settings, batch), names, settings.threads, settings.rounds, settings.steps
        )
        report[batch] = result
        seconds = [result[name]["seconds"] for name in names]
        loop, single, plain = (1e3 * statistics.median(each) for each in seconds)
        passes = statistics.median(a / b for a, b in zip(seconds[0], seconds[1], strict=True))
        faster = statistics.median(a / b for a, b in zip(seconds[2], seconds[0], strict=True))
        print(f"| {batch:,} | {single:.2f} | {loop:.2f} | {passes:.1f} | {plain:.1f} | {faster:.1f} |", flush=True)
    if settings.json:
        with open(settings.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
