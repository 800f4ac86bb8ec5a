"""The decoder of captions: a GRU that names the next word and the area it speaks of, and is fed both  (Areas of
Attention, Section B.3)."""

from typing import Any, NamedTuple

import keras
from keras import ops

from qrkeras.layers import JointAttention, dropout, log_areas_given
from qrkeras.networks.seeds import layer_seeds

FEEDBACKS = ("none", "conditional", "marginal")
_SMALL = 1e-8


class Seen(NamedTuple):
    """What one image gives to all its captions: descriptors R, `M = W th_wr R'`, and which areas there are, or None."""

    areas: Any
    matches: Any
    there: Any


class Predicted(NamedTuple):
    """Of each caption `log p(w|h)` `(images, captions, words)`; and, where there are areas, `log p(r|h)` and b
    `(images, captions, areas)`, else an empty pair."""

    words: Any
    looked: Any


@keras.saving.register_keras_serializable(package="qrkeras")
class CaptionDecoder(keras.Model):
    """A GRU whose state predicts a word and an area together, and is fed both  (Areas of Attention, eqs. B.1 to B.7).

        h_1 = th_hi phi
        p(w, r|h_t) as `JointAttention` has it
        h_t+1 = GRU(h_t, [W' w_t, v_t]),    v_t = R' p(r|h_t)         marginal feedback
                                             v_t = R' p(r|w_t, h_t)    conditional

    Table B.1's rows are `area_dim=0`, the baseline; `feedback="none"` with `by_state` False, "+ th_wr", or True,
    "+ th_rh"; "conditional"; "marginal", the full model.

    Choice: the first word is predicted from h_1, which is th_hi phi alone, and no START is fed. Choice, as the released
    code: phi and the rows of R are divided by their norm, and dropout is on the GRU's input and on h before the score.
    The GRU is that of Chung 2014, which resets the state before its product.

    Args:
      num_words: n_w, STOP and OOV among them.   image_dim: of phi.   area_dim: d_r of R, or 0.
      word_dim, state_dim: d_w and d_h.   by_state: whether the state scores areas.   feedback: one of FEEDBACKS.
      dropout: rate, in [0, 1).   seed: int, of all weights, or None.
    Raises:
      ValueError: for another feedback, or one without areas.
    """

    def __init__(
        self,
        num_words,
        image_dim,
        area_dim=0,
        word_dim=512,
        state_dim=512,
        by_state=True,
        feedback="marginal",
        dropout=0.5,
        seed=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if feedback not in FEEDBACKS:
            raise ValueError(f"feedback must be one of {', '.join(FEEDBACKS)}. Received: {feedback!r}")
        if not area_dim and feedback != "none":
            raise ValueError(f'feedback must be "none" where area_dim is 0, without areas. Received: {feedback!r}')
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), the share that is left out. Received: {dropout}")
        self._config = {
            "num_words": num_words, "image_dim": image_dim, "area_dim": area_dim, "word_dim": word_dim,
            "state_dim": state_dim, "by_state": by_state, "feedback": feedback, "dropout": dropout, "seed": seed,
        }  # fmt: skip
        self.image_dim, self.area_dim, self.state_dim, self.num_words = image_dim, area_dim, state_dim, num_words
        self.feedback, self.dropout = feedback, dropout
        self.input_dim = word_dim + (0 if feedback == "none" else area_dim)
        seeds = layer_seeds(seed, "captioner")
        glorot = keras.initializers.GlorotUniform
        self.first = keras.layers.Dense(
            state_dim, use_bias=False, kernel_initializer=glorot(next(seeds)), dtype=self.dtype_policy, name="first"
        )
        sizes = num_words, word_dim, state_dim, area_dim, by_state
        self.attention = JointAttention(*sizes, seed=next(seeds), dtype=self.dtype_policy, name="attention")
        self.cell = keras.layers.GRUCell(
            state_dim,
            reset_after=False,
            kernel_initializer=glorot(next(seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
            seed=next(seeds),  # of a dropout that it never has, but a weight
            dtype=self.dtype_policy,
            name="cell",
        )
        self.build()

    def build(self, input_shape=None):
        self.first.build((None, self.image_dim))
        self.attention.build()
        self.cell.build((None, self.input_dim))
        self.built = True

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def begin(self, vector):
        """`h_1 = th_hi phi`.   Args: vector: phi `(images, image_dim)`.   Returns: `(images, 1, state_dim)`."""
        return self.first(self._unit(vector))[:, None]

    def look(self, areas, there=None):
        """`Seen` of descriptors R `(images, areas, area_dim)`, of which those are that `there` says; None: all are."""
        if not self.area_dim:
            return Seen(None, None, None)
        areas = self._unit(areas)
        return Seen(areas, self.attention.match(areas), there)

    def predict_next(self, state, seen, uniforms=None):
        """`Predicted` of states `(images, captions, state_dim)`.   Args: uniforms: what h is dropped by, or None."""
        words, *looked = self.attention(dropout(state, self.dropout, uniforms), *seen)
        return Predicted(words, tuple(looked) if self.area_dim else ())

    def advance(self, state, ids, looked, seen, uniforms=None):
        """The next state.

        Args:
          ids: words that are fed back, `(images, captions)`; below 0 where there is none, and any state will do.
          looked: what `predict_next` gave for `state`.   uniforms: what the GRU's input is dropped by, or None.
        """
        ids = ops.maximum(ids, 0)
        given = [ops.cast(self.attention.embed(ids), self.compute_dtype)]
        if self.feedback != "none":
            log_weights, scores = looked
            if self.feedback == "conditional":
                own = ops.take_along_axis(seen.matches, ids[..., None], axis=1)
                log_weights = log_areas_given(own, scores)
            given.append(ops.matmul(ops.cast(ops.exp(log_weights), self.compute_dtype), seen.areas))
        inputs = dropout(ops.concatenate(given, axis=-1), self.dropout, uniforms)
        rows = ops.reshape(inputs, (-1, self.input_dim)), [ops.reshape(state, (-1, self.state_dim))]
        return ops.reshape(self.cell(*rows)[0], ops.shape(state))

    def call(self, vector, areas, ids, there=None, uniforms=None):
        """Captions that are given, word by word.

        Args:
          vector: phi `(images, image_dim)`.   areas: R `(images, areas, area_dim)`, or None.
          ids: int `(images, captions, length)`; below 0 where a caption has ended.
          there: as of `look`.   uniforms: function of a name and a shape without images to uniforms, or None.
        Returns: `log p(w_t|h_t)` `(images, captions, length)`; `log p(r|h_t)` with an axis of areas more, or None.
        """
        captions, length = ops.shape(ids)[1], ids.shape[2]
        seen = self.look(areas, there)
        state = ops.repeat(self.begin(vector), captions, axis=1)
        log_words, log_areas = [], []
        states = _drawn(uniforms, "states", captions, length, self.state_dim)
        inputs = _drawn(uniforms, "inputs", captions, length, self.input_dim)
        for t in range(length):
            said = ids[..., t]
            predicted = self.predict_next(state, seen, _at(states, t))
            log_words.append(ops.take_along_axis(predicted.words, ops.maximum(said, 0)[..., None], axis=-1)[..., 0])
            log_areas += predicted.looked[:1]
            if t + 1 < length:
                state = self.advance(state, said, predicted.looked, seen, _at(inputs, t))
        return ops.stack(log_words, axis=-1), ops.stack(log_areas, axis=2) if self.area_dim else None

    def _unit(self, rows):
        rows = ops.cast(rows, "float32")
        rows = rows / (ops.norm(rows, axis=-1, keepdims=True) + _SMALL)
        return ops.cast(rows, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), **self._config}


def _drawn(uniforms, name, *shape):
    return None if uniforms is None else uniforms(name, shape)


def _at(uniforms, t):
    return None if uniforms is None else uniforms[:, :, t]
