"""The standard Inception network, from TF-Hub  (Salimans 2016; Heusel 2017)."""

import os
import socket
import warnings

from qrkeras.features.network import FeatureNetwork

URL = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"
PATIENCE = 20  # seconds of silence


def inception():
    """TF-GAN's Inception: features `pool_3` (2,048) and 1,008 logits, images resized to 299x299 inside the module.

    The module is read from the folder TFHUB_CACHE_DIR, or downloaded. It is a program, which runs as whoever calls
    this: that folder must be filled by somebody who is trusted.

    Raises:
      RuntimeError: if it is neither there nor to be downloaded, or tensorflow-hub is not installed.
    """
    import tensorflow as tf

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensorflow_hub imports pkg_resources, which says that it is old
            import tensorflow_hub as hub
    except ImportError as error:
        raise RuntimeError(
            f"features inception needs tensorflow-hub ({error}): pip install 'qrkeras[inception]'. Without it, choose "
            "features that are shipped: cifar10-cnn or digits-cnn; training without evaluation takes --evaluate-every "
            "None."
        ) from error
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # tensorflow_hub names none, and would wait for minutes
    try:
        module = hub.load(URL)
    except (OSError, ValueError, tf.errors.OpError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise RuntimeError(
            f"Inception could not be loaded from {URL} ({told}). Either run this where the network reaches "
            "TF-Hub, or prepare it elsewhere: set TFHUB_CACHE_DIR to a folder there, call "
            f"tensorflow_hub.load({URL!r}), copy the folder here and set TFHUB_CACHE_DIR to it "
            f"(now: {os.environ.get('TFHUB_CACHE_DIR', 'not set')}). Without it, choose features that are shipped: "
            "cifar10-cnn or digits-cnn; training without evaluation takes --evaluate-every None."
        ) from error
    finally:
        socket.setdefaulttimeout(patience)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), "uint8")], autograph=False)
    def run(images):
        found = module(tf.cast(images, "float32") / 127.5 - 1.0)
        return tuple(tf.reshape(found[key], (tf.shape(images)[0], -1)) for key in ("pool_3", "logits"))

    return FeatureNetwork("inception", "tfgan-inception-1", "bilinear to 299x299 in the module, [-1, 1]", 3, run)
