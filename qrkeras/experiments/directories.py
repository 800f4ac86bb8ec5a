"""Whose a directory is: a run's, a sweep's or somebody else's. A file in it says so, its mark."""

import contextlib
import fnmatch
import json
import pathlib

from qrkeras.presets import differences

_MARKS = ("config.json", "sweep.json", "oracle.json")
_OWN = {*_MARKS, "best.json", "results.csv", "outcome.json", "evaluation.png"}


@contextlib.contextmanager
def read(path, argument, mark, verb):
    """Yields what the mark of a directory holds to whoever understands it.

    Args:
      argument: what errors call the directory: RUN, SWEEP.   verb: what makes one.
    Raises:
      ValueError: if there is no such file, or it cannot be read or understood.
    """
    try:
        yield json.loads((path / mark).read_text())
    except FileNotFoundError as error:
        raise ValueError(
            f"{argument} must be a {argument.lower()} directory, which holds {mark}. Received: {path}. "
            f"`qrkeras {verb}` makes one."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{argument} must hold a readable {mark}. Received: {path} ({error})") from error


@contextlib.contextmanager
def written(path, argument, mend=None):
    """Within it a directory is written; raises ValueError if that cannot be.

    Args: mend: what the error ends with; None: the option that names another directory.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{argument} must be a directory that can be written. Received: {path} ({error.strerror or error}). "
            f"{mend or another(argument)}"
        ) from error


def check_same(there, now, may_change, argument, what, received):
    """Raises ValueError if the fields of what a directory holds, and of what it shall hold, differ in more than may
    change."""
    if changed := differences(there, now, may_change):
        raise ValueError(
            f"{argument} must be new or hold the same {what}. Received: {received} ({changed}). {another(argument)}"
        )


def check_place(path, argument, mark, ours=()):
    """Raises ValueError if a directory has no file `mark` and yet holds files, other than hidden ones and `ours`.

    Args: argument: what the error calls the directory.   mark: None: there is none.   ours: patterns of names.
    """
    path = pathlib.Path(path)
    if not path.is_dir() or (mark and (path / mark).exists()) or not (found := listed(path, ours)):
        return
    if mark is None:
        raise ValueError(
            f"{argument} must be a new or empty directory, or one of this command's own. Received: {path}, which holds "
            f"{found}. Name another directory."
        )
    raise ValueError(
        f"{argument} must be a new or empty directory, or one with {mark}. Received: {path}, which holds {found} "
        f"and no {mark}. Put that back if it is lost, or name another directory."
    )


def check_parent(path, argument):
    """Raises ValueError if a folder for runs is something else itself: a run, a sweep, a project of keras-tuner."""
    for mark in _MARKS:
        if (pathlib.Path(path) / mark).exists():
            raise ValueError(
                f"{argument} must be a folder for runs. Received: {path}, which holds {mark}. Name another."
            )


def outputs(prefix, endings):
    """Ending -> path of each of the files that are written beside each other, the prefix with that ending.

    Raises:
      ValueError: where the prefix ends in no name, or a path is a run's or a sweep's own.
    """
    if not prefix.name:
        raise ValueError(f"output must end in a name, to which endings are added. Received: {prefix}. Name another.")
    paths = {ending: prefix.with_name(prefix.name + ending) for ending in endings}
    check_outputs(paths.values())
    return paths


def check_outputs(paths):
    """Raises ValueError if what is measured would be written over a file that a run or a sweep goes on from."""
    for path in paths:
        if path.name in _OWN and any((path.parent / mark).exists() for mark in _MARKS):
            raise ValueError(f"output must be no file of a run or a sweep itself. Received: {path}. Name another.")


def check_file(path, *endings):
    """Raises ValueError, before work is done for it, if `output` is no file of these endings that may be written."""
    if path.suffix not in endings:
        raise ValueError(f"output must end in {' or '.join(endings)}. Received: {path}")
    if path.is_dir():
        raise ValueError(f"output must be a file. Received: {path}, which is a directory. Name another.")
    check_outputs([path])


def check_folder(path):
    """Raises ValueError, before work is done for it, if `output` is no folder for what is written."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"output must be a folder. Received: {path}, which is a file. Name another.")


def another(argument):
    """How an error about the directory `argument` is mended."""
    return f"Name another with --{argument.replace('_', '-')}."


def listed(path, ours=()):
    """The first names in a directory, without hidden ones, empty folders and `ours`; "" if there are none."""
    return few(
        [
            f"{entry.name}/" if entry.is_dir() else entry.name
            for entry in sorted(path.iterdir())
            if not (entry.is_dir() and not any(entry.iterdir()))
            and not any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in (".*", *ours))
        ]
    )


def few(names):
    """The first five of them, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
