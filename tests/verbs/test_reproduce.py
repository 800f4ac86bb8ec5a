"""`qrkeras reproduce`: trains over seeds, measures, judges, writes; again it trains nothing."""

import dataclasses
import json
import math
import shutil

import pytest

from qrkeras import cli, families
from qrkeras.claims import reproduced, searched
from qrkeras.experiments import many
from qrkeras.families.claim import Claim, Measure, Order, Scale, Search
from qrkeras.verbs import reproduce

FED = Measure("fed", "modes fed", "more")
CLAIM = Claim(
    "tiny",
    "QRGAN feeds more modes than NSGAN",
    "nobody",
    ("nsgan", "qrgan"),
    (FED, Measure("reverse_kl", "reverse KL", "less", over="best")),
    (Order("modes fed", "qrgan", "nsgan"), Order("reverse KL", "qrgan", 100.0)),
    {"small": Scale("{arm}-ring8", 2, {"network.width": 4, "steps": 4, "sample_every": 2}, "Four steps.")},
    {"qrgan": 8.0},
    "all modes",
)


@pytest.fixture(autouse=True)
def claims(monkeypatch):
    monkeypatch.setitem(families.CLAIMS, "tiny", CLAIM)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.CLAIMS, "tiny", CLAIM)
        cli.main(["reproduce", "tiny", "--runs-dir", str(folder)])
    return folder


def test_what_is_written(made):
    told = (made / "tiny-small.md").read_text()
    assert "# QRGAN feeds more modes than NSGAN" in told and "nobody. By `qrkeras reproduce tiny`, 2 seed(s)" in told
    assert "| nsgan | 4 |" in told and "| qrgan better than 100 | reverse KL |" in told and "Four steps." in told
    assert "paper: all modes" in told and "![" in told
    commands = [f"qrkeras train {arm}-ring8 --network.width 4 --steps 4 --sample-every 2" for arm in CLAIM.arms]
    assert told.split("```\n")[1].splitlines() == commands
    found = json.loads((made / "tiny-small.json").read_text())
    assert set(found["values"]["modes fed"]) == {"nsgan", "qrgan"} and found["seeds"] == 2
    assert [order["better"] for order in found["orders"]] == ["qrgan", "qrgan"]
    assert (made / "tiny-small.png").stat().st_size > 5_000
    assert (made / "nsgan-ring8+network.width=4-1" / "config.json").exists()


def test_figures_are_those_of_the_runs(made):
    found = json.loads((made / "tiny-small.json").read_text())["values"]
    for arm in CLAIM.arms:
        for seed in (0, 1):
            path = made / f"{arm}-ring8+network.width=4-{seed}" / "metrics.jsonl"
            records = [r for r in map(json.loads, path.read_text().splitlines()) if "fed" in r]
            assert records[-1]["step"] == 4
            assert found["modes fed"][arm][seed] == records[-1]["fed"]
            finite = [r["reverse_kl"] for r in records if math.isfinite(r["reverse_kl"])]
            assert found["reverse KL"][arm][seed] == min(finite, default=None)


def test_what_a_search_chose_is_what_is_trained(tmp_path, monkeypatch, done):
    """A search that ends with another setting than the preset's: the runs of the table, and its commands, have it."""
    trained, chosen = [], {}

    def settled(claim, scale, *rest):
        found = searched.Searched(scale.settled(dict.fromkeys(claim.arms, {"network.width": 5})), chosen, {})
        chosen.update(dict.fromkeys(claim.arms, "width 5"))
        return found

    monkeypatch.setattr(searched, "search", settled)
    monkeypatch.setattr(reproduced, "train", lambda arms, *rest: trained.extend(arms))
    monkeypatch.setattr(reproduced, "measure", lambda claim, scale, arms: reproduced.Reproduced(
        claim, scale, arms, {each.name: {} for each in claim.measures}, {"nsgan": [[(4, 1.0)]]}, [], {}
    ))  # fmt: skip
    scale = dataclasses.replace(CLAIM.scales["small"], search=Search({("network.width",): (4, 5)}, ("modes fed",)))
    searching = dataclasses.replace(CLAIM, scales={"small": scale}, orders=())
    monkeypatch.setitem(families.CLAIMS, "tiny", searching)
    shown = done("reproduce", "tiny", "--runs-dir", tmp_path)
    assert [arm.preset.network.width for arm in trained] == [5, 5]
    assert "qrkeras train nsgan-ring8 --network.width 5" in shown


