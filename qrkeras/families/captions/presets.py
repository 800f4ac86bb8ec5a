"""Captions with areas of attention  (Lucas, Appendix B; Pedersoli, Lucas, Schmid & Verbeek 2017).

qrkeras train captions-scenes
qrkeras train captions-scenes --start-from runs/captions-scenes-0 --frozen --run-dir runs/tuned
qrkeras train captions-photos --data.name captions:PATH
"""

from qrkeras.families.captions.schema import CaptionPreset
from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import SILENT, Data, with_sources

CODE = "Choice: the authors' released code"
SOURCES = {
    **{field: source for field, source in SILENT.items() if field != "evaluate_measures"},
    "data": "Choice: your own photographs, in COCO's layout; Lucas, Section B.4.1: COCO",
    "data.image_size": "Choice: VGG's own, the middle square",
    "encoder": "Lucas, Section B.4.1: VGG16",
    "areas": "Lucas, Section B.3.3",
    "boxes": "Lucas, Section B.4.1: 50 randomly selected regions",
    "by_state": "Lucas, eq. B.5",
    "feedback": "Lucas, eq. B.7",
    "thins": f"{CODE}: one of each 2 x 2 cells of 14 x 14",
    "word_dim": "Lucas, Section B.4.1: 512",
    "state_dim": "Lucas, Section B.4.1: 512",
    "dropout": f"{CODE}: 0.5",
    "optimizer": "Lucas, Section B.4.1: Adam; " + f"{CODE}: 1e-3",
    "encoder_optimizer": f"{CODE}: 0.1 of the rate",
    "clip_norm": f"{CODE}: 100",
    "batch_size": f"{CODE}: 10 images with 5 captions each",
    "steps": "Choice: the paper is silent",
    "frozen": "Lucas, Section B.4.1: the encoder trains in the second stage",
}
PHOTOS = CaptionPreset(
    data=Data("captions:photos", 224),
    encoder="vgg16",
    thins=True,
    optimizer=Adam(1e-3),
    encoder_optimizer=Adam(1e-4),
    batch_size=10,
    steps=100_000,
    log_every=100,
    sample_every=5_000,
    checkpoint_every=1_000,
    steps_per_execution=1,
    frozen=("encoder",),
    sources=SOURCES,
)
COCO = with_sources(
    PHOTOS,
    {"data": "Lucas, Section B.4.1: COCO; Choice: Karpathy's splits, where the thesis draws its own"},
    data=Data("coco_captions", 224),
)
SMALL = "Choice: minutes on a laptop"
SCENES = with_sources(
    PHOTOS,
    {
        "data": "Choice: generated, without network",
        "data.image_size": "Choice: 64 x 64, as they are drawn",
        "encoder": "Choice: shipped, trained on single things",
        "thins": "Choice: all of 8 x 8 cells",
        **dict.fromkeys(("word_dim", "state_dim", "optimizer", "encoder_optimizer", "batch_size", "steps"), SMALL),
    },
    data=Data("scenes"),
    encoder="scenes-cnn",
    thins=False,
    word_dim=64,
    state_dim=128,
    optimizer=Adam(2e-3),
    encoder_optimizer=Adam(2e-4),
    batch_size=32,
    steps=2_800,
    sample_every=700,
    checkpoint_every=350,
)
ROWS = {
    "baseline": {"areas": "none", "thins": False, "by_state": False, "feedback": "none"},
    "wr": {"by_state": False, "feedback": "none"},
    "rh": {"feedback": "none"},
    "conditional": {"feedback": "conditional"},
    "proposals": {"areas": "proposals", "thins": False},
    "transformers": {"areas": "transformers", "thins": False},
}
_WHERE = dict.fromkeys(ROWS, "Lucas, Table B.1") | dict.fromkeys(("proposals", "transformers"), "Lucas, Table B.2")


def _row(preset, row):
    changes = ROWS[row]
    return with_sources(preset, dict.fromkeys(changes, _WHERE[row]), **changes)


PRESETS = {
    "captions-scenes": SCENES,
    **{f"captions-scenes-{row}": _row(SCENES, row) for row in ROWS},
    "captions-scenes-proposals": with_sources(
        _row(SCENES, "proposals"), {"boxes": "Choice: all that a scene has"}, boxes=20
    ),
    "captions-coco": COCO,
    **{f"captions-coco-{row}": _row(COCO, row) for row in ROWS},
    "captions-photos": PHOTOS,
}
_FIGURES = {
    "": 87.4, "-baseline": 78.9, "-wr": 83.6, "-rh": 85.5, "-conditional": 86.8, "-proposals": 89.0,
    "-transformers": 91.1,
}  # fmt: skip
PUBLISHED = {
    **dict.fromkeys(PRESETS, Published("Choice: the appendix' models made small, on scenes")),
    "captions-photos": Published("Choice: the appendix' full model, on your own photographs"),
    **{
        f"captions-coco{row}": Published("Lucas, Tables B.1 and B.2", "CIDEr-D", figure, "5,000 images of COCO")
        for row, figure in _FIGURES.items()
    },
}
