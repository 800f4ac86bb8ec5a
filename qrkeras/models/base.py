"""What every model makes of Keras' own methods: arguments are used or refused by name, never dropped."""

import copy
import math
import warnings

import keras
import numpy as np

from qrkeras.keras_settings import check_keras
from qrkeras.models.feed import Feed
from qrkeras.models.saved_model import write_saved_model

_OBJECTIVES = ("loss", "loss_weights", "metrics", "weighted_metrics")


class GenerativeModel(keras.Model):
    """A model whose objective, metrics and signatures are its own.

    A subclass gives `example_shape`, `signatures()`, `step`, and the names of the Keras objects that it is made of,
    `PARTS`.
    """

    PARTS = ()
    FLOAT_IMAGES = False  # whether images may be floats in [-1, 1], or must be uint8
    num_classes = None

    def __init__(self, **kwargs):
        check_keras()
        super().__init__(**kwargs)
        self._check_precision(self)

    def compile(self, optimizer="adam", **kwargs):
        """Configures training by one optimizer.

        Args:
          optimizer: Keras optimizer, name or configuration.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        Raises:
          ValueError: where a loss, a metric or a regularizer is given, or a layer computes in float16.
        """
        for name in _OBJECTIVES:
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"{name} must be left out of compile: {type(self).__name__} brings its own objective and what fit "
                    f"logs, {', '.join(metric.name for metric in self.metrics)}. Received: a {name}. What else is "
                    "wanted can be measured in a callback."
                )
        for layer in self._flatten_layers():
            if not isinstance(layer, keras.layers.InputLayer):
                self._check_precision(layer)
            if layer.activity_regularizer or any(v.regularizer for v in layer.variables):
                raise ValueError(
                    f"networks must have no regularizers, which {type(self).__name__}'s objective does not add. "
                    f"Received: one in {layer.name}. Give optimizers weight_decay."
                )
        super().compile(optimizer=optimizer, **kwargs)
        self._compile_arguments = kwargs
        if self.jit_compile:
            warnings.warn(
                "jit_compile=True: XLA leaves the checks inside a step out. Data is checked before each step, and "
                "losses are looked at after each execution, which waits for the device. steps_per_execution makes "
                "that rarer.",
                stacklevel=2,
            )

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """`keras.Model.fit`, on data that is checked first.

        Args:
          x: an array of examples `(n, ...)`, uint8 for images, or batches of them: a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or a generator. Where the model has classes, batches are pairs (images, labels).
          y: int labels `(n,)` where x is an array and the model has classes, else None.
          validation_data: as x, or a pair (x, y).   others: as of `keras.Model.fit`.
        Raises:
          ValueError: before training, where an argument cannot be used, or data is not what the model takes: its
            form, and the values of arrays and of the first batch.
          tf.errors.InvalidArgumentError: where a later batch is not.
        """
        if validation_split and validation_data is None and hasattr(x, "shape"):
            at = math.floor(len(x) * (1 - validation_split))  # as Keras does
            self._checked(x[at:], None if y is None else y[at:], kwargs.get("validation_batch_size") or batch_size)
            self._checked(x[:at], None if y is None else y[:at], batch_size)
        x, y = self._checked(x, y, batch_size, sample_weight, class_weight)
        if validation_data is not None:
            parts = validation_data if isinstance(validation_data, list | tuple) else (validation_data,)
            size = kwargs.get("validation_batch_size") or batch_size
            try:
                validation_data = self._checked(*parts[:1], *(parts[1:2] or (None,)), size, *parts[2:3])
            except ValueError as error:
                raise ValueError(f"validation_data: {error}") from None
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            **kwargs,
        )

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """`keras.Model.evaluate` on held-out data, which it checks as `fit` does."""
        if not kwargs.get("_use_cached_eval_dataset"):  # that of `fit`, which has checked it
            x, y = self._checked(x, y, batch_size, sample_weight)
        return super().evaluate(x, y, batch_size, verbose, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        x, y = self._checked(x, y, None, sample_weight, class_weight)
        return super().train_on_batch(x, y, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        x, y = self._checked(x, y, None, sample_weight)
        return super().test_on_batch(x, y, return_dict=return_dict)

    def _checked(self, x, y, batch_size, sample_weight=None, class_weight=None):
        """`(x, y)` to hand on to Keras; raises ValueError."""
        feed = Feed(type(self).__name__, self.example_shape, self.num_classes, self.FLOAT_IMAGES)
        return feed.checked(x, y, sample_weight, class_weight)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        if self.jit_compile:
            self.train_function = self._watched(self.train_function)

    def _watched(self, function):
        """`function` of an iterator, which stops where the means that it returns are not finite."""

        def train(iterator):
            logs = function(iterator)
            for name, mean in logs.items():
                value = float(keras.ops.convert_to_numpy(mean))
                if not np.isfinite(value):
                    raise FloatingPointError(f"{name} is not finite at step {self.step}: {value}")
            return logs

        return train

    def export(self, filepath, format="tf_saved_model", verbose=None, **kwargs):
        """Writes a SavedModel of what `signatures()` serves: `qrkeras.serving` adds what a server wants beside it.

        Raises:
          ValueError: for another format, or an input signature: the model has its own.
        """
        if format != "tf_saved_model":
            raise ValueError(f'format must be "tf_saved_model". Received: {format!r}. Export a network of the model.')
        unused = [name for name, value in kwargs.items() if value is not None]
        if unused:
            raise ValueError(
                f"{unused[0]} must be left out: {type(self).__name__} exports the signatures "
                f"{', '.join(self.signatures())}. Received: {kwargs[unused[0]]!r}"
            )
        write_saved_model(self.signatures(), filepath)
        if verbose or verbose is None:
            print(f"Saved artifact at '{filepath}': {', '.join(self.signatures())}")

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = copy.deepcopy({name: config[name] for name in cls.PARTS})  # Keras empties those of functional models
        made = {name: keras.saving.deserialize_keras_object(part, custom_objects) for name, part in parts.items()}
        return cls(**{**config, **made})

    def _check_precision(self, layer):
        if layer.compute_dtype not in ("float32", "bfloat16") or layer.variable_dtype != "float32":
            raise ValueError(
                f"dtype policy must be float32 or mixed_bfloat16 for {type(self).__name__}, which scales no losses: "
                f"gradients in float16 would vanish. Received: {layer.dtype_policy.name} in {layer.name}. Call "
                'keras.config.set_dtype_policy("mixed_bfloat16") before anything is built.'
            )
