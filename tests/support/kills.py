"""Kills training runs at random moments and compares where they end with runs that were left alone.

    python tests/support/kills.py --kills 20                      # every class of model
    python tests/support/kills.py --kills 3 --presets qrgan-ring8

Each run is small, saves often, and is trained by `qrkeras train` in a process that is killed (SIGKILL) and started
again by the same command: two of three up to --span seconds after they have saved, every third before it could. A run
that ends before its kills trains longer. The run left alone trains as long in one go.
What must be equal to the last bit: weights, optimizers, averages, random state, logged losses, pictures of samples.
"""

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import time

import numpy as np

# Every total of steps is a multiple of these: the last step of a run writes a picture, too.
RHYTHM = {"--log-every": 5, "--sample-every": 20, "--checkpoint-every": 5, "--steps-per-execution": 1}
SMALL = {
    "qrgan-ring8": {"--network.width": 8, "--batch-size": 16, "--latent-dim": 4, "--loss.num-quantiles": 4},
    "qrgan-digits": {"--network.width": 2, "--batch-size": 8, "--latent-dim": 4, "--loss.num-quantiles": 4},
    "mbgan-squares": {"--network.width": 8, "--batch-size": 16, "--discriminator-steps": 2},
    "mbgan-digits": {"--network.width": 2, "--batch-size": 8, "--latent-dim": 4},
    "pixelcnn-digits": {"--network.blocks": 1, "--network.planes": 6, "--network.output-planes": 6, "--batch-size": 4},
    "pixeliqn-digits": {"--network.blocks": 1, "--network.planes": 6, "--network.output-planes": 6, "--batch-size": 4},
    "captions-scenes": {"--word-dim": 6, "--state-dim": 8, "--batch-size": 4},
    "vae-digits": {"--network.width": 4, "--latent-dim": 4, "--batch-size": 8},
    "aiqnvae-digits": {"--network.width": 4, "--latent-dim": 4, "--aiqn.width": 8, "--batch-size": 8},
}


def arguments(preset, steps, run_dir):
    options = {**SMALL[preset], **RHYTHM, "--steps": steps, "--run-dir": run_dir}
    unevaluated = ["--evaluate-every", "None"] if "digits" in preset else []
    return ["train", preset, *unevaluated, *(str(word) for option in options.items() for word in option)]


def begin(command, log):
    """Starts `command` in a process of its own, forked before TensorFlow was used; returns its number."""
    from qrkeras import cli

    child = os.fork()
    if child:
        return child
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        cli.main(command)
    except SystemExit as error:
        os._exit(error.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(child, seconds):
    """Exit status of `child`, or None where it still runs after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() >= until:
            return None
        time.sleep(0.01)


def left_alone(preset, steps, run_dir, log):
    check(ended(begin(arguments(preset, steps, run_dir), log), float("inf")), log)


def killed(preset, steps, run_dir, log, kills, span, rng):
    """Trains with kills, and longer where it ends before them; returns its steps, and the newest checkpoint at each."""
    found, start = [], 0.0
    while True:
        before, begun = newest(run_dir), time.monotonic()
        child = begin(arguments(preset, steps, run_dir), log)
        if len(found) == kills:
            status = ended(child, float("inf"))
        elif len(found) % 3 == 2:
            status = ended(child, rng.uniform(0, start))
        else:
            while (status := ended(child, 0.01)) is None and newest(run_dir) == before:
                start = time.monotonic() - begun
            if status is None:
                status = ended(child, rng.uniform(0, span))
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found.append(newest(run_dir))
            continue
        check(status, log)
        if len(found) == kills:
            return steps, found
        steps += 100


def newest(run_dir):
    """Step of the newest checkpoint; 0 where there is none."""
    return max((int(path.stem.removeprefix("step-")) for path in run_dir.glob("checkpoints/step-*.keras")), default=0)


def check(status, log):
    if status:
        sys.exit(f"a run ended with status {status}:\n{pathlib.Path(log).read_text()[-4000:]}")


def differences(one, other):
    """What two finished runs differ in: a list of words, empty where there is nothing."""
    import keras

    from qrkeras.experiments import runs, train

    one, other = runs.load(one), runs.load(other)
    models = [train.load_model(run) for run in (one, other)]
    found = [] if models[0].step == models[1].step else [f"steps {models[0].step} and {models[1].step}"]
    pairs = zip(*([*model.variables, *model.optimizer.variables] for model in models), strict=True)
    for a, b in pairs:
        if not np.array_equal(*map(keras.ops.convert_to_numpy, (a, b))):
            found.append(a.path)
    logged = [[{k: v for k, v in r.items() if k != "steps_per_second"} for r in run.records()] for run in (one, other)]
    if logged[0] != logged[1]:
        found.append(f"metrics.jsonl: {[pair for pair in zip(*logged) if pair[0] != pair[1]][:1]}")
    pictures = [{path.name: path.read_bytes() for path in run.samples.iterdir()} for run in (one, other)]
    if pictures[0] != pictures[1]:
        found.append("samples")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=SMALL, default=list(SMALL), help="what to train")
    parser.add_argument("--kills", type=int, default=20, help="kills in each run")
    parser.add_argument("--steps", type=int, default=100, help="steps of each run at least, a multiple of 20")
    parser.add_argument(
        "--span", type=float, default=0.5, help="seconds that a process trains, at most, after it has saved"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    import qrkeras.experiments.train  # noqa: F401  once, for every process

    trained = {}
    with tempfile.TemporaryDirectory() as folder:
        for preset in given.presets:
            whole, torn, log = (pathlib.Path(folder, f"{preset}-{name}") for name in ("whole", "killed", "log"))
            rng = np.random.default_rng(given.seed)
            steps, found = killed(preset, given.steps, torn, log, given.kills, given.span, rng)
            left_alone(preset, steps, whole, log)
            trained[preset] = whole, torn, steps, found
        # From here on this process uses TensorFlow and cannot fork.
        for preset, (whole, torn, steps, found) in trained.items():
            differing = differences(whole, torn)
            result = {"preset": preset, "steps": steps, "kills": len(found), "saved_at": found, "differing": differing}
            print(json.dumps(result), flush=True)
            if differing:
                sys.exit(f"{preset} differs in {differing}")


if __name__ == "__main__":
    main()
