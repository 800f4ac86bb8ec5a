"""What `fit` and `evaluate` are given, checked: arrays as a whole, the rest at its first batch and as it comes.

Checks of datasets stand in their pipeline and not in the step, which XLA would compile without them.
"""

import dataclasses
import inspect

import keras
import tensorflow as tf

from qrkeras import kinds
from qrkeras.models.image_checks import check_examples, check_grey_levels, check_labels, check_spec
from qrkeras.models.labels import BoxedCaptions, Captions, ClassLabels


@dataclasses.dataclass(frozen=True)
class Feed:
    """Takes what Keras takes, arrays, `tf.data.Dataset`, `PyDataset` and generators, and refuses what cannot be used.

    Args:
      model: name of its class, for errors.   shape: of an example.
      labels: what comes with the examples, one of `models.labels`, or None for examples alone.
      floats: whether images may be floats in [-1, 1], or must be uint8.
      levels: that images have; fewer than 256 are looked for in arrays, and in the first batch of a dataset.
    """

    model: str
    shape: tuple
    labels: ClassLabels | Captions | BoxedCaptions | None = None
    floats: bool = False
    levels: int = 256

    @property
    def kind(self):
        return kinds.of(self.shape)

    def checked(self, x, y=None, sample_weight=None, class_weight=None):
        """`(x, y)` for `keras.Model.fit`.

        Raises:
          ValueError: where an argument is of no use, or x or y is not what the model takes.
        """
        for name, value in (("sample_weight", sample_weight), ("class_weight", class_weight)):
            if value is not None:
                raise ValueError(
                    f"{name} must be None: every example counts alike in {self.model}. Received: "
                    f"{type(value).__name__}. Leave it out, and repeat examples that should count more."
                )
        wrapped = next((wrap for kind, wrap in self._adapters().items() if isinstance(x, kind)), None)
        if wrapped is None and not inspect.isgenerator(x):
            return x, self.check_arrays(x, y)
        if y is not None:
            raise ValueError(
                f"y must be None where x is a {type(x).__name__}. Received: {type(y).__name__}. Labels come with x."
            )
        return (wrapped or self._generator)(x), None

    def _adapters(self):
        return {tf.data.Dataset: self._dataset, keras.utils.PyDataset: self._py_dataset}

    def check_arrays(self, x, y, whole=True):
        """The labels as NumPy arrays, or None; raises ValueError where arrays are not what the model takes.

        Args:
          whole: whether they are enough to tell the range of images by; False for one batch of many.
        """
        check_examples("x", x, self.shape, self.floats, whole)
        check_grey_levels("x", x, self.levels)
        if self.labels is None:
            check_labels("y", y, len(x), None)
            return None
        return self.labels.check("y", y, len(x))

    def parts(self, batch):
        """Examples, and labels or None, of a batch, or of the spec of a dataset's batches; raises ValueError."""
        if isinstance(batch, dict):
            raise ValueError(
                f"x must give {self._wanted()}, not dictionaries. Received keys: {sorted(map(str, batch))}. Pick what "
                f"is wanted, in a tf.data.Dataset by x.map(lambda batch: {self._picked(list(batch))})."
            )
        parts = tuple(batch) if isinstance(batch, list | tuple) else (batch,)
        parts = tuple(None if getattr(part, "value_type", None) is _NONE else part for part in parts)
        if not 1 <= len(parts) <= 3 or isinstance(parts[0], dict | list | tuple):
            raise ValueError(f"x must give {self._wanted()}. Received: {_structure(batch)}")
        examples, labels, weights = (*parts, None, None)[:3]
        if weights is not None:
            raise ValueError(
                f"x must give {self._wanted()} without sample weights: every example counts alike. Received: triples. "
                "Drop the third part, in a tf.data.Dataset by x.map(lambda x, y, weight: (x, y))."
            )
        if labels is None and self.labels is not None:
            says = self.labels.says
            raise ValueError(
                f"x must be a dataset of (images, {says}), for a network of {self.labels.most + 1} "
                f"{self.labels.each}. Received: images alone. Zip the {says} in."
            )
        if labels is not None and self.labels is None:
            raise ValueError(
                f"x must give examples alone, for a network without classes. Received: pairs, {_structure(parts)}. "
                "Drop the labels, in a tf.data.Dataset by x.map(lambda x, y: x)."
            )
        return examples, labels

    def _wanted(self):
        return "batches of examples" if self.labels is None else f"pairs of batches (images, {self.labels.says})"

    def _picked(self, names):
        """Code that picks what is wanted out of a dictionary of these names."""
        if self.labels is None:
            return f"batch[{names[0]!r}]"
        if isinstance(self.labels, BoxedCaptions):
            labels = "{name: batch[name] for name in ('captions', 'boxes')}"
        else:
            labels = _item(names, self.labels.says, (names[1:] or [self.labels.says])[-1])
        return f"({_item(names, 'images', names[0])}, {labels})"

    def _batch(self, batch):
        """A batch of a `PyDataset` or a generator, checked, as a tuple."""
        examples, labels = self.parts(batch)
        labels = self.check_arrays(examples, labels, whole=False)
        return (examples,) if labels is None else (examples, labels)

    def _first(self, batch):
        self.check_arrays(*self.parts(batch))

    def _dataset(self, x):
        examples, labels = self.parts(x.element_spec)
        check_spec(examples, self.shape, self.floats)
        if labels is not None:
            self.labels.check_spec(labels)
        ranks = [] if labels is None else [part.shape.rank for part in tf.nest.flatten(labels)]
        known = examples.shape[1:].is_fully_defined() and None not in ranks
        floats = examples.dtype.is_floating
        if not known or self.levels < 256 or (floats and self.kind is kinds.IMAGES):
            first = next(iter(x.take(1)), None)
            if first is None:
                raise ValueError("x must hold at least one batch. Received: an empty tf.data.Dataset")
            self._first(first)
        return x.map(self._in_graph) if floats or labels is not None or not known else x

    def _in_graph(self, *batch):
        """The checks of a batch that only its values can fail."""
        examples, labels = self.parts(batch)
        examples = tf.ensure_shape(examples, (None, *self.shape))
        if examples.dtype.is_floating:
            if self.kind is kinds.IMAGES:
                require(abs(examples) <= 1.001, "x must hold images as floats in [-1, 1]. Received:", examples)
            else:
                examples = tf.debugging.check_numerics(examples, "x must be finite. Received")  # one operation
        if labels is None:
            return (examples,)
        return examples, self.labels.over(_labels_in_graph, labels)

    def _generator(self, x):
        first = next(x, None)
        if first is None:
            raise ValueError("x must give at least one batch. Received: an exhausted generator")
        self._first(first)

        def batches():
            yield self._batch(first)
            yield from map(self._batch, x)

        return batches()

    def _py_dataset(self, x):
        if x.num_batches == 0:
            raise ValueError(f"x must hold at least one batch. Received: {type(x).__name__} of length 0")
        self._first(x[0])
        return _Checked(x, self)


