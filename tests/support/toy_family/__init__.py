"""A whole family, to count what one costs: its files, and the lines that name it."""

import pathlib

HERE = pathlib.Path(__file__).parent
FILES = {
    "models/toy.py": HERE / "model.py",
    **{f"families/toy/{path.name}": path for path in sorted((HERE / "families").glob("*.py"))},
}
# File -> line, and what it becomes: the list of families, and the names of what may stand in a file.
EDITS = {
    "families/__init__.py": ('NAMES = ("gan", "pixels", "vae")', 'NAMES = ("gan", "pixels", "vae", "toy")'),
    "__init__.py": (
        '    "models": ("AIQNVAE", "GAN", "PixelCNN", "PixelIQN", "VAE"),',
        '    "models": ("AIQNVAE", "GAN", "PixelCNN", "PixelIQN", "Sorted", "VAE"),',
    ),
    "models/__init__.py": (
        "from qrkeras.models.vae import VAE",
        "from qrkeras.models.vae import VAE; from qrkeras.models.toy import Sorted  # noqa",
    ),
}


def added_to(package):
    """Adds the family to a copy of the package."""
    for name, source in FILES.items():
        place = package / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(source.read_text())
    for name, (line, edited) in EDITS.items():
        lines = (package / name).read_text().splitlines()
        assert lines.count(line) == 1, f"{name} must have the line {line!r}"
        lines[lines.index(line)] = edited
        (package / name).write_text("\n".join(lines) + "\n")
