"""What captions cost: beam search as one graph against loops of Python, and an export against its model.

    python benchmarks/captions.py
    python benchmarks/captions.py --batches 1 --rounds 3 --models scenes     # a minute

  scenes  the decoder of captions-scenes: 42 words, 64 areas, 17 steps
  coco    the paper's decoder: 6,327 words, 196 areas, 20 steps; one batch of one image

  graph   `beam_search` compiled
  steps   a loop of Python over steps that are compiled, each alone; captions are sorted by NumPy
  loop    the same loop over steps that are not

  model   `Captioner.caption` and `attend` of captions-scenes, untrained: sentences, scores, where the best one looks
  export  the signature `caption` of its SavedModel, loaded by tf.saved_model.load in a process without the model

Peers get the same states or images and give NumPy arrays; loops check that they find what the graph finds. They live in
processes of their own and wait while another is timed; the order turns with every round. Ratios are medians of each
round's ratio.
"""

import functools
import multiprocessing
import os
import statistics
import tempfile

from rounds import arguments, measure

BEAM = 5
SIZES = {  # num_words, image_dim, area_dim, word_dim, state_dim; areas; length
    "scenes": ((42, 128, 96, 64, 128), 64, 17),
    "coco": ((6_327, 4_096, 512, 512, 512), 196, 20),
}


def decoder(kind):
    """A decoder that seldom ends a caption, so that all peers take all steps."""
    import keras

    from qrkeras import networks

    (words, image_dim, area_dim, *sizes), _, _ = SIZES[kind]
    made = networks.CaptionDecoder(words, image_dim, area_dim, *sizes, seed=0)
    made.attention.words.assign(keras.ops.concatenate([made.attention.words[:1] - 1, made.attention.words[1:]]))
    made.attention.word.assign(made.attention.word + 1)
    return made


def given(kind, batch):
    """Vectors and descriptors of areas, as encoders give them after ReLU."""
    import numpy as np

    (_, image_dim, area_dim, *_), areas, _ = SIZES[kind]
    random = np.random.default_rng(0)
    found = random.normal(size=(batch, image_dim)), random.normal(size=(batch, areas, area_dim))
    return [np.maximum(each, 0).astype("float32") for each in found]


def graph(kind):
    """Returns a function from vectors and areas to ids and scores."""
    import tensorflow as tf

    from qrkeras.models.beam_search import beam_search
    from qrkeras.words import OOV, STOP

    made, length = decoder(kind), SIZES[kind][2]

    @tf.function(autograph=False)
    def search(vectors, areas):
        seen = made.look(areas)
        return beam_search(
            made.begin(vectors),
            lambda state: tuple(made.predict_next(state, seen)),
            lambda state, ids, looked: made.advance(state, ids, looked, seen),
            BEAM,
            length,
            STOP,
            never=(OOV,),
        )

    return lambda *given: [part.numpy() for part in search(*given)]


def loop(kind, compiled):
    """Returns the same, step by step."""
    import numpy as np
    import tensorflow as tf

    from qrkeras.words import OOV, STOP

    made, length = decoder(kind), SIZES[kind][2]
    step = functools.partial(tf.function, autograph=False) if compiled else lambda function: function
    begin, look = step(lambda vectors: tf.repeat(made.begin(vectors), BEAM, axis=1)), step(made.look)
    predict = step(lambda state, seen: made.predict_next(state, seen))

    @step
    def advance(state, parents, said, looked, seen):
        state, *looked = (tf.gather(x, parents, axis=1, batch_dims=1) for x in (state, *looked))
        return made.advance(state, said, looked, seen)

    def search(vectors, areas):
        state, seen = begin(vectors), look(areas)
        rows = np.arange(len(vectors))[:, None]
        ids = np.full((len(vectors), BEAM, length), STOP, "int32")
        scores = np.where(np.arange(BEAM) == 0, 0, -np.inf).astype("float32") + np.zeros((len(vectors), 1), "float32")
        ended = np.zeros((len(vectors), BEAM), bool)
        for t in range(length):
            log_words, looked = predict(state, seen)
            log_words = log_words.numpy()
            words = log_words.shape[-1]
            log_words[..., OOV] = -np.inf
            log_words[ended] = np.where(np.arange(words) == STOP, 0, -np.inf)
            flat = (scores[..., None] + log_words).reshape(len(vectors), -1)
            best = np.argpartition(-flat, BEAM, axis=1)[:, :BEAM]
            best = best[rows, np.argsort(-flat[rows, best], axis=1)]
            scores, parents, said = flat[rows, best], best // words, (best % words).astype("int32")
            ids, ended = ids[rows, parents], ended[rows, parents] | (said == STOP)
            ids[..., t] = said
            if ended.all() or t + 1 == length:
                break
            state = advance(state, parents, said, looked, seen)
        return ids, scores

    return search


