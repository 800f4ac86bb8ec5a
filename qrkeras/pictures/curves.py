"""Curves: losses and measures over training, precision against recall, reliability, histograms."""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from qrkeras.pictures.files import COLOURS, legend_below, save

LOSSES = {"adversarial_loss", "d_loss", "g_loss", "loss"}


def training_curves(records, path):
    """Writes the losses, and a KL and fed modes where there are any, against steps.

    Args:
      records: lines of metrics.jsonl.
    """
    losses = [r for r in records if LOSSES & r.keys()]
    kl = [(r["step"], r["kl"]) for r in records if "kl" in r]
    coverage = [r for r in records if "fed" in r]
    rows = 1 + bool(kl) + bool(coverage)
    figure = Figure(figsize=(7, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False, sharex=True).flat
    for name in sorted(LOSSES & losses[0].keys()) if losses else ():
        _curve(axes[0], [r["step"] for r in losses], [r[name] for r in losses], label=name, linewidth=1)
    axes[0].set_ylabel("loss")
    axes[0].legend(fontsize=8)
    if kl:
        _curve(axes[1], *zip(*kl), linewidth=1)
        axes[1].set_ylabel("KL, nats")
    if coverage:
        axis, steps = axes[rows - 1], [r["step"] for r in coverage]
        _curve(axis, steps, [r["captured"] for r in coverage], label="modes captured", linewidth=1)
        _curve(axis, steps, [r["fed"] for r in coverage], label="modes with at least 20 of 10,000", linewidth=1)
        axis.set_ylim(0, coverage[0]["modes"] * 1.05)
        axis.set_ylabel("modes")
        axis.legend(fontsize=8, loc="lower right")
    for axis in axes:
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("step")
    save(figure, path)


def loss_panels(series, path):
    """Writes losses against steps, a panel for each loss and a colour for each run, beside what they are read against.

    Args:
      series: name of a run -> pair of its records, lines of metrics.jsonl, and its references: what a value means ->
        name of the loss -> value. Infinite ones are left out, and equal ones drawn once.
    """
    names = sorted({name for records, _ in series.values() for record in records for name in LOSSES & record.keys()})
    figure = Figure(figsize=(4.6 * len(names), 3.6), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False).flat, names):
        drawn = set()
        for (run, (records, references)), colour in zip(series.items(), itertools.cycle(COLOURS)):
            told = [(r["step"], r[name]) for r in records if name in r]
            if told:
                _curve(axis, *zip(*told), color=colour, linewidth=0.8, label=run)
            for (meaning, values), style in zip(references.items(), ("--", ":")):
                value = values.get(name, np.inf)
                if np.isfinite(value) and (meaning, value) not in drawn:
                    drawn.add((meaning, value))
                    axis.axhline(value, color=colour, linestyle=style, linewidth=1)
                    place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
                    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5}
                    axis.annotate(f"{meaning} {value:.3g}", (0.99, value), **place, fontsize=7, bbox=box)
        axis.set(xlabel="step", title=name)
        axis.xaxis.set_major_locator(MaxNLocator(5))  # of five digits each
        axis.grid(alpha=0.3)
    legend_below(figure, *axis.get_legend_handles_labels(), columns=3, fontsize=7)
    save(figure, path)


