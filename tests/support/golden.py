"""Golden figures: what ten steps of small presets come to, so that a change of structure shows any change of numbers.

    python tests/support/golden.py              # compares with tests/golden.json, as the tests do
    python tests/support/golden.py --exact DIR  # writes every bit into DIR, or compares with what lies there
    python tests/support/golden.py --write NAME # makes its entry in tests/golden.json anew, where that is meant
    python tests/support/golden.py --repeat 40 NAME  # trains it 40 times in one process and counts what differs

Processors round differently, so that the file has sums to six digits and is compared to 1e-3; on one machine `--exact`
compares weights, optimizer and samples, or log p of captions, to the last bit.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

FILE = pathlib.Path(__file__).parents[1] / "golden.json"
SHORT = {
    "steps": 10, "log_every": 5, "sample_every": 5, "checkpoint_every": 5, "steps_per_execution": 5, "batch_size": 8,
    "evaluate_every": None,
}  # fmt: skip
NAMES = (
    "qrgan-ring8", "qrgan-grid25", "nsgan-grid25", "lsgan-ring8", "wgan-gp-grid25", "qrgan-bounded-ring8",
    "qrgan-l2-grid25", "qrgan-digits", "nsgan-digits", "wgan-gp-digits", "pixeliqn-digits", "pixelcnn-digits",
    "vae-digits", "aiqnvae-digits", "aiqnvae-squared-digits", "bgan-squares", "mixup-circles", "mbgan-digits",
    "sngan-digits", "minibatch-digits", "iafvae-digits", "hvae-digits", "vqvae-digits", "pixelcnnpp-digits",
    "agave-digits", "gan-ade-digits", "v-ade-ade-digits", "captions-scenes",
)  # fmt: skip
"""AV-ADE itself is not among them: its discriminator makes a difference of rounding between two processors more than
1e-3 within ten steps. Its two halves, the GAN and V-ADE, keep theirs."""
SIZES = {
    "network.width": 4, "network.hidden_layers": 1, "latent_dim": 4, "aiqn.width": 8, "aiqn.hidden_layers": 2,
    "network.blocks": 1, "network.kernel_size": 3, "network.planes": 6, "network.output_planes": 6,
    "network.latent_planes": 2, "network.resolutions": 1,
    "loss.num_quantiles": 4, "network.code_dim": 3, "network.residual_blocks": 1,
    "num_codes": 8, "prior.blocks": 1, "prior.planes": 6, "prior.output_planes": 6, "hierarchy.planes": 6,
    "hierarchy.latent_planes": 2, "hierarchy.blocks": 1,
    "flow.width": 2, "discriminator.planes": 4, "word_dim": 6, "state_dim": 8,
}  # fmt: skip


TIMES = ("seconds", "steps_per_second")


def tiny(name):
    """The preset at a size that trains ten steps in a second."""
    from qrkeras import presets

    preset = dataclasses.replace(presets.get(name), **SHORT)
    for field, size in SIZES.items():
        if (value := presets.leaves(preset).get(field)) is not None:
            preset = _with(preset, field.split("."), (size,) * len(value) if isinstance(value, tuple) else size)
    return preset


def _with(part, path, value):
    inner = value if len(path) == 1 else _with(getattr(part, path[0]), path[1:], value)
    return dataclasses.replace(part, **{path[0]: inner})


def trained(name, directory):
    """The model after ten steps, and its run."""
    from qrkeras import callbacks
    from qrkeras.experiments.train import train

    run = train(name, tiny(name), seed=1, run_dir=pathlib.Path(directory) / name, verbose=0)
    return callbacks.load_latest(run.checkpoints), run


def arrays(model):
    """Everything that training moved, and what is drawn with it, or said."""
    found = {f"weight {i}": np.asarray(weight) for i, weight in enumerate(model.weights)}
    found |= {f"optimizer {i}": np.asarray(weight) for i, weight in enumerate(model.optimizer.variables)}
    return {**found, **made(model)}


def made(model):
    """Samples, or of what captions images the log p of captions of some."""
    from qrkeras.models import abilities

    if abilities.can(model, abilities.Samples):
        return {"samples": np.asarray(model.sample(6, seed=3))}
    images = np.random.default_rng(3).integers(0, 256, (2, *model.example_shape)).astype("uint8")
    return {"scores": np.array([[score for _, score in of_image] for of_image in model.caption(images)])}


def told(name, directory):
    """The figures of one preset, JSON-ready."""
    model, run = trained(name, directory)
    lines = [{key: _digits(value) for key, value in line.items() if key not in TIMES} for line in run.records()]
    signatures = {
        key: {name: [list(shape), str(dtype)] for name, (shape, dtype) in signature.inputs.items()}
        for key, signature in model.signatures().items()
    }
    config = json.loads((run.path / "config.json").read_text())["preset"]
    sums = {key: [list(value.shape), *_sums(value)] for key, value in arrays(model).items()}
    return {"log": lines, "arrays": sums, "signatures": signatures, "config": config}


def _sums(value):
    """Mean, mean size, and a weighted mean that tells the order of the elements."""
    flat = value.astype("float64").ravel()
    wave = np.cos(np.arange(flat.size))
    return [_digits(float(x)) for x in (flat.mean(), np.abs(flat).mean(), (flat * wave).mean())]


def _digits(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


def differences(golden, found, path="", scale=0.0):
    """Where two figures differ, as lines.

    A float may differ by a thousandth of itself, or of the largest beside it in its list (`scale`): sums of signed
    numbers cancel, so that what rounding does to them is to be read against the mean size of the numbers.
    """
    if golden == found:
        return []
    if isinstance(golden, dict) and isinstance(found, dict) and golden.keys() == found.keys():
        return [line for key in golden for line in differences(golden[key], found[key], f"{path}/{key}")]
    if isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        scale = max((abs(value) for value in golden if isinstance(value, float)), default=0.0)
        pairs = enumerate(zip(golden, found))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{path}/{i}", scale)]
    if isinstance(golden, float) and isinstance(found, int | float):
        bound = 1e-3 * max(abs(golden), scale) + 1e-5
        return [] if abs(golden - found) <= bound else [f"{path}: {golden} was, {found} is"]
    return [f"{path}: {golden} was, {found} is"]


def repeated(name, times):
    """Numbers of the trainings, of 1 to `times`, that differ in a bit from what most come to."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as runs:
            found.append(b"".join(value.tobytes() for value in arrays(trained(name, runs)[0]).values()))
    usual = max(found, key=found.count)
    return [i for i, each in enumerate(found, 1) if each != usual]


