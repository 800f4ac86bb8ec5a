"""What the appendix claims of captions, and how it is tried on scenes."""

from qrkeras.families.claim import Claim, Measure, Order, Scale

COMPONENTS = ("baseline", "wr", "rh", "conditional", "full")
ARMS = (*COMPONENTS, "proposals", "transformers")
LOOKING = ARMS[1:]
CIDER = Measure("CIDEr-D", "CIDEr-D", "more", digits=1)
NATS = Measure("nats_per_word", "nats a word", "less")
TRUE = Measure("true", "share that is true", "more")
LOOKS = Measure("looks_given", "attention on what a phrase names", "more", arms=LOOKING)
CHANCE = Measure("looks_times_chance", "the same, over chance", "more", digits=1, arms=LOOKING)
MEASURES = (
    CIDER,
    NATS,
    Measure("BLEU-4", "BLEU-4", "more", digits=1),
    Measure("grammatical", "share that is grammatical", "more"),
    Measure("right", "share right in all that it names", "more"),
    TRUE,
    LOOKS,
    CHANCE,
)


def measured(model, source):
    """What captions of all held-out scenes are worth."""
    from qrkeras.evaluation import measure_captions

    figures, _ = measure_captions(model, source, verbose=0, meteor=False)
    if "looks_given" in figures:
        figures["looks_times_chance"] = figures["looks_given"] / figures["looks_chance"]
    return figures


SCENES = Claim(
    "captions-scenes",
    "Each component of the joint score makes captions better, and attention lies on what is named",
    "Lucas, Tables B.1 to B.3, of COCO; Choice: on generated scenes",
    ARMS,
    MEASURES,
    (
        Order(CIDER.name, "wr", "baseline"),
        Order(CIDER.name, "rh", "wr"),
        Order(CIDER.name, "full", "baseline", by=40.0),
        Order(NATS.name, "full", "baseline", by=0.10),
        Order(CHANCE.name, "rh", 3.0),
        Order(CHANCE.name, "full", 3.0),
    ),
    {
        "small": Scale(
            "captions-scenes-{arm}",
            5,
            {"steps": 1_200},
            "Scenes 64 x 64 in size, 20,000 of them; a shipped encoder that stays as it is; 1,200 steps of 32 images "
            "with five captions each; figures of 1,000 held-out scenes.",
            presets={"full": "captions-scenes"},
        )
    },
    measured=dict.fromkeys(ARMS, measured),
    published={
        "baseline": 78.9,
        "wr": 83.6,
        "rh": 85.5,
        "conditional": 86.8,
        "full": 87.4,
        "proposals": 89.0,
        "transformers": 91.1,
    },
    protocol="CIDEr-D of 5,000 images of COCO",
)
CLAIMS = (SCENES,)
