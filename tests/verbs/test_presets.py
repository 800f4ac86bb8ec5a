import json
import subprocess
import sys

import pytest

from qrkeras import presets
from qrkeras.families import FAMILIES

# QRGAN, Table 1: minimum FID, every 4,000 steps from 50,000 samples against the training set. AIQN: FID of 10,000
# samples against 10,000 training images.
FIGURES = """
                 cifar10  lsun-bedroom   cats  stl10
    nsgan          34.16         28.29  11.37
    lsgan          34.53         30.39  13.68
    wgan-gp        30.36         19.76  229.8
    qrgan          30.93         22.45  10.46
    pixelcnn       65.93
    pixeliqn       49.46
    wgan-gp-sngan  40.2              -      -     55
    gan-gp         37.7
    sngan          29.3              -      -   47.5
    sngan-hinge        -             -      -   43.2
    minibatch      35.0
    bgan           36.5
    mbgan          23.7              -      -     51
    iafvae         3.11
    pixelcnnpp     2.92
    agave          2.92
    gan-ade        31.4
    vae-ade       171.0
    v-ade-ade     112.0
    av-gde-ade     58.6
    av-ade-ade     28.0
"""


def test_presets_are_listed(done):
    listed = done("presets")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == list(presets.PRESETS)


def test_one_preset_with_its_sources(done):
    about, _, values = done("presets", "qrgan-cifar10").partition("\n\n")
    assert about.splitlines() == [
        "command    qrkeras train qrgan-cifar10",
        "source     QRGAN, Section 3.2, Tables 3 and 4",
        "paper      QRGAN: Quantile Regression Generative Adversarial Networks",
        "published  minimum FID 30.93, every 4,000 steps from 50,000 samples against the training set (QRGAN, Table 1)",
    ]
    line = next(line for line in values.splitlines() if line.startswith("loss.penalty_weight"))
    assert "0.1" in line and "Table 4" in line


def test_published_figures():
    head, *rows = FIGURES.strip().splitlines()
    expected = {
        f"{method}-{data}": float(value)
        for method, *values in map(str.split, rows)
        for data, value in zip(head.split(), values)
        if value != "-"
    }
    # Lucas, Section 3.4.5.
    expected |= {"agave-cifar10-16x16": 2.94, "agave-cifar10-8x8": 2.93, "agave-cifar10-grey": 2.93}
    # Lucas, Tables 5.1, 5.2, 5.4, 5.5 and 5.6, and Table 5 of the preprint.
    expected |= {"gan-ade-cifar10-around": 7.0, "gan-ade-cifar10-rd": 24.0, "gan-ade-cifar10-conditional": 29.7}
    refined = {
        "cifar10-rd": 26.0, "cifar10-wg-rd": 17.2, "cifar10-iaf-rd": 18.6, "cifar10-s2": 28.9,
        "cifar10-conditional": 73.4, "stl10-wg-wd": 44.3, "stl10-iaf-wd": 52.7, "stl10-s2": 52.1, "stl10-96": 100.8,
        "imagenet64": 45.5, "celeba96": 24.3, "lsun-bedroom": 21.1, "lsun-tower": 15.5, "lsun-church": 13.1,
        "lsun-classroom": 20.0, "lsun-restaurant": 20.5,
    }  # fmt: skip
    expected |= {f"av-ade-ade-{name}": value for name, value in refined.items()}
    # Lucas, Tables B.1 and B.2.
    components = {"-baseline": 78.9, "-wr": 83.6, "-rh": 85.5, "-conditional": 86.8, "": 87.4}
    components |= {"-proposals": 89.0, "-transformers": 91.1}
    expected |= {f"captions-coco{row}": value for row, value in components.items()}
    found = {name: presets.published(name) for name in presets.PRESETS}
    assert {name: known.value for name, known in found.items() if known.value is not None} == expected
    for name, known in found.items():
        assert known.source.startswith(
            ("QRGAN, ", "AIQN, ", "Lucas, ", "IAF, ", "VQ-VAE, ", "PixelCNN++, ", "CQ, ", "Choice: ")
        ), name
        assert (known.value is None) == (known.protocol == "")
    assert found["aiqnvae-celeb_a"].figure == "pictures and no figures (AIQN, Supplement)"
    assert found["qrgan-digits"].figure == "none that is known here"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_registers_what_is_published_of_each_preset(family):
    assert family.PUBLISHED.keys() == family.PRESETS.keys()


def test_figures_are_data_and_no_docstrings(done):
    script = "import sys\nfrom qrkeras import cli\ncli.main(sys.argv[1:])"
    command = [sys.executable, "-OO", "-c", script, "presets", "pixeliqn-cifar10"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "published  FID 49.46, 10,000 samples against 10,000 training images (AIQN)" in ran.stdout
    assert ran.stdout.split() == done("presets", "pixeliqn-cifar10").split()


def test_a_preset_in_a_file(done, refused, tmp_path):
    path = tmp_path / "my best.json"
    path.write_text(presets.to_json(presets.get("pixelcnn-cifar10")))
    command, source, published, *_ = done("presets", path).splitlines()
    assert command == f"command    qrkeras train '{path}'" and str(path) in source
    assert published == "published  none that is known here"
    assert "PRESET must be an existing file" in refused("presets", "none.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda content: content["preset"].update(batch_size="64"),
            "(batch_size must be a whole number. Received: '64')",
        ),
        (
            lambda content: content.update(preset={"type": "Data", "name": "digits"}),
            "best.json (Data.",
        ),
        (lambda content: content["sources"].update(steps=3), "(the source of steps must be a string. Received: 3)"),
    ],
    ids=["value", "preset", "source"],
)
@pytest.mark.parametrize("verb", ["presets", "train"])
def test_a_file_with_other_types(refused, tmp_path, verb, change, says):
    content = json.loads(presets.to_json(presets.get("pixelcnn-cifar10")))
    change(content)
    (tmp_path / "best.json").write_text(json.dumps(content))
    assert says in refused(verb, "best.json")
