"""Pictures of a sweep: the objective against each hyperparameter, and the best so far."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from qrkeras.pictures.files import COLOURS, legend_below, save

FAILED, WINNER, STANDARD = "#c8102e", "black", "#555555"


def parameters(space, rows, standard, label, path, columns=3):
    """Writes a panel for each field of `space`: the objective of every trial against its value.

    Colours are those of the first field that is a choice of names. Failed trials stand as crosses at the top edge; the
    winner is ringed, and a line is drawn where the preset's own values stand.

    Args:
      space: `Space`.   rows: `Row`s, one at least with a value.   standard: `Row` of the preset's own values, or None.
      label: of the objective.   columns: panels in a row.
    """
    fields = space.fields
    columns = min(columns, len(fields))
    down = -(-len(fields) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.2 * down + 0.5), layout="constrained")
    axes = list(figure.subplots(down, columns, squeeze=False, sharey=True).flat)
    top = _limits(axes[0], rows, standard)
    shades = _shades(space)
    for axis, field in zip(axes, fields):
        _panel(axis, space, field, rows, standard, shades, top)
    for axis in axes[len(fields) :]:
        axis.set_axis_off()
    for axis in axes[::columns]:
        axis.set_ylabel(label)
    handles = {name: handle for axis in axes for handle, name in zip(*axis.get_legend_handles_labels())}
    legend_below(figure, handles.values(), handles.keys(), columns=6)
    save(figure, path)


def best_so_far(rows, standard, label, path):
    """Writes the objective of every trial, in the order of their numbers, and the smallest so far.

    Args: as of `parameters`.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    top = _limits(axis, rows, standard)
    numbers = {row.trial: number for number, row in enumerate(rows)}
    scored = [row for row in rows if row.value is not None]
    failed = [row for row in rows if row.status == "failed"]
    at = [numbers[row.trial] for row in scored]
    lowest = np.minimum.accumulate([row.value for row in scored])
    axis.scatter(at, [row.value for row in scored], s=10, color=COLOURS[0], alpha=0.45, linewidths=0, label="trial")
    axis.step([*at, len(rows)], [*lowest, lowest[-1]], where="post", color="black", linewidth=1.3, label="best so far")
    _crosses(axis, [numbers[row.trial] for row in failed], top)
    _standard_line(axis, standard)
    winner = min(scored, key=lambda row: row.value)
    place = numbers[winner.trial] / len(rows)
    axis.annotate(
        f"trial {winner.trial}: {winner.value:.4g}",
        (numbers[winner.trial], winner.value),
        xytext=(0, -14),
        textcoords="offset points",
        ha="left" if place < 0.15 else "right" if place > 0.85 else "center",
        fontsize=8,
    )
    _ring(axis, numbers[winner.trial], winner.value)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="trial", ylabel=label, xlim=(-0.02 * len(rows), 1.02 * len(rows)))
    axis.grid(alpha=0.3, which="both")
    legend_below(figure, *axis.get_legend_handles_labels(), columns=6)
    save(figure, path)


def _panel(axis, space, field, rows, standard, shades, top):
    ranges = [parameter.range for parameter in space.parameters if parameter.field == field]
    choices = list(dict.fromkeys(v for each in ranges for v in each.values))
    spread = dict(zip((row.trial for row in rows), np.random.default_rng(0).uniform(-0.22, 0.22, len(rows))))

    def place(row):
        value = row.values[field]
        return choices.index(value) + spread.get(row.trial, 0.0) if choices else value

    known = [row for row in rows if field in row.values]
    for name, (colour, belongs) in shades.items():
        mine = [row for row in known if belongs(row) and row.value is not None]
        axis.scatter(
            [place(row) for row in mine], [row.value for row in mine], s=12, color=colour, alpha=0.6, linewidths=0,
            label=name,
        )  # fmt: skip
    _crosses(axis, [place(row) for row in known if row.status == "failed"], top)
    _standard_line(axis, standard)
    winner = min((row for row in known if row.value is not None), key=lambda row: row.value)
    _ring(axis, place(winner), winner.value)
    if choices:
        names = [f"{value:g}" if isinstance(value, float) else str(value) for value in choices]
        axis.set_xticks(range(len(choices)), names, fontsize=8, rotation=30 if len(choices) > 5 else 0)
        axis.set_xlim(-0.6, len(choices) - 0.4)
    else:
        low, high = min(each.low for each in ranges), max(each.high for each in ranges)
        if any(each.log for each in ranges):
            axis.set_xscale("log")
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.set_xlim(low / 1.2, high * 1.2)
        else:
            margin = 0.03 * (high - low)
            axis.set_xlim(low - margin, high + margin)
    axis.set_xlabel(field)
    axis.grid(alpha=0.3, axis="y", which="both")


def _shades(space):
    """Name -> colour, and which rows have it."""
    named = [p for p in space.parameters if p.range.values and isinstance(p.range.values[0], str)]
    if not named:
        return {"trial": (COLOURS[0], lambda row: True)}
    field, names = named[0].field, named[0].range.values
    return {
        name: (colour, lambda row, name=name: row.values.get(field) == name)
        for name, colour in zip(names, itertools.cycle(COLOURS))
    }


def _limits(axis, rows, standard):
    """Sets the objective's axis, and returns where failed trials stand on it: a bad trial does not press the others
    flat where values are above 0, which the Frechet distance is and the kernel distance need not be."""
    values = [row.value for row in [*rows, *([standard] if standard else [])] if row.value is not None]
    low, high = min(values), max(values)
    if low > 0:
        axis.set_yscale("log")
        span = max(high / low, 1.1)
        axis.set_ylim(low / span**0.08, high * span**0.12)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}" if span < 20 else NullFormatter())
        return high * span**0.06
    span = high - low or 1.0
    axis.set_ylim(low - 0.08 * span, high + 0.12 * span)
    return high + 0.06 * span


def _crosses(axis, at, top):
    if at:
        axis.scatter(at, [top] * len(at), s=18, marker="x", color=FAILED, linewidths=1, label="failed")


def _standard_line(axis, standard):
    if standard is not None and standard.value is not None:
        axis.axhline(standard.value, color=STANDARD, linewidth=1, linestyle="--", label="preset's own values")


def _ring(axis, x, y):
    axis.scatter([x], [y], s=70, facecolors="none", edgecolors=WINNER, linewidths=1.4, label="winner", zorder=3)
