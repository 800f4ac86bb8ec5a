"""What the documentation shows: Python runs, with fewer steps; commands can be given; what it names is there."""

import functools
import pathlib
import pkgutil
import re
import shlex
import shutil

import pytest
import tyro

from qrkeras import presets, verbs
from qrkeras.experiments.train import load_model
from qrkeras.families import CLAIMS
from qrkeras.serving import export
from qrkeras.verbs import train
from tests.support import servers

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "export/*.md", "tuning/*.md")
    for path in ROOT.glob(pattern)
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORKING = [
    "README.md",
    "docs/families/ade.md",
    "docs/families/agave.md",
    "docs/families/bgan.md",
    "docs/families/captions.md",
    "docs/training.md",
    "docs/evaluation.md",
    "docs/search.md",
    "docs/serving.md",
]


def blocks(page, language):
    return [text for found, text in FENCED.findall((ROOT / page).read_text()) if found == language]


def commands(page):
    """Words after `qrkeras` of every command in a page's blocks; a loop's variable has its first value."""
    for text in blocks(page, ""):
        for name, first in re.findall(r"for (\w+) in (\S+)", text):
            text = text.replace(f"${name}", first)
        for line in text.replace("\\\n", " ").splitlines():
            for command in line.partition(" #")[0].split(";"):
                if found := re.match(r"\s*(?:do |cd \w+ && )?\s*qrkeras (.*)", command):
                    yield shlex.split(found[1])


def given(words, file):
    """Parses a command, and runs nothing; `file` stands for the preset that a sweep writes."""
    name, *rest = [str(file) if word.endswith("/best.json") else word for word in words]
    function = train.command(rest.pop(0)) if name == "train" else verbs.verb(name)
    called = []

    @functools.wraps(function)
    def recorded(*arguments, **options):
        called.append((arguments, options))

    tyro.cli(recorded, args=rest, config=(tyro.conf.AvoidSubcommands,) if name == "train" else ())
    assert called


@pytest.mark.parametrize("page", [page for page in PAGES if list(commands(page))])
def test_commands_can_be_given(page, tmp_path):
    file = tmp_path / "best.json"
    file.write_text(presets.to_json(presets.get("pixeliqn-digits")))
    for words in commands(page):
        try:
            given(words, file)
        except (SystemExit, ValueError) as error:
            pytest.fail(f"{page}: qrkeras {shlex.join(words)}: {error}")


def test_a_command_that_cannot_be_given_is_found(tmp_path, capsys):
    for words in (["sample", "runs/x", "--through", "prior"], ["train", "qrgan-digits", "--no-such", "1"]):
        with pytest.raises(SystemExit):
            given(words, tmp_path)
    assert "through" in capsys.readouterr().err


@pytest.mark.parametrize("page", WORKING)
def test_python_runs(page, tmp_path, monkeypatch, images_run, pixels_run):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(images_run.path, "runs/qrgan-digits-0")
    export.export_model(load_model(pixels_run), "served", "pixeliqn-digits")
    with servers.running(pathlib.Path("served")) as url:
        known = {}
        for text in blocks(page, "python"):
            for many, few in (("500, epochs=2", "2, epochs=1"), ("1_000", "64"), ("http://127.0.0.1:8501", url)):
                text = text.replace(many, few)
            exec(compile(text, page, "exec"), known)


def test_every_page_with_python_runs():
    assert [page for page in PAGES if blocks(page, "python")] == sorted(WORKING)


@pytest.mark.parametrize("page", PAGES)
def test_files_are_there(page):
    text = (ROOT / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in link]
    named = re.findall(r"`((?:qrkeras|docs|tests|benchmarks|tuning|export|cluster)/[\w/.-]+)`", text)
    run = re.findall(r"python ((?:benchmarks|tests|tuning|export)/\S+\.py)", text)
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    missing += [path for path in named + run if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])  # which tells former names, too
def test_names_are_there(page):
    for name in re.findall(r"`(qrkeras(?:\.\w+)+)[`(]", (ROOT / page).read_text()):
        pkgutil.resolve_name(name)


def test_the_readme_says_of_every_claim_what_came_out():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \[([\w-]+)\]\(docs/results/claims/.*?\) \| (\d+) \| ([\w ]+) \|", readme, re.MULTILINE)
    said = {name: (seeds, verdict) for name, seeds, verdict in rows}
    found = {}
    for page in (ROOT / "docs/results/claims").glob("*.md"):
        seeds, verdict = re.search(r", (\d+) seed\(s\): \*\*(.+?)\*\*", page.read_text()).groups()
        found[page.stem] = seeds, verdict
    assert said == found
    left = re.search(r"^Not run in this form yet: (.+?)\.$", readme, re.MULTILINE | re.DOTALL)[1]
    assert set(re.findall(r"`([\w-]+)`", left)) == CLAIMS.keys() - found.keys()
