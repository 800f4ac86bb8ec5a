"""The folder that a server watches: which versions of which models are there, loaded, and asked for."""

import gc
import logging
import os
import pathlib
import re
import threading

from qrkeras.serving.server.errors import Refused

LOG = logging.getLogger(__name__)


class Repository:
    """Models of `base/NAME/VERSION`, VERSION an integer; a new version is loaded, then takes over.

    The newest `keep` versions that load are served, and those that have a label. A version that does not load is named
    in the log and in its status, while the one before it goes on serving; it is tried again when its files change.
    Requests hold the version that they asked for, so none is dropped when it is replaced.

    Args:
      base: existing folder.   load: `load(name, number, path)` returns what is served.
      keep: number of versions, at least 1.   labels: `{name: {label: version}}`.
    """

    def __init__(self, base, load, keep=1, labels=None):
        self.base = pathlib.Path(base)
        if not self.base.is_dir():
            raise ValueError(f"BASE must be an existing folder of models. Received: {base}")
        if keep < 1:
            raise ValueError(f"keep must be at least 1 version. Received: {keep}")
        if any(os.path.exists(version / "saved_model.pb") for version in _versions(self.base).values()):
            raise ValueError(
                f"BASE must hold a folder for each model, and these their versions. Received: {base}, which holds "
                f"versions. Give the folder above it: {self.base.resolve().parent}"
            )
        self.labels = labels or {}
        self._load, self._keep = load, keep
        self._served = {}  # name -> {number: loaded}; replaced as a whole, never changed
        self._states = {}  # name -> {number: (state, error)}
        self._failed = {}  # path -> its files when it failed
        self._unread = set()  # names of folders that could not be read when last looked at
        self._stop = threading.Event()
        self._thread = None

    # What requests ask.

    def get(self, name, number=None, label=None):
        """What `load` returned for a version, the newest by default; raises Refused."""
        number = self.number(name, number, label)
        served = self._served.get(name, {})
        if number is None and served:
            number = max(served)
        if number not in served:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise Refused(404, f"Servable not found for request: {wanted}")
        return number, served[number]

    def number(self, name, number=None, label=None):
        """The version that a label stands for; raises Refused."""
        if label is None:
            return number
        if label not in self.labels.get(name, {}):
            raise Refused(400, f"Unrecognized servable version label: {label}")
        return self.labels[name][label]

    def status(self, name, number=None, label=None):
        """`[(version, state, error)]` of all versions that were ever seen, or of one, newest first; raises Refused."""
        number = self.number(name, number, label)
        states = dict(self._states.get(name, {}))
        if not states:
            raise Refused(404, f"Could not find any versions of model {name}")
        if number is not None and number not in states:
            raise Refused(404, f"Could not find version {number} of model {name}")
        return [(n, *states[n]) for n in sorted(states, reverse=True) if number in (None, n)]

    def models(self):
        """`{name: [versions that are served, newest first]}`."""
        return {name: sorted(served, reverse=True) for name, served in sorted(self._served.items()) if served}

    # What the watching thread does.

    def start(self, poll_s):
        """Loads what is there, then looks every `poll_s` seconds in a thread of its own until `stop`."""
        self.refresh()
        self._thread = threading.Thread(target=self._watch, args=(poll_s,), name="watch", daemon=True)
        self._thread.start()

    def stop(self):
        """Ends the thread; waits for a version that is being loaded."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self, poll_s):
        while not self._stop.wait(poll_s):
            try:
                self.refresh()
            except Exception:  # a folder that cannot be read now; what is served stays
                LOG.exception("cannot look into %s", self.base)

    def refresh(self):
        """Looks into the folder once: loads what is new, lets go of what is not wanted.

        A model's folder that cannot be read now is told once, and what is served of it stays.
        """
        there, unread = {}, {}
        for folder in self.base.iterdir():
            try:
                if folder.is_dir() and not folder.name.startswith("."):
                    there[folder.name] = _versions(folder)
            except OSError as error:
                unread[folder.name] = error
        for name in sorted(unread.keys() - self._unread):
            LOG.warning("%s cannot be read: %s", self.base / name, unread[name])
        self._unread = set(unread)
        for name in sorted(({name for name, found in there.items() if found} | set(self._served)) - self._unread):
            self._refresh(name, there.get(name, {}))

    def _refresh(self, name, found):
        before = self._served.get(name, {})
        labelled = set(self.labels.get(name, {}).values())
        newest, wanted = 0, {}
        for number in sorted(found, reverse=True):
            if newest < self._keep or number in labelled:
                loaded = before.get(number) or self._try(name, number, found[number])
                if loaded is not None:
                    wanted[number] = loaded
                    newest += 1
        if wanted.keys() == before.keys():
            return
        self._served = {**self._served, name: wanted}
        states = self._states.setdefault(name, {})
        for number in wanted:
            states[number] = ("AVAILABLE", "")
        gone = before.keys() - wanted.keys()
        for number in gone:
            states[number] = ("END", "")
        LOG.info("%s: serving %s", name, ", ".join(map(str, sorted(wanted, reverse=True))) or "no version")
        del before
        if gone:
            gc.collect()  # a SavedModel holds itself in circles

    def _try(self, name, number, path):
        states, files = self._states.setdefault(name, {}), None
        try:
            files = sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in [path, *path.rglob("*")])
            if self._failed.get(path) == files:
                return None
            states[number] = ("LOADING", "")
            loaded = self._load(name, number, path)
            self._failed.pop(path, None)
            return loaded
        except Exception as error:
            message = f"{path} is no SavedModel that can be served: {error}"
            if states.get(number) != ("END", message):  # told already, where its files cannot even be listed
                LOG.warning("%s", message)
            self._failed[path] = files
            states[number] = ("END", message)
            return None


def _versions(folder):
    """`{number: path}` of the folders in `folder` that are named by an integer."""
    return {int(p.name): p for p in folder.iterdir() if re.fullmatch("[0-9]{1,18}", p.name) and p.is_dir()}
