"""`qrkeras VERB --help`: what it names, and that every line stands alone."""

import ast
import contextlib
import io
import pathlib
import re
import subprocess
import sys

import pytest
import tyro

import qrkeras
from qrkeras import cli, presets, verbs
from qrkeras.verbs import train

# Words that errors call arguments by.
METAVARS = {
    "presets": "[PRESET]",
    "train": "PRESET",
    "tune": "SPACE",
    "sample": "RUN",
    "inpaint": "RUN",
    "reconstruct": "RUN",
    "latents": "RUN",
    "decompose": "RUN [RUN ...]",
    "caption": "RUN [IMAGE ...]",
    "evaluate": "RUN [RUN ...]",
    "calibration": "RUN [RUN ...]",
    "export": "RUN BASE",
    "serve": "BASE",
    "plot": "RUN [RUN ...]",
    "coverage": "[PRESET ...]",
    "reproduce": "[CLAIM]",
    "contours": "",
    "demo": "",
    "rebuild": "NAME",
}
# What fields hold that have fields of their own, and help there.
PARTS = (
    "data",
    "network",
    "hierarchy",
    "auxiliary",
    "prior",
    "loss",
    "generator_optimizer",
    "optimizer",
    "discriminator_optimizer",
    "encoder_optimizer",
)
PACKAGE = pathlib.Path(qrkeras.__file__).parent
SCHEMAS = [
    *(path for path in PACKAGE.glob("families/**/*.py") if "\n@part" in path.read_text()),
    PACKAGE / "serving" / "server" / "limits.py",
    PACKAGE / "verbs" / "tune.py",
]


def stands_alone(text):
    """Whether a line of help tells a reader who sees it alone what it is about: a sentence, no rest of one."""
    text = re.sub(r" *\((default: .*|required)\)$", "", text or "", flags=re.DOTALL).rstrip()
    first = re.match(r"[A-Z][\w'-]*", text)
    return bool(first) and first[0].lower() not in ("as", "for", "of", "that", "to", "with") and text.endswith(".")


@pytest.mark.parametrize("text", [None, "", "of the noise.", "Of the noise.", "to listen on.", "samples.", "Samples"])
def test_what_does_not_stand_alone(text):
    assert not stands_alone(text) and not stands_alone(f"{text} (default: 0)")
    assert stands_alone("Seed of the noise. (default: 0)")


def helps(function, **options):
    """Each argument, as `--help` shows it -> its help, which begins in its line or, indented, in the next."""
    shown, found = io.StringIO(), {}
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
        tyro.cli(function, args=["--help"], **options)
    _, _, boxes = shown.getvalue().partition("\n ---")  # behind the description
    for line in re.findall("^  (.*)$", boxes, re.MULTILINE):  # titles are indented by one space
        if line[:1].strip():
            argument, _, told = line.partition("  ")
            found[argument] = told.strip()
        elif line.strip():
            found[argument] = f"{found[argument]} {line.strip()}".strip()
    del found["-h, --help"]
    return found


def test_helps_are_found():
    def function(number: int, long_name_of_another_argument_that_leaves_its_line_no_room_for_help: int = 2):
        """Says nothing.

        Args:
          number: Number of things.
          long_name_of_another_argument_that_leaves_its_line_no_room_for_help: Number of others, of which more is said
            than stands in a line.
        """

    first, second = helps(function).items()
    assert first == ("--number INT", "Number of things. (required)")
    assert second[0].startswith("--long-name") and second[1].endswith("than stands in a line. (default: 2)")


@pytest.mark.parametrize("verb", [verb for verb in verbs.VERBS if verb != "train"])
def test_every_line_of_a_verbs_help_stands_alone(verb):
    found = helps(verbs.verb(verb))
    assert found and {name: text for name, text in found.items() if not stands_alone(text)} == {}


@pytest.mark.parametrize("name", ["qrgan-ring8", "qrgan-cifar10", "pixelcnn-cifar10", "aiqnvae-celeb_a"])
def test_every_line_of_a_presets_help_stands_alone(name):
    found = helps(train.command(name), config=(tyro.conf.AvoidSubcommands,))
    assert len(found) > 20 and {name: text for name, text in found.items() if not stands_alone(text)} == {}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_field_has_help_that_stands_alone(schema):
    """Also those of parts that no preset has."""
    for node in ast.parse(schema.read_text()).body:
        for field, comment in zip(node.body, [*node.body[1:], None]) if isinstance(node, ast.ClassDef) else ():
            if isinstance(field, ast.AnnAssign) and field.target.id not in PARTS:
                told = ast.literal_eval(comment.value) if isinstance(comment, ast.Expr) else None
                assert stands_alone(told), f"{node.name}.{field.target.id}: {told}"


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_help_names_what_errors_name(verb, capfd):
    if verb == "train":
        cli.main([verb, "--help"])
    else:
        with pytest.raises(SystemExit) as stopped:
            cli.main([verb, "--help"])
        assert stopped.value.code == 0
    usage, _, told = capfd.readouterr().out.partition("\n")
    without_options = re.sub(r" \[-(\{\[.*?\]\}|[^]])*\]|\[OPTIONS\]", "", usage)  # --steps {[INT [INT ...]]} too
    assert without_options.split() == ["usage:", "qrkeras", verb, *METAVARS[verb].split()]
    assert verbs.summary(verb).split(";")[0][:30].split(" ", 1)[1] in told


def test_help_imports_nothing_that_is_slow():
    script = (
        "import contextlib, sys\nfrom qrkeras import cli, verbs\n"
        "cli.main(['--help'])\nassert not {'tyro', 'numpy', 'rich'} & set(sys.modules)\n"
        "for verb in verbs.VERBS:\n    with contextlib.suppress(SystemExit):\n        cli.main([verb, '--help'])\n"
        "slow = {'tensorflow', 'keras', 'matplotlib', 'scipy', 'sklearn', 'keras_tuner'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_help_of_train_offers_every_field(capfd):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "qrgan-cifar10", "--help"])
    shown = capfd.readouterr().out
    assert stopped.value.code == 0
    for field, value in presets.leaves(presets.get("qrgan-cifar10")).items():
        if field not in PARTS:
            assert f"--{field.replace('_', '-')}" in shown, value
    assert "--seed" in shown and "--run-dir" in shown and "sources" not in shown
