import json
import shutil


def test_export(done, points_run, tmp_path):
    path, *table = done("export", points_run.path, tmp_path).splitlines()
    assert path == str(tmp_path / "qrgan-ring8" / "1")
    assert "| sample | seed int32 [batch, 2] | samples float32 [batch, 2] |" in table
    assert (
        done("export", points_run.path, tmp_path, "--name", "mine", "--version", 4).splitlines()[0].endswith("mine/4")
    )
    assert (tmp_path / "mine" / "4" / "saved_model.pb").is_file()
    known = json.loads((tmp_path / "mine" / "4" / "assets.extra" / "qrkeras.json").read_text())
    assert (known["name"], known["run"], known["seed"], known["step"]) == ("mine", "qrgan-ring8", 1, 20)
    assert (known["preset"]["steps"], known["preset"]["loss"]["real_target"]) == (20, "Infinity")
    reported = [record["d_loss"] for record in points_run.records() if "d_loss" in record]
    assert known["metrics"]["d_loss"] == {"value": reported[-1], "step": 20}


def test_export_of_the_best_model(done, refused, images_run, tmp_path):
    assert "RUN must hold a best model" in refused("export", images_run.path, tmp_path, "--best")
    shutil.copytree(images_run.path, tmp_path / "run")
    shutil.copy(next((tmp_path / "run" / "checkpoints").glob("step-*5.keras")), tmp_path / "run" / "best.keras")
    done("export", tmp_path / "run", tmp_path / "served", "--best")
    known = json.loads((tmp_path / "served" / "qrgan-cifar10" / "1" / "assets.extra" / "qrkeras.json").read_text())
    assert known["step"] == 5 and known["metrics"]["d_loss"]["step"] == 5


def test_export_refuses_a_version_that_is_there(refused, points_run, tmp_path):
    (tmp_path / "qrgan-ring8" / "1").mkdir(parents=True)
    assert "version must be a free one" in refused("export", points_run.path, tmp_path, "--version", 1)
