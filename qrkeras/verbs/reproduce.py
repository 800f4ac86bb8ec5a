"""`qrkeras reproduce`: the papers' claims, tried over seeds."""

import dataclasses
import json
import math
import pathlib
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from qrkeras.experiments import directories
from qrkeras.verbs import tables

Name = Annotated[Positional[str | None], arg(metavar="[CLAIM]", help_behavior_hint="")]


def reproduce(
    claim: Name = None,
    /,
    scale: Literal["small", "paper"] = "small",
    seeds: int | None = None,
    workers: int = 2,
    runs_dir: pathlib.Path = pathlib.Path("runs/claims"),
    output: pathlib.Path | None = None,
):
    """List the papers' claims; of one: train what it needs over seeds, measure, and say whether it holds.

    An order holds if the 95% interval of the difference of means over seeds (Welch) lies on its side of 0, fails if it
    lies on the other, and else is not decided. The same command again goes on where it stopped, and nothing is trained
    twice. Figures of one seed decide nothing.

    Args:
      claim: Name of a claim; leave it out for the list.
      scale: How large it is run. paper: as the paper does, for those who have GPUs. small: what two cores finish.
      seeds: Number of seeds, 0 to seeds - 1; None: the claim's own.
      workers: Number of trainings at a time, processes of one thread each.
      runs_dir: Folder of the runs; claims share it.
      output: Path without ending, of .md, .json and .png; None: RUNS_DIR/CLAIM-SCALE.
    """
    from qrkeras import families
    from qrkeras.claims import reproduced, searched

    if claim is None:
        return tables.lines(_list())
    found = families.claim(claim)
    if scale not in found.scales:
        raise ValueError(f"scale must be {' or '.join(found.scales)} for {claim}. Received: {scale}")
    size = found.scales[scale]
    seeds = size.seeds if seeds is None else seeds
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: {seeds}")
    output = output or runs_dir / f"{claim}-{scale}"
    paths = directories.outputs(output, (".md", ".json", ".png"))
    chosen = searched.search(found, size, workers, runs_dir) if size.search else None
    arms = reproduced.arms(found, chosen.scale if chosen else size, seeds, runs_dir)
    reproduced.train(arms, workers, runs_dir)
    result = dataclasses.replace(reproduced.measure(found, size, arms), searched=chosen)
    command = f"qrkeras reproduce {claim}" + (" --scale paper" if scale == "paper" else "")
    command += f" --seeds {seeds}" if seeds != size.seeds else ""
    shown = text(result, command)
    with tables.not_lost(shown):
        output.parent.mkdir(parents=True, exist_ok=True)
        paths[".md"].write_text(shown + f"\n![{found.says}]({paths['.png'].name})\n")
        paths[".json"].write_text(json.dumps(record(result), indent=1, allow_nan=False) + "\n")
        _draw(result, paths[".png"])
    return [shown, *paths.values()]


def text(result, command):
    """What came out, in Markdown."""
    claim, scale = result.claim, result.scale
    seeds = len(result.arms[0].paths)
    lines = [f"# {claim.says}", "", f"{claim.source}. By `{command}`, {seeds} seed(s): **{result.says}**.", ""]
    if scale.says:
        lines += [scale.says, ""]
    published = f"paper: {claim.protocol}" if claim.published else ""
    columns = ["", "steps", *(_heading(measure) for measure in claim.measures), *([published] if published else [])]
    lines += [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for arm in result.arms:
        cells = [arm.name, f"{arm.preset.steps:,}"]
        cells += [_cell(result.values[measure.name].get(arm.name), measure.digits) for measure in claim.measures]
        cells += [f"{claim.published[arm.name]:g}" if arm.name in claim.published else ""] if published else []
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_diverged(result)]
    lines += ["| expected | by | gain beyond what is asked, 95% interval | seeds | |", "|---|---|---|---|---|"]
    for order, verdict in zip(claim.orders, result.verdicts, strict=True):
        interval = f"{verdict.gain:.3g}, "
        interval += f"{verdict.low:.3g} to {verdict.high:.3g}" if math.isfinite(verdict.low) else "none"
        agree, of = verdict.seeds
        lines.append(f"| {_expected(order)} | {order.measure} | {interval} | {agree} of {of} | {verdict.says} |")
    lines += _searched(result)
    numbers = "`--seed 0`" if seeds == 1 else f"`--seed` 0 to {seeds - 1}"
    lines += ["", f"Each run by one of these, with {numbers}:", ""]
    lines += ["```", *(arm.command for arm in result.arms), "```"]
    return "\n".join(lines) + "\n"