def _exact(directory, names):
    directory.mkdir(parents=True, exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory() as runs:
        for name in names:
            model, run = trained(name, runs)
            lines = [{key: value for key, value in line.items() if key not in TIMES} for line in run.records()]
            found = {**arrays(model), "log": np.array(json.dumps(lines))}
            file = directory / f"{name}.npz"
            if not file.exists():
                np.savez(file, **found)
                print(f"{name}: written")
                continue
            with np.load(file) as kept:
                bad = [k for k in found.keys() | set(kept.files) if not np.array_equal(found.get(k), kept.get(k))]
            wrong += bad
            print(f"{name}: {', '.join(sorted(bad)) or 'nothing differs'}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="make the entries of these presets anew")
    parser.add_argument("--exact", type=pathlib.Path, help="folder of every bit, written or compared")
    parser.add_argument("--repeat", type=int, help="trainings of each, compared with each other to the last bit")
    parser.add_argument("names", nargs="*", default=NAMES, help="presets; none: all")
    given = parser.parse_args()
    if given.exact:
        raise SystemExit(bool(_exact(given.exact, given.names)))
    if given.repeat:
        others = {name: repeated(name, given.repeat) for name in given.names}
        for name, each in others.items():
            print(f"{name}: {len(each)} of {given.repeat} differ{f': {each}' if each else ''}")
        raise SystemExit(any(others.values()))
    with tempfile.TemporaryDirectory() as runs:
        found = {name: told(name, runs) for name in given.names}
    if given.write:
        found = {**json.loads(FILE.read_text()), **found}
        lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in NAMES]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return
    golden = json.loads(FILE.read_text())
    lines = [line for name in given.names for line in differences(golden[name], json.loads(json.dumps(found[name])))]
    print("\n".join(lines) or "nothing differs")
    raise SystemExit(bool(lines))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
    main()
