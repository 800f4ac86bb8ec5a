"""Names to encoders of images for captions: `image -> (penultimate map, last map, vector)`."""

from qrkeras import networks
from qrkeras.features import efficientnet, scenes
from qrkeras.features.files import read, unknown

NAMES = (scenes.NAME, efficientnet.NAME, "vgg16", "new", "FILE.keras")


def load(name, seed=0):
    """The encoder called `name`.

    | name | encoder |
    |---|---|
    | `scenes-cnn` | shipped encoder of 64 x 64 scenes, trained on single things |
    | `efficientnet-lite0` | EfficientNet-Lite0 of 224 x 224 photographs, weights from the extra `efficientnet` |
    | `vgg16` | VGG16 of 224 x 224 photographs, weights from Keras' cache or the network  (the paper's) |
    | `new` | that of 64 x 64 scenes, with new weights |
    | `FILE.keras` | a saved Keras model of images in [-1, 1] to two maps and a vector, read in Keras' safe mode |

    Raises:
      ValueError: naming the nearest right name, or what is wrong with the file.
      RuntimeError: where weights are not to be had.
    """
    if name == scenes.NAME:
        return scenes.load()
    if name == efficientnet.NAME:
        return efficientnet.load()
    if name == "vgg16":
        return networks.vgg16_encoder()
    if name == "new":
        return networks.scenes_encoder(seed)
    if str(name).endswith(".keras"):
        return read(name, "encoder")
    raise unknown(name, NAMES, "encoder")
