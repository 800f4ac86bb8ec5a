"""The joint score of a caption's next word and the area it speaks of  (Areas of Attention, eqs. B.4 to B.7)."""

import itertools

import keras
from keras import ops

from qrkeras.layers.kernels import positive_int

FAR = -1e9  # the score of what is no area


def joint_marginals(words, matches, areas):
    """`(log p(w|h), log p(r|h))` of `p(w, r|h) = exp(a_w + M_wr + b_r) / Z`  (eqs. B.4, B.6).

        log p(w|h) = a_w + logsumexp_r(M_wr + b_r) - log Z
        log p(r|h) = b_r + logsumexp_w(a_w + M_wr) - log Z

    Choice: in log space. Products of exponentials, `e^a (e^M e^b)`, spare the array of all pairs and are NaN where
    scores differ by some hundreds.

    Args:
      words: a `(..., words)`.   matches: M `(..., words, areas)`.   areas: b `(..., areas)`; axes in front broadcast.
    Returns: `(..., words)`, `(..., areas)`.
    """
    seen = ops.logsumexp(matches + areas[..., None, :], axis=-1)  # (..., words)
    log_words = words + seen
    total = ops.logsumexp(log_words, axis=-1, keepdims=True)
    spoken = ops.logsumexp(words[..., :, None] + matches, axis=-2)  # (..., areas)
    return log_words - total, areas + spoken - total


def log_areas_given(matches, areas):
    """`log p(r|w, h) = log softmax_r(M_wr + b_r)`, of one word: conditional feedback  (Section B.3.2).

    Args:
      matches: the word's row of M, `(..., areas)`.   areas: b `(..., areas)`.
    """
    return ops.log_softmax(matches + areas, axis=-1)


@keras.saving.register_keras_serializable(package="qrkeras")
class JointAttention(keras.layers.Layer):
    """Scores of words and areas by three pairwise interactions  (Areas of Attention, eq. B.5).

        s(w, r|h) = a_w + M_wr + b_r
        a = W (th_wh h + th_w),    M = W th_wr R',    b = R (th_rh h + th_r)

    W are the word embeddings, which the layer owns and `embed` gives; R an image's descriptors of areas; h the state of
    the recurrent network, one for each caption of an image. M depends on neither step nor caption: `match` computes it
    once an image.

    Choice: the baseline, without areas, has th_w too, since it is what remains for R = 0; where there are areas, both
    unary terms stand in all of Table B.1's rows.

    Args:
      num_words: n_w.   word_dim: d_w.   state_dim: d_h.   area_dim: d_r; 0: the baseline, words alone.
      by_state: whether th_rh is there, "+ th_rh" of Table B.1; else `b = R th_r`.
      seed: int, of all weights, or None.
    Raises:
      ValueError: for sizes that are no positive ints.
    """

    def __init__(self, num_words, word_dim, state_dim, area_dim=0, by_state=True, seed=None, **kwargs):
        super().__init__(**{**kwargs, "autocast": False})  # M is float32, whatever else is computed in
        self.num_words = positive_int("num_words", num_words)
        self.word_dim = positive_int("word_dim", word_dim)
        self.state_dim = positive_int("state_dim", state_dim)
        self.area_dim = positive_int("area_dim", area_dim) if area_dim else 0
        self.by_state = by_state
        self.seed = seed

    def build(self, input_shape=None):
        seeds = itertools.repeat(None) if self.seed is None else itertools.count(self.seed)

        def matrix(name, *shape):
            return self.add_weight(name=name, shape=shape, initializer=keras.initializers.GlorotUniform(next(seeds)))

        drawn = keras.initializers.RandomNormal(0.0, 0.1, next(seeds))
        self.words = self.add_weight(name="words", shape=(self.num_words, self.word_dim), initializer=drawn)
        self.word_state = matrix("word_state", self.state_dim, self.word_dim)
        self.word = self.add_weight(name="word", shape=(self.word_dim,), initializer="zeros")
        if self.area_dim:
            self.word_area = matrix("word_area", self.area_dim, self.word_dim)
            self.area = self.add_weight(name="area", shape=(self.area_dim,), initializer="zeros")
            if self.by_state:
                self.area_state = matrix("area_state", self.state_dim, self.area_dim)
        self.built = True

    def embed(self, ids):
        """`W' w`: rows of W, `(..., word_dim)`."""
        return ops.take(self._own(self.words), ids, axis=0)

    def match(self, areas):
        """`M = W th_wr R'`, `(images, words, areas)` float32.   Args: areas: R `(images, areas, area_dim)`."""
        own = ops.cast(ops.matmul(areas, self.word_area), "float32")  # (images, areas, word_dim)
        return ops.matmul(ops.cast(self.words, "float32"), ops.swapaxes(own, -1, -2))

    def word_scores(self, state):
        """`a = W (th_wh h + th_w)`.   Args: state: `(..., state_dim)`.   Returns: `(..., words)` float32."""
        state = self._own(state)
        wanted = ops.cast(ops.matmul(state, self._own(self.word_state)) + self._own(self.word), "float32")
        return ops.matmul(wanted, ops.transpose(ops.cast(self.words, "float32")))

    def area_scores(self, state, areas, there=None):
        """`b = R (th_rh h + th_r)`, and far below all of them where an area is not `there`.

        Args:
          state: `(images, captions, state_dim)`.   areas: R `(images, areas, area_dim)`.
          there: bool `(images, areas)`, where images have different numbers of areas; None: all are.
        Returns: `(images, captions, areas)` float32.
        """
        state, areas = self._own(state), self._own(areas)
        wanted = ops.broadcast_to(self._own(self.area), (*ops.shape(state)[:-1], self.area_dim))
        wanted = wanted + ops.matmul(state, self._own(self.area_state)) if self.by_state else wanted
        scores = ops.cast(ops.matmul(wanted, ops.swapaxes(areas, -1, -2)), "float32")
        return scores if there is None else ops.where(there[:, None], scores, FAR)

    def call(self, state, areas=None, matches=None, there=None):
        """`(log p(w|h), log p(r|h), b)`; of the baseline `(log p(w|h), None, None)`.

        Args: matches: `match(areas)`.   others: as of `area_scores`.
        """
        words = self.word_scores(state)
        if areas is None:
            return ops.log_softmax(words, axis=-1), None, None
        scores = self.area_scores(state, areas, there)
        return (*joint_marginals(words, matches[:, None], scores), scores)

    def _own(self, x):
        return ops.cast(x, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_words": self.num_words,
            "word_dim": self.word_dim,
            "state_dim": self.state_dim,
            "area_dim": self.area_dim,
            "by_state": self.by_state,
            "seed": self.seed,
        }
