"""How near captions are to references: BLEU, ROUGE-L, CIDEr-D, METEOR, all times 100.

Captions are tokens joined by blanks; each has several references. **Choice**: tokens are those of `words.tokens`, which
drops punctuation within words too, where the COCO server has Stanford's tokenizer: of people's captions of val2017 BLEU
and CIDEr-D are 0.1 points higher.
"""

import collections
import math
import shutil

import numpy as np

CIDER_SIGMA = 6
ROUGE_BETA = 1.2


def bleu(captions, references):
    """BLEU-1 to BLEU-4 of all captions together, times 100  (Papineni 2002), as the COCO server counts them.

    Precisions of n-grams, clipped by the reference that has most, and a brevity penalty from the reference nearest in
    length; not smoothed.

    Args:
      captions: n strings.   references: for each, one string or more.
    Returns: array `(4,)`.
    """
    import sacrebleu

    _check(captions, references)
    most = max(map(len, references))
    streams = [[of_one[i] if i < len(of_one) else None for of_one in references] for i in range(most)]
    return np.array(
        [
            sacrebleu.BLEU(tokenize="none", max_ngram_order=n, smooth_method="none", force=True)
            .corpus_score(list(captions), streams)
            .score
            for n in (1, 2, 3, 4)
        ]
    )


def rouge_l(captions, references):
    """ROUGE-L of each caption, times 100  (Lin 2004): the F-measure of the longest common subsequence, beta 1.2.

        F = (1 + beta^2) P R / (R + beta^2 P)

    P, its share of the caption, and R, of a reference, are the best over the references, each for itself.

    Returns: array `(n,)`.
    """
    _check(captions, references)
    scores = []
    for caption, of_one in zip(captions, references):
        words = caption.split()
        common = [(_common(words, reference.split()), len(reference.split())) for reference in of_one]
        precision = max(c / max(1, len(words)) for c, _ in common)
        recall = max(c / max(1, length) for c, length in common)
        both = recall + ROUGE_BETA**2 * precision
        scores.append(100 * (1 + ROUGE_BETA**2) * precision * recall / both if both else 0.0)
    return np.array(scores)


def cider_d(captions, references):
    """CIDEr-D of each caption, times 100  (Vedantam 2015).

        mean over n = 1..4 and over references of  10 exp(-(l_c - l_r)^2 / 72) sum min(c, r) r / (|c| |r|)

    c, r: counts of n-grams times idf = ln N - ln max(1, df), df of the N images' references that hold it. Lengths are
    counted in bigrams, as in the COCO server's code. The value depends on the set: of one image all idf are 0.

    Returns: array `(n,)`.
    """
    _check(captions, references)
    counted = [[_grams(reference.split()) for reference in of_one] for of_one in references]
    frequency = collections.Counter(gram for of_one in counted for gram in set().union(*of_one))
    total = math.log(len(captions))

    def weighted(counts):
        """By n: n-gram -> weight, and norm; and the number of bigrams."""
        vectors = [{} for _ in range(4)]
        for gram, count in counts.items():
            vectors[len(gram) - 1][gram] = count * (total - math.log(max(1, frequency[gram])))
        length = sum(count for gram, count in counts.items() if len(gram) == 2)
        return vectors, [math.sqrt(sum(w * w for w in vector.values())) for vector in vectors], length

    scores = []
    for caption, of_one in zip(captions, counted):
        own, norms, length = weighted(_grams(caption.split()))
        similar = 0.0
        for reference in of_one:
            other, other_norms, other_length = weighted(reference)
            near = math.exp(-((length - other_length) ** 2) / (2 * CIDER_SIGMA**2))
            for n in range(4):
                if norms[n] and other_norms[n]:
                    shared = sum(
                        min(w, other[n].get(gram, 0.0)) * other[n].get(gram, 0.0) for gram, w in own[n].items()
                    )
                    similar += near * shared / (norms[n] * other_norms[n])
        scores.append(100 * 10 * similar / (4 * len(of_one)))
    return np.array(scores)


def meteor(captions, references):
    """METEOR 1.5 of all captions, times 100  (Denkowski & Lavie 2014); None where it cannot be measured.

    It is a program in Java: `pip install qrkeras[captions]` brings it, and `java` must be there.
    """
    _check(captions, references)
    try:
        from pycocoevalcap.meteor.meteor import Meteor
    except ImportError:
        return None
    if shutil.which("java") is None:
        return None
    program = Meteor()
    try:
        score, _ = program.compute_score(dict(enumerate(references)), {i: [one] for i, one in enumerate(captions)})
        return 100 * float(score)
    finally:
        program.meteor_p.kill()  # its own end waits for the lock that an error leaves
        program.meteor_p.wait()


def _grams(words):
    return collections.Counter(tuple(words[i : i + n]) for n in (1, 2, 3, 4) for i in range(len(words) - n + 1))


def _common(words, others):
    """Length of the longest common subsequence."""
    row = [0] * (len(others) + 1)
    for word in words:
        above = row[:]
        for j, other in enumerate(others):
            row[j + 1] = above[j] + 1 if word == other else max(above[j + 1], row[j])
    return row[-1]


def _check(captions, references):
    if isinstance(captions, str) or len(captions) != len(references) or not len(captions):
        count = "a string" if isinstance(captions, str) else f"{len(captions)} captions, {len(references)} references"
        raise ValueError(f"captions must be one for each image, and references a list for each. Received: {count}")
    for i, of_one in enumerate(references):
        if isinstance(of_one, str) or not len(of_one):
            raise ValueError(f"references must hold a list of strings for each caption. Received: {of_one!r} at {i}")
