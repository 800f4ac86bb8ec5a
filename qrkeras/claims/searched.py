"""The same search for every arm of a claim, on seeds of its own, before the claim's seeds are trained."""

import dataclasses
import math
import statistics

from qrkeras.claims import reproduced

# Far behind any seed that a claim judges by: what was chosen by a seed says nothing for itself there.
FIRST_SEED = 1_000_000


@dataclasses.dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
      scale: the claim's scale with each arm's best setting.   best: arm -> its setting, in words.
      values: setting -> measure -> arm -> figures, one for each seed.
    """

    scale: object
    best: dict
    values: dict


def search(claim, scale, workers, runs_dir, verbose=1):
    """Trains every setting of `scale.search` for every arm, as far as it is not trained, and chooses: `Searched`."""
    settings = scale.search.settings
    of = {
        said: reproduced.arms(
            claim, scale.settled(dict.fromkeys(claim.arms, changes)), scale.search.seeds, runs_dir, FIRST_SEED
        )
        for said, changes in settings.items()
    }
    reproduced.train([arm for arms in of.values() for arm in arms], workers, runs_dir, verbose)
    unjudged = dataclasses.replace(claim, orders=())
    values = {said: reproduced.measure(unjudged, scale, arms).values for said, arms in of.items()}
    measures = [claim.measure(name) for name in scale.search.by]
    best = {
        arm: max(settings, key=lambda said: [_score(values[said][each.name][arm], each) for each in measures])
        for arm in claim.arms
    }
    return Searched(scale.settled({arm: settings[said] for arm, said in best.items()}), best, values)


def _score(figures, measure):
    """The mean, larger where better; a run that diverged is the worst."""
    if not all(math.isfinite(figure) for figure in figures):
        return -math.inf
    mean = statistics.fmean(figures)
    return -mean if measure.better == "less" else mean
