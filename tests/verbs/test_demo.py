import pytest

from qrkeras.verbs import demo


def test_demo_from_training_to_the_export(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(demo, "METHODS", ("qrgan-grid25",))
    for version in (1, 2):
        demo.demo(tmp_path / "demo", steps=2, workers=1)
        out = capfd.readouterr().out
        assert "| qrgan-grid25 | 1 | 2 |" in out
        assert f"SavedModel: {tmp_path / 'demo' / 'export' / 'qrgan-grid25' / str(version)}" in out
        assert "1000 points drawn by plain TensorFlow" in out
        assert (tmp_path / "demo" / "grid25.png").is_file()


def test_a_reader_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "METHODS", ("qrgan-grid25",))
    monkeypatch.setattr(demo, "READER", "raise SystemExit(3)")
    monkeypatch.setattr(demo.coverage, "measure", lambda *arguments: [])
    monkeypatch.setattr(demo.plot, "samples", lambda *arguments: None)
    monkeypatch.setattr(demo.runs, "load", lambda path: None)
    monkeypatch.setattr("qrkeras.experiments.train.load_model", lambda run: None)
    monkeypatch.setattr("qrkeras.serving.export.export_model", lambda *arguments: tmp_path)
    with pytest.raises(RuntimeError, match="plain TensorFlow could not draw from"):
        demo.demo(tmp_path)


def test_somebody_elses_directory_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(
        ValueError, match="directory must be a new or empty .*which holds thesis.tex. Name another directory"
    ):
        demo.demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