def test_nothing_is_trained_twice(made, monkeypatch, done):
    monkeypatch.setattr(many.processes, "child", None)
    assert "| qrgan | 4 |" in done("reproduce", "tiny", "--runs-dir", made, "--output", made / "again")
    first, again = (json.loads((made / f"{name}.json").read_text()) for name in ("tiny-small", "again"))
    assert first == again


def test_a_run_that_diverges_is_told_and_stops_nothing(made, tmp_path, monkeypatch, done, stands_in):
    """Seed 1 of an arm: its training fails and says why in its records; given again, it is not trained again."""
    shutil.copytree(made, tmp_path / "claims")
    broken = tmp_path / "claims" / "nsgan-ring8+network.width=4-1" / "metrics.jsonl"
    broken.write_text('{"step": 2, "fed": 1}\n')
    trained = []

    def diverges(command, *rest):
        trained.append(command)
        with broken.open("a") as file:
            file.write('{"step": 3, "diverged": "d_loss became nan at step 3"}\n')
        return fails(command, *rest)

    fails = stands_in("exit 2")
    monkeypatch.setattr(many.processes, "child", diverges)
    for _ in range(2):
        shown = done("reproduce", "tiny", "--runs-dir", tmp_path / "claims")
        assert "* nsgan, seed 1, diverged: d_loss became nan at step 3." in shown and "(1 of 2 finite)" in shown
        assert len(trained) == 1
    found = json.loads((tmp_path / "claims" / "tiny-small.json").read_text())
    assert found["diverged"] == {"nsgan": {"1": "d_loss became nan at step 3"}}
    assert found["values"]["modes fed"]["nsgan"][1] is None and found["says"] == "not decided"


def test_a_training_that_fails_otherwise_stops_it(made, tmp_path, stands_in, capfd):
    shutil.copytree(made, tmp_path / "claims")
    (tmp_path / "claims" / "nsgan-ring8+network.width=4-1" / "metrics.jsonl").unlink()
    stands_in("exit 2")
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "tiny", "--runs-dir", str(tmp_path / "claims")])
    assert "training nsgan-ring8 with seed 1 ended with 2" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order("m", "a", "b"), "a better than b"),
        (Order("m", "a", 5.0, sense="more"), "a more than 5"),
        (Order("m", "a", "b", 0.1), "a better than b by at least 0.1"),
        (Order("m", "a", "b", -0.01), "a at most 0.01 worse than b"),
    ],
)
def test_orders_in_words(order, words):
    assert reproduce._expected(order) == words


def test_a_changed_claim_trains_anew(made, monkeypatch):
    scale = dataclasses.replace(CLAIM.scales["small"], changes={**CLAIM.scales["small"].changes, "network.width": 5})
    monkeypatch.setitem(families.CLAIMS, "tiny", dataclasses.replace(CLAIM, scales={"small": scale}))
    monkeypatch.setattr(many.processes, "child", lambda *a: (_ for _ in ()).throw(OSError("trained")))
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "tiny", "--runs-dir", str(made)])


def test_the_list_names_every_claim(done):
    shown = done("reproduce")
    assert all(name in shown for name in families.CLAIMS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tinny"], "CLAIM must be one that `qrkeras reproduce` lists. Received: 'tinny'. Did you mean \"tiny\"?"),
        (["tiny", "--scale", "paper"], "scale must be small for tiny. Received: paper"),
        (["tiny", "--seeds", "0"], "seeds must be at least 1. Received: 0"),
        (["tiny", "--output", "/"], "output must end in a name, to which endings are added. Received: /."),
        (["tiny", "--workers", "0"], "workers must be at least 1. Received: 0"),
    ],
)
def test_bad_arguments(refused, arguments, message):
    assert message in refused("reproduce", *arguments)
