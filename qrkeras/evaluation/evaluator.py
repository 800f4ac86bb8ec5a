"""Generated images against real ones: every measure in one pass."""

import dataclasses
import functools
import math

import numpy as np

from qrkeras import metrics
from qrkeras.evaluation.reference import KEPT, LEAST, Reference
from qrkeras.features import FeatureNetwork

NEIGHBOURS = 3
_PAIRWISE = ("precision", "recall", "density", "coverage", "f8", "f1_8", "auc")


@dataclasses.dataclass(frozen=True)
class Measures:
    """What was measured on `samples` images against `references` training images and `held_out` held-out ones, with the
    network `features`, which images reach by the rule `resize`; NaN where a measure does not apply.

    Kernel distance, precision and recall, density and coverage, and the precision-recall curve (`f8`, `f1_8`, and its
    area `auc`) are taken against the data split `split`, from at most 10,000 images a side; the nearest-neighbour
    measures and the curve from equally many a side.
    """

    features: str
    resize: str
    split: str
    samples: int
    references: int
    held_out: int
    fid_train: float
    fid_test: float
    kid: float
    kid_error: float
    inception_score: float
    inception_score_deviation: float
    precision: float
    recall: float
    density: float
    coverage: float
    f8: float
    f1_8: float
    auc: float
    curve: metrics.CurveEstimate | None = dataclasses.field(repr=False, compare=False)

    @property
    def objective(self):
        """Label of the measure whose minimum over training is reported  (QRGAN, Table 1)."""
        return f"FID[{self.features}] train"

    @property
    def counts(self):
        """How many images stand behind the Frechet distance to the training split, in words."""
        return f"{self.samples:,} samples, {self.references:,} references"

    def finite(self):
        """`labelled`, as JSON and CSV have it: None where a measure does not apply."""
        return {label: value if math.isfinite(value) else None for label, value in self.labelled().items()}

    def labelled(self):
        """Label -> value, each label with its feature network and split: `FID[cifar10-cnn] train`."""
        name, split = self.features, self.split
        return {
            self.objective: self.fid_train,
            f"FID[{name}] test": self.fid_test,
            f"KID[{name}] {split}": self.kid,
            f"KID[{name}] {split} error": self.kid_error,
            f"IS[{name}]": self.inception_score,
            f"IS[{name}] deviation": self.inception_score_deviation,
            f"precision[{name}] {split}": self.precision,
            f"recall[{name}] {split}": self.recall,
            f"density[{name}] {split}": self.density,
            f"coverage[{name}] {split}": self.coverage,
            f"F8[{name}] {split}": self.f8,
            f"F1/8[{name}] {split}": self.f1_8,
            f"AUC[{name}] {split}": self.auc,
        }


class Evaluator:
    """Measures generated images against two splits of real ones.

    Args:
      network: `FeatureNetwork`.   train, test: `Reference`s of the training and the held-out split.
      samples: number of generated images that a measure is taken from.
      split: "train" or "test": what all measures but the Frechet distances are taken against.
      measures: "all", or "distances": the Frechet and kernel distances and the Inception score alone, without those
        whose cost grows with the square of the number of images.
    """

    def __init__(
        self, network: FeatureNetwork, train: Reference, test: Reference, samples: int, split="train", measures="all"
    ):
        check_samples(samples)
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test'. Received: {split!r}")
        if measures not in ("all", "distances"):
            raise ValueError(f"measures must be 'all' or 'distances'. Received: {measures!r}")
        self.network = network
        self.train = train
        self.test = test
        self.samples = samples
        self.split = split
        self.measures = measures

    def measure(self, batches, gather=None):
        """`Measures` of uint8 batches of images, together `samples` of them.

        Args:
          gather: where several workers measure together, each its share of every batch: function of rows that returns
            those of all workers in order (`collectives.rows`). Features travel, a few kB an image, and not images; each
            worker's measures are those of one that had drawn all.
        Raises:
          ValueError: where the number differs, or images do not fit the network.
        """
        real = self._real(self.split)
        moments, kid = metrics.MomentsAccumulator(dim=real.shape[1]), metrics.KernelDistance(_shuffled(real))
        score, has_logits = metrics.InceptionScore(), True
        kept, seen = [], 0
        for images in batches:
            features, logits = self.network(images)
            if gather:
                left = self.samples - seen
                features, logits = gather(features)[:left], None if logits is None else gather(logits)[:left]
            moments.update(features)
            kid.update(features)
            has_logits = logits is not None
            if has_logits:
                score.update(logits)
            kept.append(features[: max(0, KEPT - seen)])
            seen += len(features)
        if seen != self.samples:
            raise ValueError(f"batches must hold {self.samples:,} images together. Received: {seen:,}")
        estimate = score.result() if has_logits else metrics.InceptionEstimate(math.nan, math.nan)
        return self._measures(self.split, moments.result(), np.concatenate(kept), kid.result(), estimate)

    def floor(self):
        """`Measures` of the held-out images in place of generated ones, against the training split."""
        test = self.test
        kid = metrics.kernel_distance(_shuffled(self.train.features), _shuffled(test.features))
        measures = self._measures("train", test.moments, test.features, kid, test.inception_score)
        return dataclasses.replace(measures, fid_test=math.nan)  # to themselves

    def _measures(self, split, moments, features, kid, score):
        return Measures(
            features=self.network.name,
            resize=self.network.rule,
            split=split,
            samples=moments.count,
            references=self.train.count,
            held_out=self.test.count,
            fid_train=metrics.frechet_distance(self.train.moments, moments),
            fid_test=metrics.frechet_distance(self.test.moments, moments),
            kid=kid.mean,
            kid_error=kid.standard_error,
            inception_score=score.mean,
            inception_score_deviation=score.std,
            **self._pairwise(split, features),
        )

    def _pairwise(self, split, features):
        if self.measures == "distances":
            return {**dict.fromkeys(_PAIRWISE, math.nan), "curve": None}
        count = min(len(features), len(self._real(split)))
        near = metrics.precision_recall(self._neighbourhoods(split, count), features[:count], NEIGHBOURS)
        curve, f8, f1_8, auc = None, math.nan, math.nan, math.nan
        if count >= LEAST:  # its clusters are as many as ten images a side
            curve = metrics.precision_recall_curve(self._spread(split, count), features[:count])
            f8, f1_8, auc = curve.f8, curve.f1_8, curve.auc
        found = near.precision, near.recall, near.density, near.coverage, f8, f1_8, auc
        return {**dict(zip(_PAIRWISE, found, strict=True)), "curve": curve}

    def _real(self, split):
        return {"train": self.train, "test": self.test}[split].features

    def _spread(self, split, count):
        real = self._real(split)
        return real[np.arange(count) * len(real) // count]

    @functools.lru_cache(maxsize=2)  # noqa: B019  evaluators are few
    def _neighbourhoods(self, split, count):
        return metrics.neighbourhoods(self._spread(split, count), NEIGHBOURS)


def check_samples(samples):
    """Raises ValueError where that many generated images are too few to be measured."""
    if samples < LEAST:
        raise ValueError(
            f"samples must be at least {LEAST}, one for each split of the Inception score. Received: {samples}"
        )


def _shuffled(features):
    """Real images may lie sorted by class, and the kernel distance is taken block by block."""
    return features[np.random.default_rng(0).permutation(len(features))]