def _item(names, what, otherwise):
    """Code for the item of a dictionary that is called image, images or the like; `otherwise` where none is."""
    return f"batch[{next((name for name in names if str(name).startswith(what[:-1])), otherwise)!r}]"


class _Checked(keras.utils.PyDataset):
    """A `PyDataset` each of whose batches is checked."""

    def __init__(self, inner, feed):
        super().__init__(inner.workers, inner.use_multiprocessing, inner.max_queue_size)
        self.inner, self.feed = inner, feed

    @property
    def num_batches(self):
        return self.inner.num_batches

    def __getitem__(self, index):
        return self.feed._batch(self.inner[index])

    def on_epoch_begin(self):
        self.inner.on_epoch_begin()

    def on_epoch_end(self):
        self.inner.on_epoch_end()


def _labels_in_graph(kind, labels):
    labels = tf.ensure_shape(labels, (None, *kind.shape))
    wide = tf.cast(labels, "int64") if labels.dtype.is_integer else labels  # a narrow dtype may not hold the bounds
    valid = (wide >= kind.least) & (wide <= kind.most)
    require(valid, f"{kind.says} must be in {kind.least}..{kind.most}. Received:", labels)
    return labels


def require(condition, message, value):
    """Stops a graph where `condition`, of the shape of `value`, is not all True; tells what it met."""
    tf.debugging.Assert(tf.reduce_all(condition), [message, tf.boolean_mask(value, ~condition)])


_NONE = type(None)


def _structure(batch):
    if isinstance(batch, list | tuple):
        return f"({', '.join(map(_structure, batch))})"
    return f"{getattr(batch, 'dtype', type(batch).__name__)} of shape {getattr(batch, 'shape', '()')}"
