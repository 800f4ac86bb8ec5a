"""The direction of imports, read from the source."""

import ast
import pathlib
import subprocess
import sys

import pytest

import qrkeras

PACKAGE = pathlib.Path(qrkeras.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

DESIGN = pathlib.Path(__file__).parents[1] / "docs" / "design.md"


def table():
    """Room or file of the table in docs/design.md -> the rooms that it may import, those that are free to all aside."""
    lines = DESIGN.read_text().splitlines()
    start = lines.index("| room | what is in it | may import |") + 2
    found = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        places, _, allowed = (cell.strip() for cell in line.strip("|").split("|"))
        for place in places.replace("`", "").split():
            found[place.removesuffix("/").removesuffix(".py")] = {each.strip() for each in allowed.split(",")} - {""}
    return {place: (found.keys() - {place, "cli"} if "all" in needs else needs) for place, needs in found.items()}


# The package itself is no room; its version may be read.
MAY_IMPORT = {"__init__": set(), "__main__": {"cli"}, **table()}
FREE = ("machine", "kinds", "words")
NO_TENSORFLOW = ("losses", "layers", "networks", "metrics", "presets", "families")
PLUMBING = {f"models/{file}.py" for file in ("feed", "noise", "replicas", "saved_model", "step", "strings")}


def imports(tree):
    """Dotted names of the modules that a file imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            # `from qrkeras import losses` imports qrkeras.losses.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(file):
    """The row of the table that a file belongs to: its own, or its room's."""
    place = file.relative_to(PACKAGE).with_suffix("")
    return place.as_posix() if place.as_posix() in MAY_IMPORT else place.parts[0]


def name(file):
    return file.relative_to(PACKAGE).as_posix()


def rooms_imported(file):
    rooms = set()
    for dotted in imports(ast.parse(file.read_text())):
        first, _, rest = dotted.partition(".")
        if first == "qrkeras" and rest:
            place = rest.replace(".", "/")
            rows = [row for row in MAY_IMPORT if place == row or place.startswith(f"{row}/")]
            known = (PACKAGE / rest.split(".")[0]).exists() or (PACKAGE / f"{rest.split('.')[0]}.py").exists()
            rooms |= {max(rows, key=len)} if rows else {rest.split(".")[0]} if known else set()
    return rooms


@pytest.mark.parametrize("file", FILES, ids=name)
def test_arrows_point_one_way(file):
    assert room(file) in MAY_IMPORT, f"give {room(file)} its place in the table of docs/design.md"
    wrong = rooms_imported(file) - MAY_IMPORT[room(file)] - {room(file), room(file).split("/")[0], *FREE}
    assert not wrong, f"{name(file)} must not import {sorted(wrong)}"


def test_the_table_has_no_circle():
    placed, waiting = set(), dict(MAY_IMPORT)
    while waiting:
        free = {key for key, needs in waiting.items() if needs <= placed}
        assert free, f"circle among {sorted(waiting)}"
        placed |= free
        waiting = {key: needs for key, needs in waiting.items() if key not in free}


def test_the_table_can_fail(tmp_path, monkeypatch):
    file = tmp_path / "losses.py"
    file.write_text("def f():\n    from qrkeras import models\n    import qrkeras.networks.mlp\n")
    assert rooms_imported(file) == {"models", "networks"}


@pytest.mark.parametrize("file", [f for f in FILES if room(f) in NO_TENSORFLOW], ids=name)
def test_no_tensorflow_in_equations_and_networks(file):
    found = {dotted.split(".")[0] for dotted in imports(ast.parse(file.read_text()))}
    forbidden = {"tensorflow"} | ({"keras"} if room(file) in ("presets", "metrics") else set())
    assert not found & forbidden


@pytest.mark.parametrize("file", [f for f in FILES if room(f) == "families"], ids=name)
def test_families_load_without_keras(file):
    """Networks, models and losses come in where something is built: in `build.py`, and in methods."""
    if file.name == "build.py":
        return
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = {dotted.removeprefix("qrkeras.").split(".")[0] for dotted in imports(ast.Module([node], []))}
            assert not found & {"networks", "models", "losses", "keras"}


def test_tensorflow_in_models_stays_in_the_plumbing():
    tied = {
        name(file)
        for file in FILES
        if room(file) == "models" and any(d.split(".")[0] == "tensorflow" for d in imports(ast.parse(file.read_text())))
    }
    assert tied <= PLUMBING


def test_presets_and_command_line_load_without_tensorflow():
    script = (
        "import sys, qrkeras, qrkeras.presets, qrkeras.experiments.runs, qrkeras.cli\n"
        "print({'tensorflow', 'keras', 'torch', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_subpackages_load_on_first_use():
    for part in qrkeras.__all__:
        assert getattr(qrkeras, part)
    with pytest.raises(AttributeError, match="no attribute 'lossses'"):
        qrkeras.lossses  # noqa: B018


@pytest.mark.parametrize("file", FILES, ids=name)
def test_files_stay_within_500_lines(file):
    assert len(file.read_text().splitlines()) <= 500


def test_every_folder_is_a_package():
    for folder in {file.parent for file in FILES}:
        assert (folder / "__init__.py").is_file()
