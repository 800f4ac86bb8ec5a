"""What is said of a scene, and whether it is true: a small grammar, spoken and read.

caption  = thing relation thing | "there is" thing relation thing | thing "is" relation thing
         | thing "and" thing | thing "and" thing "and" thing
thing    = "a" [size] colour kind | "the" [size] "number" digit "in" colour
relation = "left of" | "right of" | "above" | "below"
"""

import dataclasses

COLOURS = ("red", "green", "blue", "yellow", "purple", "white")
SHAPES = {"circle": ("circle", "disc"), "square": ("square", "box"), "triangle": ("triangle",),
          "cross": ("cross", "plus"), "diamond": ("diamond",)}  # fmt: skip
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KINDS = (*SHAPES, *DIGITS)
SIZES = {"small": ("small", "little"), "large": ("large", "big")}
RELATIONS = {"left": ("left", "of"), "right": ("right", "of"), "above": ("above",), "below": ("below",)}
INVERSE = {"left": "right", "right": "left", "above": "below", "below": "above"}
WORDS = tuple(
    sorted(
        {"a", "the", "there", "is", "of", "and", "number", "in", *COLOURS, *DIGITS, *RELATIONS}
        | {word for names in (*SHAPES.values(), *SIZES.values()) for word in names}
    )
)
LONGEST = 16

_KIND_OF = {name: kind for kind, names in SHAPES.items() for name in names} | {digit: digit for digit in DIGITS}
_SIZE_OF = {name: size for size, names in SIZES.items() for name in names}


@dataclasses.dataclass(frozen=True)
class Thing:
    """An object of a scene.

    Args: colour, kind, size: of COLOURS, KINDS and SIZES; a size of None is not said.
      box: (top, left, bottom, right) in pixels; None for what is only spoken of.
    """

    colour: str
    kind: str
    size: str | None = None
    box: tuple | None = None

    @property
    def centre(self):
        top, left, bottom, right = self.box
        return (top + bottom) / 2, (left + right) / 2

    def is_meant_by(self, said):
        return (said.colour, said.kind) == (self.colour, self.kind) and said.size in (None, self.size)


def relation(one, other):
    """How `one` lies to `other`, by the larger offset of their centres."""
    down, across = (b - a for a, b in zip(one.centre, other.centre))
    if abs(across) >= abs(down):
        return "left" if across > 0 else "right"
    return "above" if down > 0 else "below"


def phrase(thing, random, short=False):
    """Words for a thing, with synonyms, its size half the time, and a digit's longer form half the time, at random."""
    size = [_any(SIZES[thing.size], random)] if random.random() < 0.5 else []
    if thing.kind in DIGITS:
        if not short and random.random() < 0.5:
            return ["the", *size, "number", thing.kind, "in", thing.colour]
        return ["a", *size, thing.colour, thing.kind]
    return ["a", *size, thing.colour, _any(SHAPES[thing.kind], random)]


def references(things, random):
    """Five captions of a scene, each a list of pairs (word, the index of the thing it speaks of or None).

    Two things at random are related; "and" names all, digits in their short form, so that none is longer than 16 words.
    """

    def spoken(index, short=False):
        return [(word, index) for word in phrase(things[index], random, short)]

    def plain(*words):
        return [(word, None) for word in words]

    a, b = (int(i) for i in random.permutation(len(things))[:2])
    how = relation(things[a], things[b])
    between, back = plain(*RELATIONS[how]), plain(*RELATIONS[INVERSE[how]])
    listed = []
    for index in range(len(things)):
        listed += (plain("and") if index else []) + spoken(index, short=True)
    return [
        spoken(a) + between + spoken(b),
        plain("there", "is") + spoken(a) + between + spoken(b),
        spoken(b) + back + spoken(a),
        listed,
        spoken(a) + plain("is") + between + spoken(b),
    ]


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What a caption says: things that are there, and how the first lies to the second, if that is said."""

    things: tuple[Thing, ...]
    relation: str | None


def read(caption):
    """The meaning of a caption, or None where the grammar has no such sentence."""
    words = caption.split()
    if words[:2] == ["there", "is"]:
        return _related(words[2:])
    return _listed(words) or _related(words) or _related(words, "is")


def judge(caption, things):
    """Whether a caption is (grammatical, right in all things that it names, true of the scene `things`).

    Right: each thing that is named is another one of the scene, in colour, kind and, if that is said, size. True: and
    its relation holds.
    """
    meaning = read(caption)
    if meaning is None:
        return False, False, False
    for chosen in _choices(meaning.things, things):
        if meaning.relation is None or relation(*chosen) == meaning.relation:
            return True, True, True
    return True, any(True for _ in _choices(meaning.things, things)), False


def named(caption, things):
    """What of a scene a caption names: `(first word, word behind the last, thing)`; what is not there is left out."""
    words, found, at = caption.split(), [], 0
    while at < len(words):
        parsed = _thing(words[at:])
        if parsed is None:
            at += 1
            continue
        said, rest = parsed
        end = len(words) - len(rest)
        found += [(at, end, thing) for thing in things if thing.is_meant_by(said)]
        at = end
    return found


def _choices(said, things, taken=()):
    if len(taken) == len(said):
        yield taken
        return
    for thing in things:
        if thing not in taken and thing.is_meant_by(said[len(taken)]):
            yield from _choices(said, things, (*taken, thing))


def _thing(words):
    """`(thing, the words after it)`, or None."""
    if words[:1] not in (["a"], ["the"]):
        return None
    long, rest = words[0] == "the", words[1:]
    size = _SIZE_OF.get(rest[0]) if rest else None
    rest = rest[1:] if size else rest
    if long:
        if len(rest) < 4 or rest[0] != "number" or rest[2] != "in" or rest[1] not in DIGITS or rest[3] not in COLOURS:
            return None
        return Thing(rest[3], rest[1], size), rest[4:]
    if len(rest) < 2 or rest[0] not in COLOURS or rest[1] not in _KIND_OF:
        return None
    return Thing(rest[0], _KIND_OF[rest[1]], size), rest[2:]


def _related(words, verb=None):
    first = _thing(words)
    if first is None:
        return None
    thing, rest = first
    if verb is not None:
        if rest[:1] != [verb]:
            return None
        rest = rest[1:]
    for how, between in RELATIONS.items():
        if tuple(rest[: len(between)]) == between:
            second = _thing(rest[len(between) :])
            return Meaning((thing, second[0]), how) if second and not second[1] else None
    return None


def _listed(words):
    things = []
    while first := _thing(words):
        things.append(first[0])
        words = first[1]
        if not words:
            return Meaning(tuple(things), None) if len(things) in (2, 3) else None
        if words[0] != "and":
            return None
        words = words[1:]
    return None


def _any(names, random):
    return names[int(random.integers(len(names)))]
