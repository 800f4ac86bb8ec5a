"""Files that are there whole or not at all, even where the power went."""

import os
import pathlib
import socket


def replace(temporary, path):
    """Gives the file `temporary` the name `path` once its bytes are on the disk: a crash leaves the old or the new."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(pathlib.Path(path).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write(path, text):
    """Writes the file `path`, whole or not at all."""
    path = pathlib.Path(path)
    temporary = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")  # others may write it, too
    try:
        temporary.write_text(text, "utf-8", "surrogateescape")  # whatever the locale, and names of files as they are
        replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
