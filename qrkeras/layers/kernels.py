"""Dense layers and convolutions whose kernels are transformed before they are used."""

import keras
from keras import ops


class KernelLayer(keras.layers.Layer):
    """`mu(bias + ...)` of kernels that stay float32 under every policy, until they are applied.

    A shape gives `kernel_shape(input_shape)` and `applied(kernel, x)`; what is done with kernels gives
    `add_kernels(shape)` and `linear(x, training)`.
    """

    def __init__(self, activation=None, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        if input_shape[-1] is None:
            raise ValueError(
                "input_shape must end in a known number of features; give it in keras.Input. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes={-1: input_shape[-1]})
        shape = self.kernel_shape(input_shape)
        self.add_kernels(shape)
        self.bias = self.add_weight(shape=self.bias_shape(shape), initializer="zeros", name="bias")

    def bias_shape(self, kernel_shape):
        return kernel_shape[-1:]

    def add_kernel(self, shape, initializer, name):
        return self.add_weight(shape=shape, initializer=initializer, name=name, autocast=False)

    def call(self, x, training=None):
        return self.activation(self.linear(x, training))

    def get_config(self):
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class DenseShape:
    """Kernels `(features, units)`, applied to the last axis."""

    def __init__(self, units, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.units = positive_int("units", units)

    def kernel_shape(self, input_shape):
        return input_shape[-1], self.units

    def applied(self, kernel, x):
        return ops.matmul(x, ops.cast(kernel, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Conv2DShape:
    """Kernels `(k, k, channels, filters)`, zeros around the image ("same"), channels last whatever keras.json says."""

    def __init__(self, filters, kernel_size, *args, strides=1, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters = positive_int("filters", filters)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.strides = positive_int("strides", strides)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def kernel_shape(self, input_shape):
        return self.kernel_size, self.kernel_size, input_shape[-1], self.filters

    def applied(self, kernel, x):
        kernel = ops.cast(kernel, self.compute_dtype)
        return ops.conv(x, kernel, self.strides, "same", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        sizes = (None if size is None else -(-size // self.strides) for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)

    def get_config(self):
        sizes = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **sizes}


class Conv2DTransposeShape(Conv2DShape):
    """Kernels as of `Conv2DShape`, outputs last; the image grows by the strides."""

    def applied(self, kernel, x):
        kernel = ops.transpose(ops.cast(kernel, self.compute_dtype), (0, 1, 3, 2))
        return ops.conv_transpose(x, kernel, self.strides, "same", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        sizes = (None if size is None else size * self.strides for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)


def positive_int(name, value):
    """`value`; raises ValueError, naming it, if it is no int of at least 1."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a positive int. Received: {name}={value!r}")
    return value
