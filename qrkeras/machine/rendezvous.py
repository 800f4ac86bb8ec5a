"""Workers meet before they train: each is there, its port is free, and what must agree does.

Worker 0 listens at its address. The others come, say what they are, and hear that all may begin, or what is wrong.
TensorFlow takes the ports over afterwards. Nothing here is secret or trusted: lines of JSON, read up to a length.
"""

import contextlib
import json
import os
import socket
import time

from qrkeras.machine.cluster import WorkerLost

PATIENCE = 600
"""Seconds that workers wait for one another; the environment variable QRKERAS_CLUSTER_TIMEOUT says otherwise."""
_LONGEST = 2**20  # bytes of a line
_PAUSE = 0.2  # seconds between two tries
_READ = 5  # seconds that a stranger who says nothing is heard


def patience():
    """Seconds that workers wait for one another; raises ValueError where the environment names none."""
    given = os.environ.get("QRKERAS_CLUSTER_TIMEOUT", str(PATIENCE))
    if not given.isdecimal() or not int(given):
        raise ValueError(f"QRKERAS_CLUSTER_TIMEOUT must be a number of seconds. Received: {given!r}")
    return int(given)


def meet(cluster, facts, seconds=None):
    """Returns once every worker of `cluster` is there and says the same.

    Args:
      facts: name -> value, as JSON has them: what must be the same everywhere.
      seconds: to wait for the others; None: `patience()`.
    Raises:
      ValueError: on all workers alike, where facts differ, naming the first worker that differs from worker 0; or
        where the own port cannot be had.
      WorkerLost: where a worker does not come, naming it.
    """
    if cluster.size == 1:
        return None
    seconds = patience() if seconds is None else seconds
    until = time.monotonic() + seconds
    own = _listening(cluster.workers[cluster.index])
    with own:
        if cluster.first:
            return _receive(own, cluster, facts, until, seconds)
    return _come(cluster, facts, until, seconds)


def _listening(address):
    """A socket that holds the port; raises ValueError where another process does, also one that would share it."""
    port = int(address.rpartition(":")[2])
    own = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if own.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        own.bind(("", port))
        own.listen()
    except OSError as error:
        own.close()
        raise ValueError(
            f"the port of this worker, {address}, must be free. Received: {error.strerror or error}. Stop what holds "
            "it, or name another."
        ) from None
    return own


def _receive(own, cluster, facts, until, seconds):
    """Worker 0: waits for the others, compares, and tells them."""
    with contextlib.ExitStack() as stack:
        there = {}
        while len(there) < cluster.size - 1 and (left := until - time.monotonic()) > 0:
            own.settimeout(left)
            with contextlib.suppress(OSError):
                caller, _ = own.accept()
                stack.enter_context(caller)
                caller.settimeout(_READ)
                said = _line(caller)
                if said and said.get("index") in range(1, cluster.size):
                    there[said["index"]] = caller, said.get("facts")
        missing = [i for i in range(1, cluster.size) if i not in there]
        found = _differing(facts, {i: there[i][1] for i in sorted(there)})
        if missing:
            named = ", ".join(f"worker {i} ({cluster.workers[i]})" for i in missing)
            found = f"all {cluster.size} workers must come within {seconds:g} s. Received: none from {named}"
        for caller, _ in there.values():
            with contextlib.suppress(OSError):
                caller.sendall(json.dumps({"lost": bool(missing), "error": found}).encode() + b"\n")
    _judge(bool(missing), found)


def _come(cluster, facts, until, seconds):
    """Another worker: finds worker 0, says what it is, and hears what is found."""
    host, _, port = cluster.workers[0].rpartition(":")
    line = json.dumps({"index": cluster.index, "facts": facts}).encode() + b"\n"
    why = "no answer"
    while (left := until - time.monotonic()) > 0:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=min(left, _READ)) as peer:
                peer.sendall(line)
                peer.settimeout(max(left, _READ) + _READ)  # worker 0 may have begun to wait later
                if (answer := _line(peer)) and "error" in answer:
                    return _judge(answer.get("lost"), answer["error"])
                why = "another program answers there"
        except OSError as error:
            why = error.strerror or str(error)
        time.sleep(_PAUSE)
    raise WorkerLost(
        f"worker 0 must be reached at {cluster.workers[0]}. Received: {why}, for {seconds:g} s. See that it runs, and "
        "that its host's name and port can be reached from here."
    )


def _judge(lost, error):
    if error:
        raise (WorkerLost if lost else ValueError)(error)


def _line(peer):
    """The object of one line of JSON, or None where something else comes or nothing."""
    received = b""
    while not received.endswith(b"\n") and len(received) < _LONGEST:
        part = peer.recv(65536)
        if not part:
            return None
        received += part
    try:
        said = json.loads(received)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _differing(facts, others):
    """What is wrong, in words, or None."""
    facts = json.loads(json.dumps(facts))
    for i, theirs in others.items():
        theirs = theirs if isinstance(theirs, dict) else {}
        names = [name for name in {**facts, **theirs} if facts.get(name) != theirs.get(name)]
        if names:
            told = "; ".join(f"{name} {theirs.get(name)!r} there, {facts.get(name)!r} on worker 0" for name in names)
            return f"all workers must run the same command with the same versions. Received from worker {i}: {told}"
    return None
