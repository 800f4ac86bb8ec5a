"""PyTorch's PixelCNN++ as the public ones lay it out, for benchmarks alone: cut kernels, padded images, channels-last.

The layers, planes and order of blocks are those of `qrkeras.networks.pixelcnnpp`; convolutions are weight-normalised by
`torch.nn.utils.parametrizations`.
"""

import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

UPPER, LEFT = (-1, 1), (-1, 0)  # columns that the streams u and l read


def concat_elu(x):
    return functional.elu(torch.cat([x, -x], dim=1))


class Shifted(nn.Module):
    """A convolution that reads the given rows and columns, relative to the output's."""

    def __init__(self, inputs, outputs, rows=(-1, 0), columns=UPPER, stride=1):
        super().__init__()
        self.rows, self.columns = rows, columns
        size = rows[1] - rows[0] + 1, columns[1] - columns[0] + 1
        self.convolution = weight_norm(_initialised(nn.Conv2d(inputs, outputs, size, stride)))

    def forward(self, x):
        (top, bottom), (left, right) = self.rows, self.columns
        x = x[:, :, : x.shape[2] + min(bottom, 0), : x.shape[3] + min(right, 0)]
        return self.convolution(functional.pad(x, (-left, max(right, 0), -top, max(bottom, 0))))


class Spread(nn.Module):
    """The transposed convolution of stride 2, cut on the left."""

    def __init__(self, planes, columns):
        super().__init__()
        self.columns = columns
        size = 2, columns[1] - columns[0] + 1
        self.convolution = weight_norm(_initialised(nn.ConvTranspose2d(planes, planes, size, 2)), dim=1)

    def forward(self, x):
        return self.convolution(x)[..., -self.columns[0] :]


class Block(nn.Module):
    def __init__(self, planes, columns, aux, dropout):
        super().__init__()
        self.first = Shifted(2 * planes, planes, columns=columns)
        self.second = Shifted(2 * planes, 2 * planes, columns=columns)
        self.skip = weight_norm(_initialised(nn.Conv2d(2 * planes * aux, planes, 1))) if aux else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, v, aux=()):
        t = self.first(concat_elu(v))
        if aux:
            t = t + self.skip(torch.cat([concat_elu(x) for x in aux], dim=1))
        first, second = self.second(self.dropout(concat_elu(t))).chunk(2, dim=1)
        return v + first * torch.sigmoid(second)


class Resolution(nn.Module):
    def __init__(self, planes, down, up, coarsest, dropout):
        super().__init__()

        def pairs(number, aux):
            pair = ((UPPER, aux), (LEFT, aux + 1))
            return nn.ModuleList(
                nn.ModuleList(Block(planes, columns, each, dropout) for columns, each in pair) for _ in range(number)
            )

        self.down, self.up = pairs(down, 0), pairs(up, 1)
        self.coarser, self.finer = nn.ModuleList(), nn.ModuleList()
        if not coarsest:
            self.coarser.extend(Shifted(planes, planes, columns=columns, stride=2) for columns in (UPPER, LEFT))
            self.finer.extend(Spread(planes, columns) for columns in (UPPER, (0, 1)))


class Network(nn.Module):
    """Images `(batch, 3, h, w)` in [-1, 1] to the outputs for every pixel, `(batch, 10 components, h, w)`."""

    def __init__(self, planes, blocks, resolutions, components, dropout):
        super().__init__()
        self.start_upper = Shifted(4, planes, (-2, -1), UPPER)
        self.start_above = Shifted(4, planes, (-1, -1), UPPER)
        self.start_left = Shifted(4, planes, (-1, 0), (-1, -1))
        last = resolutions - 1
        self.resolutions = nn.ModuleList(
            Resolution(planes, blocks, blocks + (n < last), n == last, dropout) for n in range(resolutions)
        )
        self.head = weight_norm(_initialised(nn.Conv2d(planes, 10 * components, 1)))

    def forward(self, images):
        x = torch.cat([images, torch.ones_like(images[:, :1])], dim=1)
        _, left = self._through(0, self.start_upper(x), self.start_above(x) + self.start_left(x))
        return self.head(functional.elu(left))

    def _through(self, n, upper, left):
        here, skips = self.resolutions[n], [(upper, left)]
        for of_upper, of_left in here.down:
            upper = of_upper(upper)
            left = of_left(left, (upper,))
            skips.append((upper, left))
        if len(here.coarser):
            upper, left = (convolution(v) for convolution, v in zip(here.coarser, (upper, left), strict=True))
            upper, left = self._through(n + 1, upper, left)
            upper, left = (convolution(v) for convolution, v in zip(here.finer, (upper, left), strict=True))
        else:
            skips.pop()
        for of_upper, of_left in here.up:
            skip_upper, skip_left = skips.pop()
            upper = of_upper(upper, (skip_upper,))
            left = of_left(left, (upper, skip_left))
        return upper, left


def nats(images, outputs, components):
    """`-log P` of a value, the mean over all: mixtures of discretised logistics of 256 levels, coupled over colours.

    Args: images: in [-1, 1], on the grid of uint8.
    """
    parts = outputs.split(components, dim=1)
    log_weights, log_scales = functional.log_softmax(parts[0], dim=1), [part.clamp(min=-7.0) for part in parts[4:7]]
    a, b, c = (torch.tanh(part) for part in parts[7:])
    red, green, blue = (images[:, i : i + 1] for i in range(3))
    means = parts[1], parts[2] + a * red, parts[3] + b * red + c * green
    for value, mean, log_scale in zip((red, green, blue), means, log_scales, strict=True):
        inverse = torch.exp(-log_scale)
        upper, lower = (value - mean + 1 / 255) * inverse, (value - mean - 1 / 255) * inverse
        below, above = -functional.softplus(-upper), -functional.softplus(lower)
        within = torch.log(-torch.expm1(-2 / 255 * inverse))
        inside = below + above + within
        log_weights = log_weights + torch.where(value < -0.999, below, torch.where(value > 0.999, above, inside))
    return -torch.logsumexp(log_weights, dim=1).mean() / 3


def training(network, components, image_shape, learning_rate, average_decay):
    """Returns a function that runs a number of steps: Adamax on `nats`, and a Polyak average of the weights."""
    network.to(memory_format=torch.channels_last).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.Adamax(parameters, learning_rate, foreach=True)
    average = [parameter.detach().clone() for parameter in parameters]
    levels = torch.randint(0, 256, image_shape)
    images = (levels / 127.5 - 1).to(memory_format=torch.channels_last)

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nats(images, network(images), components)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(average, parameters, 1 - average_decay)
        return [loss.item()]

    return run


def _initialised(module):
    nn.init.normal_(module.weight, 0.0, 1 / math.sqrt(module.weight[0].numel()))
    nn.init.zeros_(module.bias)
    return module
