"""What is measured of models whose likelihood is bounded, for claims: means over images."""


def bounds(model, images, importance_samples=100, seed=0, first=None):
    """`elbo` and `iwae`: bits of a value, by 1 and by so many samples of the latents; of the `first` images, or all."""
    images = images[:first]
    elbo, iwae = (float(model.bits_per_dim(images, samples, seed).mean()) for samples in (1, importance_samples))
    return {"elbo": elbo, "iwae": iwae}


def exact(model, images):
    """The bits of a model whose likelihood is exact, under the names of both bounds."""
    bits = float(model.bits_per_dim(images).mean())
    return {"elbo": bits, "iwae": bits}