def record(result):
    """What came out, JSON-ready."""
    return {
        "claim": result.claim.name,
        "says": result.says,
        "seeds": len(result.arms[0].paths),
        "values": _figures(result.values),
        "diverged": {arm: why for arm, why in result.diverged.items() if why},
        "orders": [
            {"better": order.better, "than": order.than, "measure": order.measure, "by": order.by, "sense": order.sense,
             "seeds": verdict.seeds,
             "gain": _finite([verdict.gain])[0], "interval": _finite([verdict.low, verdict.high]), "says": verdict.says}
            for order, verdict in zip(result.claim.orders, result.verdicts, strict=True)
        ],
        "searched": _search_record(result.searched),
    }  # fmt: skip


def _search_record(searched):
    """What a search found, JSON-ready; None where nothing was searched."""
    if searched is None:
        return None
    return {"best": searched.best, "values": {said: _figures(found) for said, found in searched.values.items()}}


def _figures(values):
    """Measure -> arm -> figures, JSON-ready."""
    return {name: {arm: _finite(each) for arm, each in by_arm.items()} for name, by_arm in values.items()}


def _cell(values, digits):
    return "" if values is None else tables.spread(values, digits)


def _expected(order):
    """An order in words."""
    than = order.than if isinstance(order.than, str) else f"{order.than:g}"
    if order.by < 0:
        return f"{order.better} at most {-order.by:g} worse than {than}"
    least = f" by at least {order.by:g}" if order.by else ""
    return f"{order.better} {order.sense or 'better'} than {than}{least}"


def _diverged(result):
    """Which runs diverged, in lines that end with an empty one; none where none did."""
    lines = [
        f"* {arm}, seed {seed}, diverged: {why}."
        for arm, of_seeds in result.diverged.items()
        for seed, why in of_seeds.items()
    ]
    return [*lines, ""] if lines else []


def _searched(result):
    """What a search tried for each arm, in lines; none where nothing was searched."""
    if result.searched is None:
        return []
    search, values = result.scale.search, result.searched.values
    arms = [arm.name for arm in result.arms]
    measures = [result.claim.measure(name) for name in search.by]
    lines = [
        "",
        f"Searched alike for every method, {search.seeds} seed(s) of its own for each setting, in the order of "
        f"{', then '.join(search.by)}; the bold ones stand above:",
        "",
        f"| setting | {' | '.join(arms)} |",
        "|---" * (1 + len(arms)) + "|",
    ]
    for said, found in values.items():
        cells = ["; ".join(_cell(found[each.name][arm], each.digits) for each in measures) for arm in arms]
        cells = [f"**{cell}**" if result.searched.best[arm] == said else cell for arm, cell in zip(arms, cells)]
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return lines


def _finite(values):
    return [value if math.isfinite(value) else None for value in values]


def _heading(measure):
    return measure.name if measure.over == "last" else f"{measure.name}, best over training"


def _draw(result, path):
    from qrkeras import pictures

    claim = result.claim
    over_training = any(len(pairs) > 1 for of_seeds in result.curves.values() for pairs in of_seeds)
    if claim.against or not over_training:
        pictures.spread_against(result.values, claim.against, claim.at, path)
    else:
        pictures.spread_curves(result.curves, claim.measures[0].name, path)


def _list():
    from rich.table import Table

    from qrkeras.families import CLAIMS

    table = Table("claim", "says", "source", "runs, small", box=None, pad_edge=False)
    for claim in CLAIMS.values():
        small = claim.scales.get("small")
        table.add_row(claim.name, claim.says, claim.source, str(small.num_runs(len(claim.arms))) if small else "")
    return table
