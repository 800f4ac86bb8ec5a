"""Parts: the frozen dataclasses that presets are made of, their ranges, and their JSON.

A part says what can be set; the comment under a field is its help on the command line, a range in its annotation is
checked, and `RHYTHM` marks what a run may change when it goes on. A part that stands for something of Keras has a
`build` that makes it, and imports Keras there alone.
"""

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Callable
from typing import Annotated, Literal

_PARTS = {}


@dataclasses.dataclass(frozen=True)
class Range:
    """What a field may hold, beside its type: `says` in words, `holds` of a value that is not None."""

    says: str
    holds: Callable = dataclasses.field(repr=False)


class _Rhythm:
    """Marks a field that a run may change when it goes on."""


RHYTHM = _Rhythm()
Count = Annotated[int, Range("at least 1", lambda value: value >= 1)]
Whole = Annotated[int, Range("at least 0", lambda value: value >= 0)]
Positive = Annotated[float, Range("above 0", lambda value: 0 < value < math.inf)]
NonNegative = Annotated[float, Range("at least 0", lambda value: 0 <= value < math.inf)]
Counts = Annotated[
    tuple[int, ...], Range("one or more numbers of at least 1", lambda value: bool(value) and min(value) >= 1)
]
Levels = Annotated[int, Range("2 to 256", lambda value: 2 <= value <= 256)]
Share = Annotated[float, Range("at least 0 and below 1", lambda value: 0 <= value < 1)]


@typing.dataclass_transform(frozen_default=True)
def part(cls=None, *, kw_only=False):
    """Makes a class a frozen dataclass whose name stands for it in JSON."""

    def register(cls):
        if cls.__name__ in _PARTS:
            raise ValueError(f"a part must have a name of its own. Received a second {cls.__name__}")
        _PARTS[cls.__name__] = dataclasses.dataclass(frozen=True, kw_only=kw_only)(cls)
        return _PARTS[cls.__name__]

    return register if cls is None else register(cls)


def named(name):
    """The part called `name`.

    Raises:
      ValueError: naming those that there are.
    """
    if name not in _PARTS:
        raise ValueError(f"type must be one of {', '.join(_PARTS)}. Received: {name!r}")
    return _PARTS[name]


def name_of(value):
    """The name that `named` finds the class of a part by."""
    return next(name for name, kind in _PARTS.items() if kind is value.__class__)


def check(preset):
    """Raises ValueError if a value of `preset` is of another type or out of its range, whatever the family."""
    for name, (value, annotation) in _annotated(preset).items():
        if not _fits(value, annotation):
            raise ValueError(f"{name} must be {_in_words(annotation)}. Received: {value!r}")
        for limit in _marks(annotation, Range):
            if value is not None and not limit.holds(value):
                raise ValueError(f"{name} must be {limit.says}. Received: {value!r}")


def rhythm(preset):
    """Dotted names of the fields of `preset` that a run may change when it goes on."""
    return {name for name, (_, annotation) in _annotated(preset).items() if _marks(annotation, _Rhythm)}


def leaves(value):
    """Dotted field names and values of nested parts: `{"loss.penalty_weight": 0.1, ...}`; a part is its name."""
    return {name: name_of(item) if _is_part(item) else item for name, (item, _) in _annotated(value).items()}


def replaced(value, field, new):
    """`value` with another value in the dotted `field`."""
    name, _, rest = field.partition(".")
    return dataclasses.replace(value, **{name: replaced(getattr(value, name), rest, new) if rest else new})


def differences(there, now, may_change=()):
    """What two dictionaries of fields differ in, but for those that `may_change`: "seed: 0 there, 1 now; ..." or ""."""
    changed = [k for k in sorted(there.keys() | now.keys()) if there.get(k) != now.get(k) and k not in may_change]
    return "; ".join(f"{key}: {there.get(key)} there, {now.get(key)} now" for key in changed)


def to_dict(value):
    """A preset as JSON-ready nested dictionaries; the name of each part stands under "type"."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.compare}
    nested = {name: to_dict(item) if _is_part(item) else item for name, item in fields.items()}
    return {"type": name_of(value), **nested}


def from_dict(value):
    """The preset that `to_dict` wrote.

    Raises:
      ValueError: naming an unknown type or field, or a value that `check` refuses.
    """
    preset = _part_of(value)
    check(preset)
    return preset


def _part_of(value):
    fields = {name: _from_json(item) for name, item in value.items() if name != "type"}
    kind = named(value.get("type"))
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"{kind.__name__} does not take these fields: {error}") from error


def _from_json(value):
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    return _part_of(value) if isinstance(value, dict) else value


def _is_part(value):
    return value.__class__ in _PARTS.values()


def _annotated(value, prefix=""):
    """Dotted names of all fields, those of parts after their part's -> value and annotation. What is not compared, such
    as the sources, is no field of the experiment."""
    found, hints = {}, typing.get_type_hints(value.__class__, include_extras=True)
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.compare:
            found[f"{prefix}{field.name}"] = item, hints[field.name]
            if _is_part(item):
                found.update(_annotated(item, f"{prefix}{field.name}."))
    return found


def _marks(annotation, kind):
    """Marks of a kind in an annotation, also in those that it is a union of."""
    own = [mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, kind)]
    return own + [mark for inner in typing.get_args(annotation) for mark in _marks(inner, kind)]


_NUMBERS = {int: numbers.Integral, float: numbers.Real}
_WORDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", types.NoneType: "None"}


@typing.runtime_checkable
class _Builds(typing.Protocol):
    """A part that stands for something of Keras."""

    def build(self, *arguments): ...


def _fits(value, annotation):
    """Whether a value is of the type that an annotation names; a whole number is a number, and a truth is none."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _fits(value, inner[0])
    if origin is Literal:
        return value in inner
    if origin is tuple:
        many = inner[-1] is ...
        if not isinstance(value, tuple) or not (many or len(value) == len(inner)):
            return False
        return all(map(_fits, value, inner[:1] * len(value) if many else inner))
    if inner:
        return any(_fits(value, one) for one in inner)
    if issubclass(annotation, _Builds):  # an optimizer that a preset does not offer may stand for one that it does
        return _is_part(value) and isinstance(value, _Builds)
    return isinstance(value, _NUMBERS.get(annotation, annotation)) and (annotation is bool) == isinstance(value, bool)


def _in_words(annotation):
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _in_words(inner[0])
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return (
            f"a list of which each is {_in_words(inner[0])}" if inner[-1] is ... else f"a list of {len(inner)} values"
        )
    return " or ".join(map(_in_words, inner)) if inner else _WORDS.get(annotation, annotation.__name__)