def searcher(kind, batch, name, threads):
    """Returns a function that searches a number of times."""
    import numpy as np

    set_threads(threads)
    inputs = given(kind, batch)
    search = graph(kind) if name == "graph" else loop(kind, name == "steps")
    if name != "graph":
        expected, found = graph(kind)(*inputs), search(*inputs)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)
    return lambda steps: [search(*inputs) for _ in range(steps)]


def build():
    from qrkeras import data, presets
    from qrkeras.experiments import build

    model = build.model(presets.get("captions-scenes"), data.load("scenes"), seed=0)
    made = decoder("scenes")  # of the same sizes
    model.decoder.set_weights(made.get_weights())
    return model


def answerer(folder, batch, name, threads):
    """Returns a function that captions a batch a number of times."""
    import numpy as np
    import tensorflow as tf

    set_threads(threads)
    images = np.random.default_rng(0).integers(0, 256, (batch, 64, 64, 3)).astype("uint8")
    if name == "export":
        served = tf.saved_model.load(os.path.join(folder, "captions", "1")).signatures["caption"]
        given = tf.constant(images)
        return lambda steps: [{k: v.numpy() for k, v in served(images=given).items()} for _ in range(steps)]
    model = build()

    def answer():
        said = model.caption(images, batch_size=batch)
        return said, model.attend(images, [beams[0][0] for beams in said], batch_size=batch)

    return lambda steps: [answer() for _ in range(steps)]


def set_threads(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def export(folder):
    from qrkeras.serving import export as serving

    serving.export_model(build(), folder, "captions")


def ratio(of, over):
    return statistics.median(a / b for a, b in zip(of["seconds"], over["seconds"], strict=True))


def main():
    parser = arguments(__doc__, threads=2, rounds=7)
    parser.add_argument("--models", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 50], help="images at a time, of scenes")
    s = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print("| search | batch | graph, ms an image | steps | loop | graph, times faster than steps | than loop |")
    print("|---|---|---|---|---|---|---|")
    for kind in s.models:
        for batch in s.batches if kind == "scenes" else [1]:
            peers, steps = ["graph", "steps", "loop"], 1 + (8 // batch if kind == "scenes" else 0)
            found = measure(functools.partial(searcher, kind, batch), peers, s.threads, s.rounds, steps)
            cells = [f"{1e3 * statistics.median(found[name]['seconds']) / batch:.2f}" for name in peers]
            cells += [f"{ratio(found[name], found['graph']):.1f}" for name in peers[1:]]
            print(f"| {kind} | {batch} | {' | '.join(cells)} |", flush=True)
    if "scenes" not in s.models:
        return
    print("\n| caption of scenes | batch | model, ms an image | export | export over model |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(export, (folder,))
        for batch in s.batches:
            peers = ["model", "export"]
            found = measure(functools.partial(answerer, folder, batch), peers, s.threads, s.rounds, 2 + 16 // batch)
            cells = [f"{1e3 * statistics.median(found[name]['seconds']) / batch:.2f}" for name in peers]
            print(f"| | {batch} | {' | '.join(cells)} | {ratio(found['export'], found['model']):.2f} |", flush=True)


if __name__ == "__main__":
    main()
