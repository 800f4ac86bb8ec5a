"""A GAN's simultaneous step in PyTorch, eager and channels-last: the peer of several benchmarks."""


def initialise(module):
    """Weights N(0, 0.02^2) and biases 0 of convolutions and dense layers."""
    from torch import nn

    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def training(generator, discriminator, losses, noise_shape, image_shape, adam):
    """Returns a function that runs a number of steps: both gradients at the same weights, then both updates.

    Args:
      losses: function of real and fake outputs to the discriminator's loss and the generator's.
      noise_shape, image_shape: of a batch.   adam: `learning_rate`, `beta_1` and `beta_2`.
    """
    import torch

    options = adam["learning_rate"], (adam["beta_1"], adam["beta_2"])
    g_optimizer = torch.optim.Adam(generator.parameters(), *options)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), *options)
    real = (torch.rand(image_shape) * 2 - 1).to(memory_format=torch.channels_last)

    def step():
        fake = generator(torch.randn(noise_shape))
        d_loss, g_loss = losses(discriminator(real), discriminator(fake))
        d_gradients = torch.autograd.grad(d_loss, list(discriminator.parameters()), retain_graph=True)
        g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()))
        for network, gradients in ((discriminator, d_gradients), (generator, g_gradients)):
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter.grad = gradient
        d_optimizer.step()
        g_optimizer.step()
        return d_loss, g_loss

    def run(steps):
        for _ in range(steps):
            found = step()
        return [loss.item() for loss in found]

    return run
