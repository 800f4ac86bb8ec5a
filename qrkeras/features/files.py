"""Networks by name or from a file: what is wrong with either, in words."""

import difflib
import pathlib

import keras


def check(path, argument):
    """Raises ValueError where there is no file, which `argument` named."""
    if not pathlib.Path(path).is_file():
        raise ValueError(f"{argument} must name an existing .keras file. Received: {path!r}")


def read(path, argument):
    """The Keras model in a file, which `argument` named.

    Raises:
      ValueError: where there is none, or it cannot be read.
    """
    check(path, argument)
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # a damaged file fails in as many ways as the libraries that read it
        raise ValueError(
            f"{argument} must name a Keras model that can be read. Received: {path!r} ({error})"
        ) from error


def unknown(name, names, argument):
    """The error of a name that is none of `names`, with the nearest of them."""
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"{argument} must be one of {', '.join(names)}. Received: {name!r}.{hint}")
