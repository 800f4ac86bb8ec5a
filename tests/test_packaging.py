"""What `pip wheel .` makes is whole: installed into an empty environment, it trains and samples from another folder."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
TINY = (
    "--steps=2", "--steps-per-execution=1", "--log-every=1", "--checkpoint-every=2", "--sample-every=2",
    "--evaluate-every=2", "--evaluate-samples=64", "--evaluate-references=64", "--batch-size=8", "--network.width=2",
)  # fmt: skip


def succeeded(*command, **options):
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=alone, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that a build folder in the checkout neither helps nor is made."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "qrkeras", source / "qrkeras", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()
    # setuptools of this environment: none is downloaded.
    succeeded(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def empty(wheel, tmp_path_factory):
    """Folder of commands of an environment that holds the wheel and, of this one, what the wheel depends on."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=True, with_pip=False)
    succeeded(*PIP, "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # Of a folder that a .pth file names, the .pth files do not count: the editable qrkeras is not there.
    there = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("\n".join(there) + "\n")
    return folder / "bin"


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "qrkeras").rglob("*") if path.is_file()}
    assert names == {name for name in there if "__pycache__" not in name}
    assert {"qrkeras/py.typed", "qrkeras/serving/server/page.html"} <= names
    assert any(name.endswith(".npz") for name in names)


def test_it_runs_in_an_empty_environment(empty, tmp_path):
    where = "import qrkeras; print(qrkeras.__file__)"
    assert pathlib.Path(succeeded(empty / "python", "-c", where, cwd=tmp_path).strip()).is_relative_to(empty.parent)

    def qrkeras(*arguments):
        return succeeded(empty / "qrkeras", *arguments, cwd=tmp_path)

    assert "usage: qrkeras VERB" in succeeded(empty / "python", "-m", "qrkeras", "--help", cwd=tmp_path)
    assert "qrkeras train qrgan-cifar10" in qrkeras("presets", "qrgan-cifar10")
    qrkeras("train", "qrgan-digits", *TINY, "--run-dir=run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert any("FID[digits-cnn] train" in line for line in lines), "the feature network of the wheel has measured"
    qrkeras("sample", "run", "--n=4", "--output=four.png")
    assert (tmp_path / "four.png").read_bytes().startswith(b"\x89PNG")
