"""Layers that take their first weights from a batch of data.

    with initializing():
        network(images)

Each such layer sets its weights by what comes in, and hands on what it computes with them, so that the next layer
starts from data too. It is done once, eagerly, before training and before weights are copied.
"""

import contextlib
import contextvars

_INITIALIZING = contextvars.ContextVar("qrkeras_initializing", default=False)


@contextlib.contextmanager
def initializing():
    """Within it, calling a layer sets the weights that start from data. Elsewhere a call sets none."""
    token = _INITIALIZING.set(True)
    try:
        yield
    finally:
        _INITIALIZING.reset(token)


def is_initializing():
    """Whether a layer that is called now is to set its weights."""
    return _INITIALIZING.get()