def minimum_curves(series, label, path):
    """Writes measures against steps, each series' minimum marked and named  (QRGAN, Fig. 4).

    Args:
      series: name -> pairs of step and value.   label: of the measure, with its feature network.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for name, pairs in series.items():
        steps, values = zip(*pairs)
        lowest = int(np.argmin(values))
        legend = f"{name}  minimum {values[lowest]:.4g} at {steps[lowest]:,}".strip()
        (line,) = axis.plot(steps, values, label=legend, linewidth=1.2, marker=".", markersize=4)
        axis.plot(steps[lowest], values[lowest], marker="o", color=line.get_color(), markersize=7, fillstyle="none")
    axis.set(xlabel="step", ylabel=label, yscale="log")
    _plain_numbers(axis)
    axis.grid(alpha=0.3, which="both")
    legend_below(figure, *axis.get_legend_handles_labels(), columns=2)
    save(figure, path)


def _curve(axis, steps, values, **style):
    """A line; of a single value, which has none, a dot."""
    axis.plot(steps, values, marker="" if len(steps) > 1 else "o", markersize=4, **style)


def _plain_numbers(axis):
    """Ticks of a logarithmic axis say 56, where 5.6 x 10^1 is the default."""
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(LogFormatter())


def spread_curves(series, label, path):
    """Writes a measure against steps, for each series the mean over its seeds and a band of a standard deviation.

    A band ends where values do; of a single step it is a bar. The axis is logarithmic where the greatest value is
    twenty times the least or more.

    Args:
      series: name -> for each seed, pairs of step and value. A step is drawn where at least half of the seeds have a
        finite value, over those that do, so that one which diverged early hides no other.
      label: of the measure.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    finite = [value for seeds in series.values() for _, value in itertools.chain(*seeds) if np.isfinite(value)]
    least, greatest = min(finite, default=0.0), max(finite, default=0.0)
    if 0 < 20 * least <= greatest:
        axis.set_yscale("log")
        _plain_numbers(axis)
    for (name, seeds), colour in zip(series.items(), itertools.cycle(COLOURS)):
        told = {}
        for step, value in itertools.chain(*seeds):
            if np.isfinite(value):
                told.setdefault(step, []).append(value)
        steps = sorted(step for step, values in told.items() if 2 * len(values) >= len(seeds))
        mean = np.array([np.mean(told[step]) for step in steps])
        deviation = np.array([np.std(told[step], ddof=1) if len(told[step]) > 1 else 0.0 for step in steps])
        _curve(axis, steps, mean, color=colour, label=name, linewidth=1.2)
        low, high = np.clip([mean - deviation, mean + deviation], least, greatest)
        if len(steps) > 1:
            axis.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        else:
            axis.vlines(steps, low, high, color=colour, alpha=0.5, linewidth=2)
    axis.set(xlabel="step", ylabel=label)
    axis.grid(alpha=0.3)
    legend_below(figure, *axis.get_legend_handles_labels())
    save(figure, path)


