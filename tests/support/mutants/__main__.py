"""Mutants: one line of the package changed at a time, and the tests that ought to notice.

    python -m tests.support.mutants                 # all of them, minutes each on a busy machine
    python -m tests.support.mutants penalty bound   # those whose name holds one of these words

Each mutant is made in a copy of the package, so that nothing here changes. The table tells which died, that is, whether
a test failed; one that lives is a test to write. A mutant whose line is no longer there is an error.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tests.support.mutants import layers, losses, models, networks, rest

ROOT = pathlib.Path(__file__).parents[3]
MUTANTS = [mutant for room in (losses, layers, networks, models, rest) for mutant in room.MUTANTS]


def verdict(mutant, folder):
    """`died` or `LIVED`, and the test that noticed."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "runs", "sweeps", "__pycache__"))
    path = copy / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} holds {mutant.old!r} {text.count(mutant.old)} times, not once")
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-m", "", "-x", "-rfE", "-p", "no:cacheprovider", *mutant.tests.split()]
    run = subprocess.run(command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{mutant.name}: pytest ended with {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    failed = [line.split(" ")[1] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return ("died", failed[0] if failed else "") if run.returncode else ("LIVED", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="parts of names; none: all mutants")
    words = parser.parse_args().words
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    lived = 0
    print("| mutant | verdict | noticed by |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for mutant in chosen:
            said, test = verdict(mutant, pathlib.Path(folder))
            lived += said == "LIVED"
            print(f"| {mutant.name} | {said} | {test} |", flush=True)
    print(f"\n{lived} of {len(chosen)} lived")
    raise SystemExit(lived > 0)


if __name__ == "__main__":
    main()
