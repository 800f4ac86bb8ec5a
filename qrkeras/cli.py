"""The `qrkeras` command: finds the verb, prints what it gives back, and ends bad input with one message."""

import difflib
import os
import sys

from qrkeras import verbs
from qrkeras.machine.cluster import WorkerLost
from qrkeras.machine.quiet import load_keras, load_tensorflow, said
from qrkeras.machine.terminal import plain_output


def main(arguments=None):
    """Runs one verb; bad input ends with one message on standard error and exit status 2."""
    if os.path.expanduser("~").startswith("~"):  # no home folder: Keras would make one of this name
        os.environ.setdefault("KERAS_HOME", os.devnull)
    with plain_output():
        _run(arguments)


def _run(arguments):
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        says = "Generative image models for Keras 3 and TensorFlow, implemented from their papers."
        print(f"usage: qrkeras VERB ...\n\n{says}\n")
        for name in verbs.VERBS:
            print(f"  {name:12} {verbs.summary(name)}".rstrip())
        print("\n`qrkeras VERB --help` tells more of each.")
        return
    name, rest = arguments[0], arguments[1:]
    try:
        if name not in verbs.VERBS:
            near = difflib.get_close_matches(name, verbs.VERBS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"VERB must be one of {', '.join(verbs.VERBS)}. Received: {name!r}.{hint}")
        for line in _called(name, rest) or ():
            print(line)
        sys.stdout.flush()  # into a file on a full disk
    except WorkerLost as error:
        print(f"qrkeras {name}: {error}", file=sys.stderr)
        raise SystemExit(error.status) from None
    except (ValueError, RuntimeError, OSError, MemoryError, *_tensorflows_errors()) as error:
        print(f"qrkeras {name}: {_told(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt as error:
        print(f"\nqrkeras {name}: {str(error) or 'interrupted'}", file=sys.stderr)
        raise SystemExit(130) from None


def _tensorflows_errors():
    """What TensorFlow raises, if it is loaded."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    return (errors.OpError,) if errors else ()


def _told(error):
    if isinstance(error, MemoryError):
        return f"memory must hold all that this needs ({str(error) or 'it does not'}). Ask for less at a time."
    return said(error) if isinstance(error, _tensorflows_errors()) else error


def _called(name, arguments):
    """What the verb gives back."""
    # `train` refuses misspelt options first; `tune` leaves TensorFlow to its workers.
    if name not in ("presets", "train", "tune") and not {"-h", "--help"} & set(arguments):
        load_tensorflow() if name == "serve" else load_keras()
    verb = verbs.verb(name)
    if name == "train":  # whose options are its preset's
        return verb(arguments)
    import tyro

    return tyro.cli(verb, args=arguments, prog=f"qrkeras {name}")
