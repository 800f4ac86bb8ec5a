"""How far a sweep is, while it runs."""

import datetime
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

EVERY = 60.0  # seconds between two lines where standard error is no terminal


class Report:
    """A bar on standard error, or a line every minute where that is no terminal.

    Args:
      sweep: `Sweep`.   verbose: 0 shows nothing.
    """

    def __init__(self, sweep, verbose=1):
        self._sweep = sweep
        self._console = Console(stderr=True)
        self._bar = Progress(
            BarColumn(), TextColumn("{task.description}"), console=self._console, disable=not self._console.is_terminal
        )
        self._verbose = verbose
        self._begun = None
        self._said = float("-inf")

    def __enter__(self):
        if self._verbose:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._sweep.trials)
        return self

    def __exit__(self, *error):
        self._bar.stop()

    def __call__(self, ledger, last=False):
        """Shows what a `files.Ledger` holds."""
        now = time.monotonic()
        self._begun = self._begun or (now, len(ledger.ended))
        if not self._verbose:
            return
        line = status(self._sweep, ledger, now - self._begun[0], len(ledger.ended) - self._begun[1])
        self._bar.update(self._task, completed=len(ledger.ended), description=line)
        if not self._console.is_terminal and (last or now - self._said >= EVERY):
            self._said = now
            self._console.print(f"{self._sweep.path}: {line}", soft_wrap=True, highlight=False, markup=False)


def status(sweep, ledger, seconds, ended):
    """One line: trials done, failed, the best so far, time left.

    Args:
      seconds: since this process began.   ended: trials that ended in that time.
    """
    done = len(ledger.ended)
    parts = [f"{done} of {sweep.trials} trials"]
    if ledger.failed:
        parts.append(f"{len(ledger.failed)} failed")
    scores = ledger.completed
    if scores:
        best = min(scores, key=lambda trial_id: (scores[trial_id], trial_id))
        parts.append(f"best {sweep.objective.upper()} {scores[best]:.4g} (trial {best})")
    if 0 < done < sweep.trials and ended:
        left = (sweep.trials - done) * seconds / ended
        parts.append(f"{datetime.timedelta(seconds=round(left))} left")
    return ", ".join(parts)
