"""One process of a sweep over several machines, which share the sweep's directory.

    export KERASTUNER_ORACLE_IP=10.0.0.1 KERASTUNER_ORACLE_PORT=8000
    KERASTUNER_TUNER_ID=chief    python tuning/sweep.py pixeliqn --directory /shared/pixeliqn
    KERASTUNER_TUNER_ID=worker-0 python tuning/sweep.py pixeliqn --directory /shared/pixeliqn
    KERASTUNER_TUNER_ID=worker-1 python tuning/sweep.py pixeliqn --directory /shared/pixeliqn

Every process is given the same options, those of `qrkeras tune` but for --workers, and a name of its own; one is the
chief and one is worker-0, which scores the preset itself too. On one machine `qrkeras tune` does all this.
"""

import os
import sys

import tyro

from qrkeras.machine.quiet import load_tensorflow
from qrkeras.verbs.tune import Search, finish

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def main():
    search = tyro.cli(Search, description=__doc__)
    try:
        missing = [name for name in VARIABLES if name not in os.environ]
        if missing:
            raise ValueError(f"the environment must have {', '.join(VARIABLES)}. It lacks {', '.join(missing)}")
        sweep = search.open()
    except ValueError as error:
        sys.exit(f"sweep.py: {error}")
    load_tensorflow()
    from qrkeras.search import worker

    worker.serve(sweep)
    if os.environ["KERASTUNER_TUNER_ID"] == "chief":
        print(*finish(sweep), sep="\n")


if __name__ == "__main__":
    main()