def spread_against(measures, label, at, path):
    """Writes a panel for each measure against a number, means over seeds with bars of a standard deviation.

    Args:
      measures: name -> series -> values, one for each seed; those that are not finite are left out.
      label: of the number.   at: series -> number; others are drawn as levels, where they have a finite value. Without
        any each series has a place of its own, by its name.
    """
    names = list(dict.fromkeys(name for series in measures.values() for name in series))
    named, at = not at, at or {name: place for place, name in enumerate(names)}
    columns = min(3, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.9 * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    colours = dict(zip([name for name in names if name not in at], itertools.cycle(COLOURS[1:])))
    for axis, (title, series) in zip(axes, measures.items()):
        found = {name: _mean_deviation(values) for name, values in series.items()}
        placed = sorted((at[name], *found[name]) for name in found if name in at)
        if placed:
            axis.errorbar(
                *zip(*placed), fmt="o" if named else "o-", color=COLOURS[0], linewidth=1.2, markersize=4, capsize=2
            )
        for name in colours.keys() & found.keys():
            if np.isfinite(found[name][0]):
                axis.axhline(found[name][0], color=colours[name], linestyle="--", linewidth=1.2, label=name)
        axis.set(title=title, xlabel=label)
        if named:
            axis.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        axis.grid(alpha=0.3)
    for axis in axes[len(measures) :]:
        axis.set_axis_off()
    handles = {name: handle for axis in axes for handle, name in zip(*axis.get_legend_handles_labels())}
    if handles:
        legend_below(figure, handles.values(), handles.keys())
    save(figure, path)


def _mean_deviation(values):
    """Mean and standard deviation of finite values; NaN of none, 0 of one."""
    finite = np.asarray([value for value in values if np.isfinite(value)], "float64")
    if not len(finite):
        return np.nan, np.nan
    return finite.mean(), finite.std(ddof=1) if len(finite) > 1 else 0.0


def decompositions(rows, path):
    """Writes KL, reconstructions and bounds of models against their lambda  (Lucas's thesis, Fig. 3.4).

    Args:
      rows: name -> "lambda"; "kl" in nats; "pixel_bits", "auxiliary_bits", "elbo" and "iwae" in bits for a value.
    """
    told = sorted(rows.values(), key=lambda row: row["lambda"])
    panels = {
        "KL, nats an image": {"kl": "KL"},
        "reconstruction, bits a value": {"pixel_bits": "image", "auxiliary_bits": "auxiliary image"},
        "bound of the image, bits a value": {"elbo": "ELBO", "iwae": "IWAE"},
    }
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axis, (title, lines) in zip(figure.subplots(1, 3), panels.items()):
        for (field, label), colour in zip(lines.items(), COLOURS):
            axis.plot([row["lambda"] for row in told], [row[field] for row in told], "o-", color=colour, label=label)
        axis.set(title=title, xlabel="lambda")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    save(figure, path)


def precision_recall_curves(series, path):
    """Writes precision against recall for distributions  (Sajjadi 2018, Fig. 4).

    Args:
      series: name -> object with arrays `recall` and `precision`.
    """
    longest = max(map(len, series), default=0)
    figure = Figure(figsize=(max(4.2, 0.8 + 0.075 * longest), 4 + 0.2 * len(series)), layout="constrained")
    axis = figure.subplots()
    for i, (name, curve) in enumerate(series.items()):
        style = ("-", "--", ":", "-.")[i // 10 % 4]  # of ten colours
        axis.plot(curve.recall, curve.precision, style, label=name, linewidth=1.2)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    axis.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside lower center")  # however many: below, and over no curve
    save(figure, path)


def reliability(series, path):
    """Writes the fraction of values below predicted quantiles against their level, a band where values lie on them.

    Args:
      series: name -> objects with `tau`, `below` and `at_or_below`.
    """
    figure = Figure(figsize=(4.2, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    for name, levels in series.items():
        tau = [c.tau for c in levels]
        band = axis.fill_between(tau, [c.below for c in levels], [c.at_or_below for c in levels], alpha=0.3, label=name)
        middle = [(c.below + c.at_or_below) / 2 for c in levels]
        axis.plot(tau, middle, color=band.get_facecolor(), alpha=1, marker=".", linewidth=1)
    axis.set(xlabel="level tau", ylabel="fraction of values below", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, loc="upper left")
    save(figure, path)


def histograms(series, path, columns=8, bins=30):
    """Writes a panel of outlined histograms for each column of numbers, all series over one another.

    Args:
      series: name -> `(n, d)`.   columns: panels in a row.
    """
    first = next(iter(series.values()))
    columns = min(columns, first.shape[1])
    rows = -(-first.shape[1] // columns)
    figure = Figure(figsize=(1.9 * columns, 1.5 * rows + 0.6), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for i, axis in enumerate(axes):
        axis.set_axis_off() if i >= first.shape[1] else axis.set_yticks([])
    for i, axis in enumerate(axes[: first.shape[1]]):
        edges = np.linspace(*np.quantile(np.concatenate([x[:, i] for x in series.values()]), (0.001, 0.999)), bins + 1)
        for name, x in series.items():
            axis.hist(x[:, i], edges, density=True, histtype="step", linewidth=1, label=name)
        axis.set_title(str(i), fontsize=8, pad=2)
        axis.tick_params(labelsize=6)
    legend_below(figure, *axes[0].get_legend_handles_labels(), columns=len(series), fontsize=9)
    save(figure, path)
