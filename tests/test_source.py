"""Questions that the source must not ask, because one place answers them.

Whether a model can do something is asked of `models.abilities`, what data are of `kinds`, what a part stands for of the
part itself.
"""

import ast
import pathlib

import pytest

import qrkeras

PACKAGE = pathlib.Path(qrkeras.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# What comes from outside may be of any type: an objective that a user wrote, a network in a file.
MAY_ASK_ATTRIBUTES = {
    "machine/processes.py",
    "models/image_checks.py",
    "models/fitting.py",
    "models/replicas.py",
}
MAY_ASK_LENGTHS = {
    "kinds.py",
    "losses/adversarial.py",  # outputs of a discriminator
    "losses/penalties.py",  # axes of a sum
    "layers/colours.py",
    "layers/normalization.py",
    "models/image_checks.py",  # whether an array fits a shape
    "models/vae.py",  # outputs of an encoder
    "features/network.py",  # networks in files
    "features/classifier.py",
    "data/records.py",  # TFDS features
}


def name(file):
    return file.relative_to(PACKAGE).as_posix()


def calls(tree, function):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == function]


def lengths_of_shapes(tree):
    """`len(x.shape)`, `len(shape)`, `x.ndim` in a comparison."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                named = ast.unparse(side)
                if named.startswith("len(") and named.endswith("shape)") or named.endswith(".ndim"):
                    found.append(named)
    return found


def asked_of_types(tree):
    """`type(x).__name__` as a key, and isinstance of parts, presets and networks."""
    keys = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.slice).endswith((").__name__", "__class__.__name__"))
    ]
    kinds = ("Preset", "Network", "presets.", "families.", "schema.", "networks.", "Dcgan", "Mlp")
    return keys + [
        ast.unparse(call)
        for call in calls(tree, "isinstance")
        if len(call.args) > 1 and any(kind in ast.unparse(call.args[1]) for kind in kinds)
    ]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_model_is_asked_for_an_attribute(file):
    if name(file) not in MAY_ASK_ATTRIBUTES:
        assert not calls(ast.parse(file.read_text()), "hasattr")


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_shape_is_asked_what_data_are(file):
    if name(file) not in MAY_ASK_LENGTHS and name(file).split("/")[0] not in ("metrics", "data", "serving", "pictures"):
        assert not lengths_of_shapes(ast.parse(file.read_text()))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_type_is_asked_what_it_stands_for(file):
    assert not asked_of_types(ast.parse(file.read_text()))


def test_the_questions_are_found():
    tree = ast.parse(
        "hasattr(model, 'inpaint')\nif len(source.shape) == 3: pass\nif x.ndim != 4: pass\n"
        "TABLE[type(part).__name__]\nisinstance(preset, GanPreset)"
    )
    assert len(calls(tree, "hasattr")) == 1 and len(lengths_of_shapes(tree)) == 2 and len(asked_of_types(tree)) == 2
