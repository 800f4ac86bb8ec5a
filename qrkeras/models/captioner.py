"""Captions of images, with attention over areas  (Areas of Attention)."""

import base64
import functools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from qrkeras import kinds
from qrkeras.layers import box_corners, grid_corners, pool_boxes
from qrkeras.models import replicas
from qrkeras.models.batches import all_batches
from qrkeras.models.beam_search import beam_search
from qrkeras.models.fitting import TrainedModel
from qrkeras.models.image_checks import check_images
from qrkeras.models.image_range import to_unit
from qrkeras.models.labels import BoxedCaptions, Boxes, Captions
from qrkeras.models.saved_model import compiled
from qrkeras.models.signature import Signature
from qrkeras.models.strings import decoded_images, spoken, written
from qrkeras.words import NOTHING, OOV, STOP, Vocabulary

BEAM = 5
# One grey pixel, for what wants a file to try.
GREY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


class Glance(NamedTuple):
    """What an encoder gives: a vector, and descriptors of areas `(images, areas, d)`, their corners and whether each
    is there, or None."""

    vector: Any
    areas: Any = None
    corners: Any = None
    there: Any = None


@keras.saving.register_keras_serializable(package="qrkeras")
class Captioner(TrainedModel):
    """Captions of images, word by word, each with the area that it speaks of  (Areas of Attention, Section B.3).

        loss = -mean over words of log p(w*_t | h_t, I),   w* given, STOP among them

    Choice: the mean over all words of a batch, where eq. B.3 sums, so that step sizes do not depend on lengths; words
    that are not in the vocabulary are fed back and not scored, as in the released code.

    Areas are the cells of the encoder's last map; or, with a layer `areas`, what that makes of the penultimate one,
    such as `layers.TransformedPatches`; or boxes that come with the images, such as object proposals, whose descriptors
    are the greatest activations of the last map within each. Choice, as the released code: `thins`, one cell drawn of
    each 2 x 2 trains. Choice: of an image that has no box the whole is one.

    Example:
      ```python
      words = Vocabulary.of(captions)
      encoder = networks.scenes_encoder()
      decoder = networks.CaptionDecoder(len(words), image_dim=128, area_dim=96)
      captioner = Captioner(encoder, decoder, words.words, length=17)
      captioner.compile(keras.optimizers.Adam(1e-3))
      captioner.fit(images, ids, batch_size=10)  # (n, captions, length), Vocabulary.encode
      captioner.caption(images)
      ```

    Args:
      encoder: Keras model, images in [-1, 1] to (penultimate map, last map, vector).
      decoder: `networks.CaptionDecoder`.
      words: the vocabulary, without STOP and OOV.   length: words of a caption at most, STOP among them.
      areas: layer from the penultimate map to `(descriptors, corners)`, or None: the cells of the last map.
      thins: whether one cell of each 2 x 2 trains.
      boxes: whether areas are boxes, which come with images: y of `fit` is then a dictionary of `captions` and of
        `boxes`, floats `(n, boxes, (top, left, bottom, right))` in 0..1, zeros for none.
      seed: int, of all noise; two models with the same weights and seed train alike.
    """

    PARTS = ("encoder", "decoder", "areas")
    OPTIONS = ("words", "length", "thins", "boxes")
    REPORTS = ("loss",)

    def __init__(self, encoder, decoder, words, length, areas=None, thins=False, boxes=False, seed=0, **kwargs):
        _check(encoder, decoder, words, length, areas, boxes)
        if thins and (areas is not None or boxes or not decoder.area_dim):
            raise ValueError("thins must be False for areas that are no cells of a grid. Received: True")
        super().__init__(seed, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        if areas is not None and not areas.built:  # its weights are the optimizer's, too
            areas.build(encoder.output_shape[0])
        self.areas = areas
        self.words = tuple(words)
        self.length = length
        self.thins = thins
        self.boxes = boxes
        self.example_shape = tuple(encoder.input_shape[1:])
        self.vocabulary = Vocabulary(self.words)
        self._searches = {}  # by their beam

    @property
    def kind(self):
        """What examples are: one of `qrkeras.kinds`."""
        return kinds.CAPTIONED

    @property
    def labels(self):
        return BoxedCaptions(self._captions) if self.boxes else self._captions

    @property
    def _captions(self):
        return Captions(self.length, self.decoder.num_words)

    def compile(self, optimizer="adam", encoder_optimizer=None, **kwargs):
        """Configures training.

        Args:
          optimizer: Keras optimizer, name or configuration.
          encoder_optimizer: of the encoder, where that has its own, such as a slower one; both are held in one
            `keras.optimizers.MultiOptimizer`.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        """
        self._optimizers = {"optimizer": keras.optimizers.get(optimizer)}
        joint = self._optimizers["optimizer"]
        if encoder_optimizer is not None and self.encoder.trainable:
            self._optimizers["encoder_optimizer"] = keras.optimizers.get(encoder_optimizer)
            own = {id(v) for v in self.encoder.trainable_variables}
            others = joint
            joint = keras.optimizers.MultiOptimizer(
                lambda v: self._optimizers["encoder_optimizer"] if id(v) in own else others
            )
        super().compile(joint, **kwargs)

    def compiled_with(self):
        return self._optimizers

    @property
    def _default_save_signature(self):
        return None  # an export would trace a call on images alone

    def call(self, images, ids, boxes=None):
        """`log p(w_t | h_t, I)` of captions, and where they look: see `looked_at`."""
        seen = self.seen(images, boxes)
        return self.decoder(seen.vector, seen.areas, ids, seen.there)

    def seen(self, images, boxes=None, uniforms=None, training=False):
        """What an image gives to its captions: `Glance`.

        Args: images: in [-1, 1].   boxes: `(images, boxes, 4)`, where areas are boxes.
          uniforms: on [0, 1), `(images, height / 2, width / 2)`, by which cells are drawn, or None: all are there.
        """
        penultimate, last, vector = self.encoder(images, training=training)
        if not self.decoder.area_dim:
            return Glance(vector)
        if self.boxes:
            boxes, there = known_boxes(boxes)
            return Glance(vector, pool_boxes(last, boxes), box_corners(boxes), there)
        if self.areas is not None:
            return Glance(vector, *self.areas(penultimate))
        height, width, channels = last.shape[1:]
        if uniforms is not None:
            return Glance(vector, thinned(last, uniforms))
        corners = ops.broadcast_to(grid_corners(height, width), (ops.shape(last)[0], height * width, 4, 2))
        return Glance(vector, ops.reshape(last, (-1, height * width, channels)), corners)

    def measures(self, batch, noise, training):
        uniforms, cells = None, None
        ids, boxes = (batch.labels["captions"], batch.labels["boxes"]) if self.boxes else (batch.labels, None)
        if training:
            uniforms = noise.dropout
            if self.thins:
                height, width = self.encoder.output_shape[1][1:3]
                cells = noise.dropout("cells", (height // 2, width // 2))
        seen = self.seen(to_unit(batch.examples), boxes, cells, training)
        log_words, _ = self.decoder(seen.vector, seen.areas, ids, seen.there, uniforms=uniforms)
        sums = ops.stack(scored(log_words, ids), axis=-1)  # (images, 2)
        nats, words = ops.split(ops.sum(replicas.whole_batch(sums), axis=0), 2)
        return {"loss": ops.squeeze(nats / ops.maximum(words, 1.0))}

    def encode(self, captions):
        """Numbers `(n, captions, length)` of n lists of captions, for `fit`; a shorter list is filled with nothing.

        Raises:
          ValueError: where they are no lists of strings, or none.
        """
        lists = not isinstance(captions, str) and all(isinstance(each, list | tuple) for each in captions)
        if not lists or not any(captions) or not all(isinstance(said, str) for each in captions for said in each):
            raise ValueError(
                "captions must be lists of strings, a list for each image, and at least one string. Received: "
                f"{captions!r:.80}"
            )
        ids = np.full((len(captions), max(map(len, captions)), self.length), NOTHING, "int32")
        for row, of_one in zip(ids, captions):
            for place, caption in zip(row, of_one):
                place[:] = self.vocabulary.encode(caption, self.length - 1)
        return ids

    def caption(self, images, beam=BEAM, batch_size=32, boxes=None):
        """The captions of uint8 images: lists of pairs (caption, log p), the most probable first.

        Args: beam: captions that the search keeps, and how many each image gets.
          boxes: floats `(n, boxes, (top, left, bottom, right))` in 0..1, where areas are boxes; zeros for none.
        Raises:
          ValueError: for other images or boxes, or a beam below 1.
        """
        given = self._given(images, boxes)
        if beam < 1:
            raise ValueError(f"beam must be at least 1. Received: {beam}")
        found = all_batches(self.search_function(beam), batch_size, *given)
        return [
            [(self.vocabulary.decode(one), float(score)) for one, score in zip(*of_image) if np.isfinite(score)]
            for of_image in zip(*found, strict=True)
        ]

    def _given(self, images, boxes):
        """Images, and boxes where areas are boxes, as functions take them; raises ValueError."""
        check_images("images", images, self.example_shape)
        if not self.boxes:
            if boxes is not None:
                raise ValueError("boxes must be None for a model whose areas are no boxes. Received: some")
            return (images,)
        if boxes is None:
            raise ValueError(
                "boxes must be given: the areas that this model looks at, (images, boxes, 4) in 0..1. Received: None"
            )
        Boxes().check("boxes", boxes, len(images))
        return images, np.asarray(boxes, "float32")

    @property
    def _specs(self):
        """Shapes and dtypes of what `_given` gives."""
        images = (None, *self.example_shape), "uint8"
        return [images, ((None, *Boxes.shape), "float32")] if self.boxes else [images]

    def search(self, images, boxes=None, beam=BEAM):
        """`Beams` of uint8 images: a pure function, of each row alone."""
        glance = self.seen(to_unit(images), boxes)
        seen = self.decoder.look(glance.areas, glance.there)

        def predict(state):
            return tuple(self.decoder.predict_next(state, seen))

        def advance(state, ids, looked):
            return self.decoder.advance(state, ids, looked, seen)

        first = self.decoder.begin(glance.vector)
        return beam_search(first, predict, advance, beam, self.length, STOP, never=(OOV,))

    def search_function(self, beam):
        """`search` with a beam, compiled."""
        if beam not in self._searches:
            self._searches[beam] = compiled(functools.partial(self.search, beam=beam), *self._specs)
        return self._searches[beam]

    def looked_at(self, ids, images, boxes=None):
        """Where given captions look.

        Args: ids: `(images, captions, length)`.   images: uint8.   boxes: as of `caption`.
        Returns: `log p(w_t|h_t)` `(images, captions, length)`, `p(r|h_t)` with an axis of areas more, 0 where a caption
          has ended, and corners of the areas `(images, areas, 4, (x, y))` in 0..1; the last two are None without areas.
        """
        glance = self.seen(to_unit(images), boxes)
        log_words, log_areas = self.decoder(glance.vector, glance.areas, ids, glance.there)
        if log_areas is None:
            return log_words, None, None
        there = ops.cast(ids > STOP, "float32")[..., None]  # what is said, and not its end
        return log_words, ops.exp(log_areas) * there, glance.corners

    @functools.cached_property
    def look_function(self):
        """`looked_at`, compiled."""
        return compiled(self.looked_at, ((None, None, self.length), "int32"), *self._specs)

    def attend(self, images, captions, batch_size=32, boxes=None):
        """Where captions look: of one caption for each image, word by word.

        Args: images: `(n, ...)` uint8.   captions: n strings.   boxes: as of `caption`.
        Returns: `p(r|h_t)` `(n, length, areas)`, 0 from STOP on, and corners `(n, areas, 4, (x, y))` in 0..1.
        Raises:
          ValueError: where the model has no areas.
        """
        if not self.decoder.area_dim:
            raise ValueError("attend needs a model with areas. Received: a baseline, which looks at the whole image")
        given = self._given(images, boxes)
        if isinstance(captions, str) or len(captions) != len(images):
            raise ValueError(
                f"captions must be a list of {len(images)} strings, one for each image. Received: {captions!r:.80}"
            )
        ids = self.encode([[caption] for caption in captions])
        _, looked, corners = all_batches(self.look_function, batch_size, ids, *given)
        return looked[:, 0], corners

    def nats(self, images, ids, batch_size=32, boxes=None):
        """`(sum of -log p, words)` of each caption, `(n, captions)` each: STOP counts, unknown words do not."""
        given = self._given(images, boxes)
        self._captions.check("ids", ids, len(images))
        return all_batches(
            lambda ids, *part: scored(self.look_function(ids, *part)[0], ids, axis=-1), batch_size, ids, *given
        )

    def nats_per_word(self, images, captions, batch_size=32, boxes=None):
        """`-log p` of all words and STOPs of the images' captions, n lists, over their number: a float."""
        ids = self.encode(captions)
        if len(ids) != len(images):
            raise ValueError(f"captions must be as many lists as images, {len(images)}. Received: {len(ids)}")
        nats, words = self.nats(images, ids, batch_size, boxes)
        return float(nats.sum() / max(1.0, words.sum()))

    def signatures(self):
        """What an export serves: `caption`, `caption_bytes` of JPEG and PNG files, and `score` of given captions.

        | signature | inputs | outputs |
        |---|---|---|
        | `caption` | `images` uint8 | `captions` and their log p `scores`, the best's `words`, `attention`, `areas` |
        | `caption_bytes` | `image_bytes`, files | the same, of the middle square of each as it is stored |
        | `score` | `images`, `caption` | `nats_per_word`, and `attention` |

        Files are not turned as their EXIF notes say, which `data` and `qrkeras caption` do: turn them before.
        Where areas are boxes each takes `boxes` beside; of an image that has none the whole is one.
        """
        images = {"images": (self.example_shape, "uint8")}
        beside = {"boxes": (Boxes.shape, "float32")} if self.boxes else {}

        def caption(images, **boxes):
            ids, scores = self.search(images, **boxes)
            said = {
                "captions": spoken(ids, self.words),
                "scores": scores,
                "words": spoken(ids[:, 0, :, None], self.words),
            }
            _, attention, corners = self.looked_at(ids[:, :1], images, **boxes)
            return said if attention is None else {**said, "attention": attention[:, 0], "areas": corners}

        def caption_bytes(image_bytes, **boxes):
            return caption(decoded_images(image_bytes, self.example_shape), **boxes)

        def score(images, caption, **boxes):
            ids = written(caption, self.words, self.length)[:, None]
            log_words, attention, _ = self.looked_at(ids, images, **boxes)
            nats, words = scored(log_words, ids)
            said = {"nats_per_word": nats / ops.maximum(words, 1.0)}
            return said if attention is None else {**said, "attention": attention[:, 0]}

        return {
            "caption": Signature(caption, {**images, **beside}),
            "caption_bytes": Signature(
                caption_bytes, {"image_bytes": ((), "string"), **beside}, {"image_bytes": GREY_PNG}
            ),
            "score": Signature(score, {**images, "caption": ((), "string"), **beside}, {"caption": self.words[0]}),
        }


def scored(log_words, ids, axis=(-2, -1)):
    """Sum of `-log p` over the words that count, and their number: all but unknown ones and what pads."""
    counts = ops.cast(ops.logical_and(ids >= 0, ids != OOV), "float32")
    return ops.sum(-log_words * counts, axis=axis), ops.sum(counts, axis=axis)


def thinned(maps, uniforms):
    """One cell of each 2 x 2 block of maps, drawn: descriptors `(images, height * width / 4, channels)`.

    Args: maps: `(images, height, width, channels)`, an odd last row or column is left out.
      uniforms: on [0, 1), `(images, height / 2, width / 2)`.
    """
    height, width, channels = maps.shape[1] // 2, maps.shape[2] // 2, maps.shape[3]
    blocks = ops.reshape(maps[:, : 2 * height, : 2 * width], (-1, height, 2, width, 2, channels))
    blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, height * width, 4, channels))
    chosen = ops.cast(ops.reshape(uniforms * 4, (-1, height * width, 1, 1)), "int32")
    return ops.take_along_axis(blocks, chosen, axis=2)[:, :, 0]


def known_boxes(boxes):
    """Boxes `(images, n + 1, 4)` of n, and which of them are there: those that have height and width, and behind them
    the whole image, where it has no other."""
    there = ops.logical_and(boxes[..., 2] > boxes[..., 0], boxes[..., 3] > boxes[..., 1])
    whole = ops.broadcast_to(np.array([0, 0, 1, 1], "float32"), (ops.shape(boxes)[0], 1, 4))
    none = ops.logical_not(ops.any(there, axis=1, keepdims=True))
    return ops.concatenate([boxes, whole], axis=1), ops.concatenate([there, none], axis=1)


def _check(encoder, decoder, words, length, areas, boxes):
    _check_encoder(encoder)
    if length < 2:
        raise ValueError(f"length must be at least 2, a word and STOP. Received: {length}")
    if decoder.num_words != len(words) + 2:
        raise ValueError(
            f"decoder must have num_words={len(words) + 2}: {len(words)} words, STOP and the unknown one. Received: "
            f"{decoder.num_words}"
        )
    penultimate, last, vector = encoder.output_shape
    if decoder.image_dim != vector[-1]:
        raise ValueError(f"decoder must have image_dim={vector[-1]}, the encoder's. Received: {decoder.image_dim}")
    given = last[-1] if areas is None else areas.compute_output_shape(penultimate)[0][-1]
    if decoder.area_dim not in (0, given):
        raise ValueError(f"decoder must have area_dim={given}, that of the areas, or 0. Received: {decoder.area_dim}")
    if areas is not None and not decoder.area_dim:
        raise ValueError("areas must be None for a decoder without areas. Received: a layer")
    if boxes and (areas is not None or not decoder.area_dim):
        raise ValueError(
            "boxes must be False for a decoder without areas, or where a layer makes them. Received: True. Give the "
            f"decoder area_dim={last[-1]} and no areas."
        )


def _check_encoder(encoder):
    """Raises ValueError unless a model gives two maps and a vector of an image."""
    shapes = [tuple(shape) for shape in encoder.output_shape] if isinstance(encoder.output_shape, list) else []
    if [len(shape) for shape in shapes] != [4, 4, 2] or None in (*shapes[0][1:], *shapes[1][1:]):
        raise ValueError(
            "encoder must give three outputs: penultimate map and last map (batch, height, width, channels), of known "
            f"sizes, and a vector (batch, n). Received: {encoder.output_shape}"
        )
