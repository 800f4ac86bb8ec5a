"""A whole family, to count what one costs: its files, and the lines that name it."""

import pathlib

HERE = pathlib.Path(__file__).parent
FILES = {
    "models/toy.py": HERE / "model.py",
    **{f"families/toy/{path.name}": path for path in sorted((HERE / "families").glob("*.py"))},
}
# File -> how a line begins, and how it begins then: the list of families, and the names of what may stand in a file.
EDITS = {
    "families/__init__.py": ("NAMES = (", 'NAMES = ("toy", '),
    "__init__.py": ('    "models": (', '    "models": ("Sorted", '),
    "models/__init__.py": (
        "from qrkeras.models.vae import VAE",
        "from qrkeras.models.toy import Sorted; from qrkeras.models.vae import VAE",
    ),
}


def added_to(package):
    """Adds the family to a copy of the package."""
    for name, source in FILES.items():
        place = package / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(source.read_text())
    for name, (begin, edited) in EDITS.items():
        text = (package / name).read_text()
        assert f"\n{text}".count(f"\n{begin}") == 1, f"{name} must have one line that begins with {begin!r}"
        (package / name).write_text(f"\n{text}".replace(f"\n{begin}", f"\n{edited}")[1:])
