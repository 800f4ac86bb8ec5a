"""TensorFlow without its chatter."""

import os
import re
import sys

from qrkeras.machine.keras_settings import check_keras


def load_keras():
    """`load_tensorflow`, where models follow; raises RuntimeError where Keras is set to what they cannot use."""
    load_tensorflow()
    check_keras()


def load_tensorflow():
    """Imports TensorFlow and looks for devices without the lines that its libraries write past Python's logging;
    what matters of them comes as exceptions.

    Set TF_CPP_MIN_LOG_LEVEL to see them.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("ERROR")  # it warns of retracing where several models are each traced once
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def said(error):
    """Of TensorFlow's error, such as a damaged file or memory: the line that names it, without the graph's story."""
    lines = error.message.splitlines() or [type(error).__name__]
    line = next((line for line in lines if "Error: " in line), lines[0])
    return re.sub(r"^\{\{.*?\}\} | \[Op:.*", "", line).strip()
