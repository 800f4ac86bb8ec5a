"""What every experiment has: data and schedule."""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping
from typing import Annotated, Literal

import tyro

from qrkeras.families.parts import RHYTHM, Count, Range, name_of, part

Precision = Annotated[
    str,
    Range(
        "float32 or bfloat16, whose range is that of float32; float16 would need a loss scale for each network",
        ("float32", "bfloat16").__contains__,
    ),
]


def _rises(value):
    steps = value if isinstance(value, tuple) else (value,)
    return bool(steps) and all(a < b for a, b in itertools.pairwise((0, *steps)))


Steps = Annotated[
    int | tuple[int, ...] | None,
    Range("at least 1, or several steps that rise from 1", lambda value: value is None or _rises(value)),
]


@part
class Data:
    name: str
    """Name of the data: ring8, grid25, digits, photo-patches, cifar10, stl10, imagenet32, lsun-bedroom, celeb_a, cats,
    tfds:NAME, or folder:PATH for your own images; with captions: scenes, coco_captions, captions:PATH for your own."""
    image_size: int | None = None
    """Side of images in pixels: larger or smaller ones are cropped to a square and resized. None keeps their size."""
    directory: Annotated[str | None, RHYTHM] = None
    """Folder where TFDS data lies or is put. None: TFDS's own default."""


@part(kw_only=True)
class Preset:
    """One experiment. A family adds its networks, its loss and its optimizers, `objective`, what is minimised in a
    word, `architecture`, what its networks are called, and `build(source, seed)`, the compiled model."""

    data: Data
    batch_size: Count
    """Examples that each update sees (of a GAN: each update of the discriminator)."""
    steps: Annotated[Count, RHYTHM]
    """Updates of the whole training (of a GAN: of the generator)."""
    log_every: Annotated[Count, RHYTHM]
    """Steps between lines of metrics.jsonl."""
    sample_every: Annotated[Steps, RHYTHM]
    """Steps between pictures of samples from fixed noise, or the steps at which they are drawn; None: never."""
    checkpoint_every: Annotated[Count, RHYTHM]
    """Steps between checkpoints; the last two are kept."""
    steps_per_execution: Annotated[Count, RHYTHM]
    """Steps run between two looks from Python; larger is faster for small networks."""
    evaluate_every: Annotated[Count | None, RHYTHM] = None
    """Steps between evaluations on held-out data; None: never."""
    precision: Precision = "float32"
    """What layers compute in: float32, or bfloat16; weights, outputs, losses and averages are float32 in both."""
    start_from: str | None = None
    """Run whose newest model gives the first weights of parts that both models have, by name; None: all are new."""
    frozen: tuple[str, ...] = ()
    """Parts of the model that do not train, by their names, such as encoder decoder."""
    sources: tyro.conf.SuppressFixed[tyro.conf.Fixed[Mapping[str, str]]] = dataclasses.field(
        default_factory=dict, compare=False
    )
    """Where each value comes from, by its dotted name."""

    @property
    def examples_per_step(self):
        """Examples that one step takes from the data."""
        return self.batch_size

    @property
    def references(self):
        """Values that losses are read against in pictures: what they mean -> name of the loss -> value."""
        return {}

    def given(self, source):
        """The data as the model takes them: here, as they are."""
        return source

    @property
    def takes_labels(self):
        """Whether the model learns from class labels."""
        return False

    @property
    def files(self):
        """Names of fields that may hold the path of a .keras file."""
        return ()

    @property
    def scores(self):
        """What a search may minimise, the usual first: its name -> what records call it."""
        return {}

    def scored_once(self):
        """The preset of a trial of a search, which is scored at its last step and draws no more pictures than that
        takes."""
        return dataclasses.replace(self, sample_every=None, evaluate_every=self.steps)

    def logged(self, field):
        """What metrics.jsonl calls a figure, in whose name `{features}` may stand for the feature network."""
        return field


@part(kw_only=True)
class GenerativePreset(Preset):
    """One experiment with a model that draws examples, which are measured against real ones."""

    evaluate_samples: Annotated[Count, RHYTHM] = 50_000
    """Generated images that an evaluation measures."""
    evaluate_references: Annotated[Count, RHYTHM] = 50_000
    """Real images of each split that an evaluation compares generated ones with, at most; of larger data some are
    drawn."""
    evaluate_features: Annotated[str, RHYTHM] = "inception"
    """Feature network of an evaluation: inception (a program from TF-Hub or TFHUB_CACHE_DIR: trust who filled it),
    cifar10-cnn, digits-cnn, or FILE.keras (read in Keras' safe mode)."""
    evaluate_measures: Annotated[Literal["all", "distances"], RHYTHM] = "all"
    """Measures of an evaluation. distances: FID, KID and Inception score. all: also those that compare every image with
    every other one."""

    @property
    def architecture(self):
        """Name of its networks."""
        return name_of(self.network)

    @property
    def files(self):
        return ("evaluate_features",)

    @property
    def scores(self):
        name = pathlib.Path(self.evaluate_features).name
        return {"fid": f"FID[{name}] train", "kid": f"KID[{name}] train"}

    def scored_once(self):
        return dataclasses.replace(super().scored_once(), evaluate_measures="distances")

    def logged(self, field):
        return field.format(features=self.evaluate_features)


# What papers are silent on; presets say so with `**SILENT`, and cite over it what theirs has.
SILENT = {
    "data.directory": "TFDS's default",
    "log_every": "Choice",
    "sample_every": "Choice",
    "checkpoint_every": "Choice",
    "steps_per_execution": "Choice",
    "evaluate_every": "Choice",
    "evaluate_measures": "Choice: all",
    "precision": "Choice: the paper is silent",
}
AS_PIXELIQN = {
    "evaluate_samples": "Choice: as PixelIQN's",
    "evaluate_references": "Choice: as PixelIQN's",
    "evaluate_features": "Choice: Inception, as PixelIQN's",
}
# Of fields that hold what no paper says; a preset with another value names its own.
_SOURCES = {"start_from": "Choice: one stage", "frozen": "Choice: all parts train"}


def citation(preset, field):
    """Source of a dotted field: its own, or that of the part it belongs to."""
    sources = {**_SOURCES, **preset.sources}
    while field not in sources:
        if "." not in field:
            raise KeyError(f"{field} has no source")
        field = field.rpartition(".")[0]
    return sources[field]


def with_sources(preset, sources, **changes):
    """`preset` with other values, whose `sources` stand beside those of the others."""
    return dataclasses.replace(preset, sources={**preset.sources, **sources}, **changes)


def made_small(preset, fields, sources, **changes):
    """`preset` at a size for minutes on a laptop, evaluated by a shipped network against all training images.

    Args: fields: what is smaller for that alone.   sources: of what has a reason of its own.
    """
    small = {
        **dict.fromkeys(fields, "Choice: minutes on a laptop"),
        "evaluate_features": "Choice: shipped",
        "evaluate_references": "Choice: all training images",
    }
    return with_sources(preset, {**small, **sources}, evaluate_references=50_000, **changes)
