"""What is measured of an AGAVE and of what it is compared with: means over images."""


def decomposed(model, images, importance_samples=150, seed=0):
    """What the bounds of an AGAVE are made of  (Lucas's thesis, Section 3.4.3).

    Args:
      model: `models.AGAVE`.   images: uint8 `(n, height, width, channels)`, n at least 2.
      importance_samples: latents drawn for each image's IWAE bound.   seed: of the latents.
    Returns: name -> float: those of `AGAVE.decompose`; `elbo` and `iwae`, bits of a value by 1 and by so many samples.
    """
    parts = {name: float(part.mean()) for name, part in model.decompose(images, seed).items()}
    elbo, iwae = (float(model.bits_per_dim(images, samples, seed).mean()) for samples in (1, importance_samples))
    return {**parts, "elbo": elbo, "iwae": iwae}


def exact(model, images):
    """Bits of a value of a model whose likelihood is exact, under the names of its bounds."""
    bits = float(model.bits_per_dim(images).mean())
    return {"elbo": bits, "iwae": bits}
