"""Statistics of real images, kept on disk between runs."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import re
import tempfile
import warnings

import numpy as np

from qrkeras import metrics
from qrkeras.machine import progress

KEPT = 10_000
LEAST = 10  # one for each split of the Inception score
FEWEST = 4  # a point and its three neighbours
BATCH_SIZE = 100
FORMAT = 2
_NOT_KEPT = (
    "The statistics of real images cannot be kept{} ({}) and are computed anew each time. Set QRKERAS_CACHE to a "
    "folder that can be written."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """Features of real images, summed up.

    `moments` of all `count` images, raw `features` of at most 10,000 of them, spread evenly, and their Inception
    score (NaN if the network gives no logits, or there are fewer than 10 images).
    """

    data: str
    split: str
    count: int
    moments: metrics.Moments
    features: np.ndarray
    inception_score: metrics.InceptionEstimate


def reference(source, split, network, images=50_000, verbose=1):
    """`Reference` of up to `images` images of `source`, read from the cache or computed and put there.

    The key is made of the data's name, split, size, image shape and the pixels of its first images, of `images`, and of
    the network's name, weights and resize rule. A cache file that cannot be read, or whose content does not fit its
    checksum, is made anew. The folder is QRKERAS_CACHE, else `~/.cache/qrkeras`; if it cannot be written, a warning
    says so, and nothing is kept.

    Args:
      source: of `qrkeras.data`.   split: its name.   network: `FeatureNetwork`.
      images: how many are looked at; from larger data they are drawn.   verbose: 1 shows a progress bar.
    Raises:
      ValueError: where the images do not fit the network, or are fewer than 4.
    """
    if images < LEAST:
        raise ValueError(
            f"evaluate_references must be at least {LEAST} real images, one for each split of the Inception score. "
            f"Received: {images}"
        )
    if source.size < FEWEST:
        raise ValueError(
            f"the {split} images of {source.name!r} must be at least {FEWEST} to be measured against. "
            f"Received: {source.size}. Add images, or train with --evaluate-every None."
        )
    folder = _folder()
    if folder is None:
        warnings.warn(_NOT_KEPT.format("", "there is no home folder"), stacklevel=1)  # where it is said once a process
        return _compute(source, split, network, images, verbose)
    path = folder / f"{_key(source, split, network, images)}.npz"
    found = _read(path)
    if found is None:
        found = _compute(source, split, network, images, verbose)
        _write(path, found)
    return found


def _compute(source, split, network, images, verbose):
    count = min(source.size, images)
    kept = min(count, KEPT)
    moments, score, features = metrics.MomentsAccumulator(), metrics.InceptionScore(), []
    seen, has_logits = 0, True
    batches = _batches(source, count).as_numpy_iterator()
    description = f"{network.name} of {source.name}, {split}"
    for batch in progress.shown(batches, description, count, BATCH_SIZE, verbose):
        batch = batch[: count - seen]
        found, logits = network(batch)
        moments.update(found)
        has_logits = logits is not None and count >= LEAST
        if has_logits:
            score.update(logits)
        # Row i is kept where i * kept / count passes an integer: evenly, so that sorted data is not cut short.
        marks = np.arange(seen, seen + len(batch) + 1) * kept // count
        features.append(found[np.diff(marks) > 0])
        seen += len(batch)
    estimate = score.result() if has_logits else metrics.InceptionEstimate(math.nan, math.nan)
    return Reference(source.name, split, count, moments.result(), np.concatenate(features), estimate)


def _batches(source, count):
    """Data larger than `count` is drawn from, not cut off: files may lie sorted by class."""
    if count == source.size:
        return source.evaluation_batches(BATCH_SIZE)
    return source.batches(BATCH_SIZE, seed=0).take(math.ceil(count / BATCH_SIZE))


def _folder():
    """Where statistics are kept, or None: in a home folder that there is not."""
    cache = os.path.expanduser(os.environ.get("QRKERAS_CACHE") or "~/.cache/qrkeras")
    return None if cache.startswith("~") else pathlib.Path(cache) / "reference"


def _key(source, split, network, images):
    digest = hashlib.blake2b(digest_size=12)
    known = [FORMAT, source.name, split, source.size, source.shape, network.name, network.fingerprint, network.rule]
    digest.update(json.dumps([*known, KEPT, images]).encode())
    # Two copies of a data set may bear one name, and a folder's images may change.
    for batch in source.evaluation_batches(BATCH_SIZE).take(KEPT // BATCH_SIZE).as_numpy_iterator():
        digest.update(batch.tobytes())
    readable = re.sub(r"[^\w.-]+", "-", f"{source.name}-{split}-{network.name}")[-80:]
    return f"{readable}-{digest.hexdigest()}"


def _checksum(arrays):
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(arrays):
        digest.update(key.encode() + np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()


def _write(path, found):
    arrays = {
        "data": np.array(found.data),
        "split": np.array(found.split),
        "count": np.array(found.count),
        "mean": found.moments.mean,
        "covariance": found.moments.covariance,
        "features": found.features,
        "inception_score": np.array(dataclasses.astuple(found.inception_score)),
    }
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = pathlib.Path(file.name)
            np.savez(file, checksum=np.array(_checksum(arrays)), **arrays)
        os.replace(temporary, path)
    except OSError as error:
        warnings.warn(_NOT_KEPT.format(f" in {path.parent}", error.strerror or error), stacklevel=1)
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def _read(path):
    """The reference in `path`, or None where there is none or it is damaged."""
    try:
        with open(path, "rb") as opened, np.load(opened) as file:
            arrays = {key: file[key] for key in file.files}
        if str(arrays.pop("checksum")) != _checksum(arrays):
            raise ValueError("its checksum does not fit")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except Exception as error:  # a damaged file fails in as many ways as the libraries that read it
        warnings.warn(f"{path} is damaged ({error}) and is made anew.", stacklevel=3)
        return None
    count = int(arrays["count"])
    return Reference(
        str(arrays["data"]),
        str(arrays["split"]),
        count,
        metrics.Moments(count, arrays["mean"], arrays["covariance"]),
        arrays["features"],
        metrics.InceptionEstimate(*arrays["inception_score"].tolist()),
    )
