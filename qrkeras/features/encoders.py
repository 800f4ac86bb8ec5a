"""Names to encoders of images for captions: `image -> (penultimate map, last map, vector)`."""

import difflib
import pathlib

import keras

from qrkeras import networks
from qrkeras.features import scenes

NAMES = (scenes.NAME, "vgg16", "new", "FILE.keras")


def load(name, seed=0):
    """The encoder called `name`.

    | name | encoder |
    |---|---|
    | `scenes-cnn` | shipped encoder of 64 x 64 scenes, trained on single things |
    | `vgg16` | VGG16 of 224 x 224 photographs, weights from Keras' cache or the network  (the paper's) |
    | `new` | that of 64 x 64 scenes, with new weights |
    | `FILE.keras` | a saved Keras model of images in [-1, 1] to two maps and a vector, read in Keras' safe mode |

    Raises:
      ValueError: naming the nearest right name, or what is wrong with the file.
      RuntimeError: where weights are not to be had.
    """
    if name == scenes.NAME:
        return scenes.load()
    if name == "vgg16":
        return networks.vgg16_encoder()
    if name == "new":
        return networks.scenes_encoder(seed)
    if str(name).endswith(".keras"):
        return _read(name)
    near = difflib.get_close_matches(str(name), NAMES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"encoder must be one of {', '.join(NAMES)}. Received: {name!r}.{hint}")


def _read(path):
    if not pathlib.Path(path).is_file():
        raise ValueError(f"encoder must name an existing .keras file. Received: {path!r}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # a damaged file fails in as many ways as the libraries that read it
        raise ValueError(f"encoder must name a Keras model that can be read. Received: {path!r} ({error})") from error
