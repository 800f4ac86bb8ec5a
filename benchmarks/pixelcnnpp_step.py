"""Training steps per second of PixelCNN++, and of the same network in PyTorch.

    python benchmarks/pixelcnnpp_step.py --threads 2 --rounds 5
    python benchmarks/pixelcnnpp_step.py --size 8 --planes 8 --blocks 1 --batch 4 --rounds 2  # a minute

One step is the exact likelihood of a batch of random images, its gradient, Adamax(0.002) and the Polyak average of the
weights. By default images are 32 x 32 x 3 and the network has 5 blocks on each of 3 resolutions, 10 logistics and
dropout 0.5, as the authors' of CIFAR-10, of fewer planes.

  qrkeras  `qrkeras.models.PixelCNNPlusPlus`
  torch    the step in PyTorch, eager, channels_last (`torch_pixelcnnpp.py`)

Every peer lives in its own process and waits while the other is timed; the order turns with every round. Figures are
medians over the rounds, the ratio the median of each round's ratio. Before the timing PyTorch's network is given our
weights, and its outputs and loss must be ours. The table is Markdown.
"""

import functools
import json
import os
from importlib.metadata import version

from rounds import arguments, measure, table

LEARNING_RATE, AVERAGE_DECAY = 0.002, 0.9995


def build(s, dropout=None):
    from qrkeras.networks import pixelcnnpp

    sizes = s.size, 3, s.planes, s.blocks, s.resolutions, s.components
    return pixelcnnpp(*sizes, dropout=s.dropout if dropout is None else dropout, seed=0)


def build_torch(s, dropout=None):
    from torch_pixelcnnpp import Network

    return Network(s.planes, s.blocks, s.resolutions, s.components, s.dropout if dropout is None else dropout)


def qrkeras_peer(s, threads):
    """Returns a function that runs a number of steps of `PixelCNNPlusPlus`."""
    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from qrkeras.models import PixelCNNPlusPlus

    model = PixelCNNPlusPlus(build(s), AVERAGE_DECAY)
    model.compile(keras.optimizers.Adamax(LEARNING_RATE))
    images = np.random.default_rng(0).integers(0, 256, (s.batch, s.size, s.size, 3)).astype("uint8")
    step, images = tf.function(model.train_step, autograph=False), tf.constant(images)

    def run(steps):
        for _ in range(steps):
            losses = step(images)
        return [float(loss) for loss in losses.values()]

    return run


def torch_peer(s, threads):
    """Returns a function that runs a number of steps in PyTorch."""
    import torch
    import torch_pixelcnnpp

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = (s.batch, 3, s.size, s.size)
    return torch_pixelcnnpp.training(build_torch(s), s.components, shape, LEARNING_RATE, AVERAGE_DECAY)


def peer(s, name, threads):
    return {"qrkeras": qrkeras_peer, "torch": torch_peer}[name](s, threads)


def layers_of(network):
    """The layers with kernels of our network, in the order in which PyTorch's modules have theirs."""
    yield from (network.start_upper, network.start_above, network.start_left)
    for resolution in network.resolutions:
        for block in (*resolution.down, *resolution.up):
            yield from (block.first, block.second, *([block.skip] if block.aux else []))
        yield from (*resolution.halve, *resolution.double)
    yield network.head


def check_same_function(s):
    """PyTorch's network, given the weights of ours, must return what ours returns, and its loss."""
    import numpy as np
    import torch
    from keras import ops
    from torch import nn
    from torch_pixelcnnpp import nats

    from qrkeras.models.pixelcnnpp import pixel_nats

    ours, theirs = build(s, dropout=0.0), build_torch(s, dropout=0.0)
    convolutions = [module for module in theirs.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    for layer, module in zip(layers_of(ours), convolutions, strict=True):
        kernel, bias = (ops.convert_to_numpy(part) for part in layer.parts())
        kernel = kernel.reshape((1,) * (4 - kernel.ndim) + kernel.shape)  # of dense layers, too
        order = (2, 3, 0, 1) if isinstance(module, nn.ConvTranspose2d) else (3, 2, 0, 1)
        with torch.no_grad():
            module.weight = torch.tensor(kernel.transpose(order).copy())
            module.bias.copy_(torch.tensor(bias))
    images = np.random.default_rng(1).integers(0, 256, (2, s.size, s.size, 3)).astype("uint8")
    unit = images.astype("float32") / 127.5 - 1
    same = torch.tensor(unit.transpose(0, 3, 1, 2).copy())
    outputs, same_outputs = ours(unit), theirs(same).detach()
    np.testing.assert_allclose(outputs, same_outputs.permute(0, 2, 3, 1), atol=1e-4)
    loss = float(ops.mean(pixel_nats(ops.convert_to_tensor(images), outputs, 256))) / 3
    np.testing.assert_allclose(loss, float(nats(same, same_outputs, s.components)), rtol=1e-5)


def main():
    parser = arguments(__doc__, threads=2, rounds=5)
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--planes", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--resolutions", type=int, default=3)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2, help="steps in a round")
    parser.add_argument("--json", help="file for the settings, the versions and the time of every round")
    s = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    check_same_function(s)
    found = measure(functools.partial(peer, s), ["qrkeras", "torch"], s.threads, s.rounds, s.steps)
    print(table(found))
    if s.json:
        versions = {library: version(library) for library in ("keras", "tensorflow", "torch")}
        with open(s.json, "w") as file:
            json.dump({"settings": vars(s), "versions": versions, "peers": found}, file, indent=2)


if __name__ == "__main__":
    main()
