"""What is measured of an AGAVE: means over images."""

from qrkeras.families.bounds import bounds


def decomposed(model, images, importance_samples=150, seed=0):
    """What the bounds of an AGAVE are made of  (Lucas's thesis, Section 3.4.3).

    Args:
      model: `models.AGAVE`.   images: uint8 `(n, height, width, channels)`, n at least 2.
      importance_samples: latents drawn for each image's IWAE bound.   seed: of the latents.
    Returns: name -> float: those of `AGAVE.decompose`; `elbo` and `iwae` of `families.bounds`.
    """
    parts = {name: float(part.mean()) for name, part in model.decompose(images, seed).items()}
    return {**parts, **bounds(model, images, importance_samples, seed)}
