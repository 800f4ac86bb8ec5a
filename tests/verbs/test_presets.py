from qrkeras import presets


def test_presets_are_listed(done):
    listed = done("presets")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == list(presets.PRESETS)


def test_one_preset_with_its_sources(done):
    shown = done("presets", "qrgan-cifar10")
    line = next(line for line in shown.splitlines() if line.startswith("loss.penalty_weight"))
    assert "0.1" in line and "Table 4" in line
