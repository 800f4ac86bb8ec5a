"""How good captions are: one pass over held-out images, every measure."""

import numpy as np

from qrkeras import metrics, words
from qrkeras.machine import progress
from qrkeras.metrics import attention as areas

LOOKED_AT = 200
BATCH_SIZE = 50


def measure(model, source, n=None, beam=5, verbose=1, meteor=True):
    """Figures of captions, by name; what cannot be measured is left out.

    `nats_per_word` of the images' own captions; BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D of the model's against them,
    times 100. Where captions can be judged: the shares that are `grammatical`, `right` in what they name, and `true`.
    Where boxes are known, and the model looks at areas: attention correctness `looks_given`, of the images' own
    captions, `looks_said`, of the model's, both of the best word of a phrase, and `looks_chance`, the share of the
    image that is in the box; of the first 200 images.

    Args:
      model: a captioner.   source: held-out images with captions.   n: images that are measured; None: all.
      beam: captions that the search keeps.   meteor: whether METEOR is measured where it can be; it takes long.
    Returns: figures, and the captions.
    """
    n = source.size if n is None else min(n, source.size)
    given = source.given(n)
    own = [source.captions(i) for i in range(n)]
    batches = (model.caption(**_rows(given, slice(i, i + BATCH_SIZE)), beam=beam) for i in range(0, n, BATCH_SIZE))
    said = [beams[0][0] for batch in progress.shown(batches, source.name, n, BATCH_SIZE, verbose) for beams in batch]
    cost = model.nats_per_word(captions=own, **given)
    figures = {"nats_per_word": cost, **judged(source, said), **compared(said, own, meteor)}
    if source.named is not None and model.decoder.area_dim:
        figures |= looks(model, source, _rows(given, slice(LOOKED_AT)), own, said)
    return figures, said


def floor(source, n=None):
    """The same figures of people: each image's first caption against its others.

    Raises:
      ValueError: where an image has one alone.
    """
    n = source.size if n is None else min(n, source.size)
    own = [source.captions(i) for i in range(n)]
    if any(len(of_one) < 2 for of_one in own):
        raise ValueError("references must be two or more for each image, to compare people with people")
    first = [of_one[0] for of_one in own]
    return {**judged(source, first), **compared(first, [of_one[1:] for of_one in own])}


def judged(source, said):
    """Shares of captions that are grammatical, right in what they name, and true; nothing where nobody can tell."""
    if source.judge is None:
        return {}
    verdicts = np.array([source.judge(i, caption) for i, caption in enumerate(said)])
    return dict(zip(("grammatical", "right", "true"), verdicts.mean(0)))


def compared(said, own, meteor=True):
    """BLEU, ROUGE-L, CIDEr-D and, where that can be had, METEOR of captions against the images' own, times 100."""
    said = [" ".join(words.tokens(caption)) for caption in said]
    own = [[" ".join(words.tokens(caption)) for caption in of_one] for of_one in own]
    bleu = metrics.bleu(said, own)
    found = {f"BLEU-{n}": float(score) for n, score in enumerate(bleu, 1)}
    found |= {"ROUGE-L": metrics.rouge_l(said, own).mean(), "CIDEr-D": metrics.cider_d(said, own).mean()}
    score = metrics.meteor(said, own) if meteor else None
    return found if score is None else {**found, "METEOR": score}


def _rows(given, rows):
    return {name: values[rows] for name, values in given.items()}


def looks(model, source, given, own, said):
    """Attention correctness of the images' own captions and of the model's, and what chance would give.

    Args: given: images and what comes with them, by name.
    """
    known, images = {}, given["images"]

    def best_words(captions):
        """Of each phrase, the mass of its best word within the box of what it names, and the box's share; means."""
        spoken = [i for i, caption in enumerate(captions) if caption]
        attention, corners = model.attend(captions=[captions[i] for i in spoken], **_rows(given, spoken))
        found = []
        for i, looked, around in zip(spoken, attention, corners):
            if around.tobytes() not in known:
                known.clear()  # those of a grid are all alike, others never
                known[around.tobytes()] = areas.masses(around, images.shape[1])
            for first, last, box in source.named(i, captions[i]):
                correct = areas.correctness(looked[first:last], known[around.tobytes()], [box]).max(initial=0)
                found.append((correct, areas.inside_boxes([box], images.shape[1]).mean()))
        return np.mean(found, axis=0) if found else (np.nan, np.nan)

    of_people, chance = best_words([of_one[0] for of_one in own[: len(images)]])
    named, _ = best_words(said[: len(images)]) if any(said[: len(images)]) else (np.nan, np.nan)
    return {"looks_given": float(of_people), "looks_said": float(named), "looks_chance": float(chance)}
