"""What `fit` and `evaluate` make of a model's equations; arguments of Keras are used, or refused by name."""

import copy
import math
import warnings

import keras
import numpy as np
from keras import ops

from qrkeras.machine import cluster, collectives
from qrkeras.machine.keras_settings import check_keras
from qrkeras.models import replicas, step
from qrkeras.models.feed import Feed
from qrkeras.models.labels import ClassLabels
from qrkeras.models.noise import EVALUATION, BatchNoise
from qrkeras.models.reports import Batch, Reports
from qrkeras.models.saved_model import write_saved_model

_KEPT_AS = {"loss": "objective"}  # Keras owns `model.loss`
_OF_UINT8 = ("reconstruct", "inpaint", "bits_per_dim", "realism", "real_share", "caption")
_OBJECTIVES = ("loss", "loss_weights", "metrics", "weighted_metrics")


class TrainedModel(keras.Model):
    """A Keras model that descends losses of its own. A subclass gives `example_shape`, `signatures()` and one equation:

        measures(batch, noise, training)        # every one of REPORTS: means over the batch

    Under `tf.distribute.MirroredStrategy` R replicas with B examples each train as one does with R B: see `replicas`.
    Build, load and compile the model in the strategy's scope.

    Attributes:
      PARTS, OPTIONS: arguments of the constructor: Keras objects, and plain values. They are the configuration.
      REPORTS: names of what `fit` logs, of what `measures` returns.
      PLAYERS: loss that is descended, by its name in what `measures` returns -> parts that it moves, or None for all
        that train and no other loss moves.
      LACKS: abilities that the class has, and this model has not.
      AVERAGES: part that follows another by a Polyak average of `average_decay` -> that other.
      NOISES: names of the noise that `measures` draws, each of its own stream.
      levels: that images have, spread over 0..255, by the likelihood.
      FLOAT_IMAGES: whether images may be floats in [-1, 1], or must be uint8.
      update, first_steps: order of the players' updates, and how often the first of them moves in a step.
    """

    PARTS = ()
    OPTIONS = ()
    LACKS = ()
    PLAYERS = {"loss": None}
    AVERAGES = {}
    REPORTS = ("loss",)
    NOISES = ()
    FLOAT_IMAGES = False
    levels = 256
    num_classes = None
    update = "simultaneous"
    first_steps = 1

    def __init__(self, seed=0, **kwargs):
        check_keras()
        super().__init__(**kwargs)
        self._check_precision(self)
        self.seed = seed
        self.random_state = self.add_weight(
            name="random_state",
            shape=(2,),
            dtype="int64",  # int32 has no place on a GPU
            trainable=False,
            aggregation="only_first_replica",  # replicas count alike
            initializer=lambda shape, dtype: ops.convert_to_tensor([seed, 0], dtype),
        )
        self.reports = Reports(self.REPORTS)
        self.built = True  # its parts are; `build` would lock it before a subclass has added its own

    def build(self, input_shape=None):
        self.built = True

    @property
    def parts(self):
        """The networks that the model was made of, by name: what `freeze` takes and stages hand on."""
        made_of = self._made_of()
        return {name: part for name, part in made_of.items() if isinstance(part, keras.layers.Layer)}

    def _made_of(self):
        return {name: getattr(self, _KEPT_AS.get(name, name)) for name in self.PARTS}

    def freeze(self, *names):
        """Names parts that do not train from here on, as `part.trainable = False` before `compile` does.

        Their batch normalisation computes with its moving statistics, optimizers hold no moments of theirs, and
        averages of their weights stay. A model that is compiled is compiled again, so that its optimizers begin anew.

        Example:
          ```python
          model.freeze("encoder", "decoder")
          model.fit(images, batch_size=64)  # moves the rest
          ```

        Args:
          *names: of `parts`. Weights of the model itself, such as a VAE's `log_scale`, always train.
        Raises:
          ValueError: where the model has no such part, or none is left that trains.
        """
        for name in names:
            if name not in self.parts:
                raise ValueError(
                    f"frozen must name parts of {type(self).__name__}: {', '.join(self.parts)}; weights of the model "
                    f"itself always train. Received: {name!r}"
                )
        for name in names:
            self.parts[name].trainable = False
        if names and self.compiled:
            self.compile_from_config(self.get_compile_config())

    @property
    def metrics(self):
        return self.reports.trackers

    @property
    def step(self):
        """Number of updates so far, a Python int."""
        return int(ops.convert_to_numpy(self.random_state)[1])

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    @property
    def _workers(self):
        return cluster.of(self.distribute_strategy).size

    def compile(self, optimizer="adam", **kwargs):
        """Configures training by one optimizer.

        Args:
          optimizer: Keras optimizer, name or configuration.
          **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly` of `keras.Model.compile`.
        Raises:
          ValueError: where a loss, a metric or a regularizer is given, a layer computes in float16, no part is left to
            train, or several replicas are to take more than one step an execution.
        """
        for name in _OBJECTIVES:
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"{name} must be left out of compile: {type(self).__name__} brings its own objective and what fit "
                    f"logs, {', '.join(metric.name for metric in self.metrics)}. Received: a {name}. What else is "
                    "wanted can be measured in a callback."
                )
        kwargs.setdefault("jit_compile", False)  # "auto" would change with device and strategy
        if self._replicas > 1 and kwargs.get("steps_per_execution", 1) > 1:
            raise ValueError(
                f"steps_per_execution must be 1 where {self._replicas} replicas train: Keras cannot loop over their "
                f"steps (keras issue 19246). Received: {kwargs['steps_per_execution']}"
            )
        self._hold_still()
        replicas.synchronise(self._flatten_layers(), self._replicas)
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
        self.optimizer.build(self.trainable_variables)

    def _hold_still(self):
        """What a part that does not train is made of does not train either; raises ValueError where all parts are such.

        A network that makes its own layers hands `trainable` on to them when it changes, but not when it is loaded.
        """
        for part in self.parts.values():
            if not part.trainable:
                for layer in part._flatten_layers():
                    layer.trainable = False
        if self.parts and not any(part.trainable_variables for part in self.parts.values()):
            raise ValueError(
                f"frozen must leave a part of {type(self).__name__} that trains. Received: {', '.join(self.parts)}, "
                "which are all of them. Leave one out."
            )

    def compiled_with(self):
        """What a subclass' own arguments of `compile` were, optimizers among them, by name."""
        return {"optimizer": self.optimizer}

    def get_compile_config(self):
        """What `compile` was given; None of a model that is not compiled, which is saved and cloned all the same."""
        if not self.compiled:
            return None
        told = {name: keras.saving.serialize_keras_object(value) for name, value in self.compiled_with().items()}
        return {**told, **self._compile_arguments}

    def compile_from_config(self, config):
        """Compiles as a model that was saved; several replicas take one step an execution, whatever one took."""
        self.compile(**config if self._replicas == 1 else {**config, "steps_per_execution": 1})

    def take_over(self, other):
        """Takes all values of another model of the same making, compiled too: weights, averages, optimizers, steps."""
        for variable, value in zip(self._state, other._state, strict=True):
            variable.assign(value)

    def agree(self):
        """Takes worker 0's values of all of them, where several workers train together."""
        arrays = [ops.convert_to_numpy(variable) for variable in self._state]
        for variable, value in zip(self._state, collectives.of_first(self.distribute_strategy, arrays), strict=True):
            variable.assign(value)

    @property
    def _state(self):
        return [*self.variables, *self.optimizer.variables]

    def optimizer_of(self, player):
        """The optimizer that moves the weights of a loss of `PLAYERS`."""
        return self.optimizer

    def moved_by(self, player):
        """The weights that a loss of `PLAYERS` moves, in the order of the model's."""
        if self.PLAYERS[player] is not None:
            return [v for name in self.PLAYERS[player] for v in self.parts[name].trainable_variables]
        others = {id(v) for other, parts in self.PLAYERS.items() if parts is not None for v in self.moved_by(other)}
        return [v for v in self.trainable_variables if id(v) not in others]

    def check_batches(self, sizes):
        """Raises ValueError if `fit` cannot train on batches of these sizes: the last may be smaller."""

    def after_update(self, player):
        """What follows each update of the weights that a loss moves: nothing here."""

    def real_examples(self, examples):
        """What equations see of a batch of examples: here, what `fit` is given."""
        return examples

    @property
    def labels(self):
        """What comes with examples, one of `models.labels`, or None."""
        return None if self.num_classes is None else ClassLabels(self.num_classes)

    def _batch(self, data):
        examples, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        labels = None if self.labels is None else self.labels.over(lambda kind, x: ops.cast(x, kind.dtype), labels)
        return Batch(self.real_examples(examples), labels)

    def train_step(self, data):
        batch = self._batch(data)
        measured = step.take(self, batch)
        for average, network in self.AVERAGES.items():
            if getattr(self, network).trainable_variables:  # the average of what is frozen stays
                now = self.random_state[1]
                replicas.move_average(getattr(self, average), getattr(self, network), self.average_decay, now)
        step.check_finite({name: measured[name] for name in self.REPORTS}, self.random_state[1] + 1)
        self.random_state.assign_add([0, 1])
        return replicas.reported(self.reports.update(measured, batch.rows))

    def test_step(self, data):
        """What is reported, of held-out examples and averaged weights; the noise is the same in every evaluation."""
        batch = self._batch(data)
        seen = self.reports.seen * replicas.count()  # replicas share them equally
        measured = self.measures(batch, BatchNoise(self, batch.rows, EVALUATION, seen), training=False)
        return replicas.reported(self.reports.update(measured, batch.rows))

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
        if validation_split and self._workers > 1:
            raise ValueError(
                f"validation_split must be 0 where several workers train. Received: {validation_split}. Give "
                "validation_data."
            )
        if validation_split and validation_data is None and hasattr(x, "shape"):
            at = math.floor(len(x) * (1 - validation_split))  # as Keras does
            first, last = slice(at), slice(at, None)
            self._checked(x[last], _rows(y, last), kwargs.get("validation_batch_size") or batch_size)
            self._checked(x[first], _rows(y, first), batch_size)
        x, y = self._checked(x, y, batch_size, sample_weight, class_weight)
        if sizes := replicas.sizes(x, batch_size, self._workers):
            self.check_batches(sizes)
        x, y = self._shared(x, y, batch_size, self.seed if shuffle else None)
        if validation_data is not None:
            parts = validation_data if isinstance(validation_data, list | tuple) else (validation_data,)
            size = kwargs.get("validation_batch_size") or batch_size
            try:
                checked = self._checked(*parts[:1], *(parts[1:2] or (None,)), size, *parts[2:3])
                validation_data = self._shared(*checked, size)
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
            x, y = self._shared(*self._checked(x, y, batch_size, sample_weight), batch_size)
        return super().evaluate(x, y, batch_size, verbose, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        x, y = self._checked(x, y, None, sample_weight, class_weight)
        return super().train_on_batch(x, y, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        x, y = self._checked(x, y, None, sample_weight)
        return super().test_on_batch(x, y, return_dict=return_dict)

    def predict(self, x, *args, **kwargs):
        """`keras.Model.predict`: what `call` gives of floats, of images in [-1, 1]; raises ValueError for uint8."""
        self._check_floats(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x):
        self._check_floats(x)
        return super().predict_on_batch(x)

    def _check_floats(self, x):
        dtype = getattr(keras.tree.flatten(getattr(x, "element_spec", x))[0], "dtype", None)
        if dtype is not None and "int" in str(dtype):
            others = [name for name in _OF_UINT8 if hasattr(self, name)]
            raise ValueError(
                f"x must be floats, what {type(self).__name__}.call takes, such as images in [-1, 1]. "
                f"Received: {keras.backend.standardize_dtype(dtype)}. uint8 images are for {', '.join(others)}."
            )

    def save(self, filepath, *args, **kwargs):
        """`keras.Model.save`, as a .keras file; raises ValueError for HDF5, which cannot hold these models."""
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"filepath must end in .keras. Received: {filepath}. HDF5 cannot hold a {type(self).__name__}; "
                "save_weights writes .weights.h5."
            )
        return super().save(filepath, *args, **kwargs)

    def _checked(self, x, y, batch_size, sample_weight=None, class_weight=None):
        """`(x, y)` to hand on to Keras; raises ValueError."""
        feed = Feed(type(self).__name__, self.example_shape, self.labels, self.FLOAT_IMAGES, self.levels)
        checked = feed.checked(x, y, sample_weight, class_weight)
        replicas.check_shares(x, batch_size, self.distribute_strategy, self.first_steps)
        return checked

    def _shared(self, x, y, batch_size, seed=None):
        """`(x, y)` as Keras shall distribute them."""
        return replicas.shared(x, y, batch_size, self.distribute_strategy, seed)

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Nothing: a model is built as it is made, and Keras would reduce a batch of images over workers for it."""

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
                value = float(ops.convert_to_numpy(mean))
                if not np.isfinite(value):
                    raise FloatingPointError(f"{name} is not finite at step {self.step}: {value}")
            return logs

        return train

    def _check_precision(self, layer):
        if layer.compute_dtype not in ("float32", "bfloat16") or layer.variable_dtype != "float32":
            raise ValueError(
                f"dtype policy must be float32 or mixed_bfloat16 for {type(self).__name__}, which scales no losses: "
                f"gradients in float16 would vanish. Received: {layer.dtype_policy.name} in {layer.name}. Call "
                'keras.config.set_dtype_policy("mixed_bfloat16") before anything is built.'
            )

    def export(self, filepath, format="tf_saved_model", verbose=None, **kwargs):
        """Writes a SavedModel of what `signatures()` serves; `qrkeras.serving.export` adds what a server wants.

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

    def get_config(self):
        return {
            **super().get_config(),
            **{name: keras.saving.serialize_keras_object(part) for name, part in self._made_of().items()},
            **{name: getattr(self, name) for name in self.OPTIONS},
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = copy.deepcopy({name: config[name] for name in cls.PARTS})  # Keras empties those of functional models
        made = {name: keras.saving.deserialize_keras_object(part, custom_objects) for name, part in parts.items()}
        return cls(**{**config, **made})


def _rows(y, of):
    """Some rows of what comes with examples: one array, or several by name; None where nothing does."""
    if isinstance(y, dict):
        return {name: each[of] for name, each in y.items()}
    return None if y is None else y[of]
