import sys

from qrkeras.cli import main
from qrkeras.machine import processes

if __name__ == "__main__":
    if sys.argv[1:2] == ["--launched"]:  # by another command of ours, with which it ends
        del sys.argv[1]
        processes.live_with_parent()
    main()
