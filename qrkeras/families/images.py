"""What families of images ask of their data."""

from qrkeras import kinds


def without_captions(source):
    """Raises ValueError if `source` has captions."""
    if source.kind is kinds.CAPTIONED:
        raise ValueError(
            f"data must be images without captions. Received: {source.name}, which the family captions takes"
        )


def image_shape(source):
    """Side and channels of the square images of `source`; raises ValueError if it has others, points or captions."""
    without_captions(source)
    if source.kind is not kinds.IMAGES or source.shape[0] != source.shape[1]:
        raise ValueError(f"data must be square images; --data.image-size makes them so. Received: {source.shape}")
    return source.shape[0], source.shape[2]
