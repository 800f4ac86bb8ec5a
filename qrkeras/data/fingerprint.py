"""What tells data that was replaced from data that was moved."""

import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

READ = 2**30
"""Bytes of files that a fingerprint reads, at most."""
LISTED = 1_000
"""Files up to which a fingerprint lists each, so that the changed ones can be named."""


def of_files(files):
    """The fingerprint of files: their names, sizes and content.

    Content is that of all files together up to `READ` bytes, beyond that of those whose names hash to the smallest
    numbers: what is read is a function of the names and sizes.

    Args:
      files: relative name -> path.
    Returns: as `of_parts`.
    """
    sizes = {name: os.stat(path).st_size for name, path in files.items()}
    left, read = READ, []
    for name in sorted(sizes, key=lambda name: (zlib.crc32(os.fsencode(name)), name)):
        left -= sizes[name]
        if left < 0:
            break
        read.append(name)
    with ThreadPoolExecutor() as pool:
        content = dict(zip(read, pool.map(lambda name: _hash(files[name]), read)))
    return of_parts(sizes, content)


def of_parts(sizes, content=()):
    """The fingerprint of parts of which names, sizes and for some a hash are known.

    Args:
      sizes: name -> bytes.   content: name -> hash.
    Returns: JSON-ready `{"files", "bytes", "digest"}`, equal wherever the files lie, and for up to `LISTED` files
      "each", name -> size and hash.
    """
    content = dict(content)
    each = {name: f"{sizes[name]} {content.get(name, '')}".strip() for name in sorted(sizes)}
    digest = hashlib.blake2b(digest_size=16)
    for name, part in each.items():
        digest.update(os.fsencode(name) + b"\0" + part.encode() + b"\0")
    found = {"files": len(sizes), "bytes": sum(sizes.values()), "digest": digest.hexdigest()}
    return {**found, "each": each} if len(each) <= LISTED else found


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
