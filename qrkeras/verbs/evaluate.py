"""`qrkeras evaluate`: trained runs against real images, side by side."""

import csv
import json
import math
import pathlib
from typing import Literal

from qrkeras import kinds
from qrkeras.data import known_kind
from qrkeras.experiments import directories, runs
from qrkeras.verbs import caption_rows, tables
from qrkeras.verbs.arguments import Runs

ENDINGS = (".csv", ".json", ".png", "-prd.png")
_CONTEXT = ("features", "resize", "split", "samples", "references", "held_out")


def evaluate(
    run: Runs = (),
    /,
    samples: int | None = None,
    references: int | None = None,
    features: str | None = None,
    split: Literal["train", "test"] | None = None,
    seed: int | None = None,
    best: bool = False,
    gan_train: int | None = None,
    importance_samples: int | None = None,
    output: pathlib.Path | None = None,
    devices: Literal[1, "all"] = 1,
):
    """Measure runs against real images: FID and its kin, one table; also CSV, JSON and pictures side by side.

    Captioners are measured on held-out images: BLEU, CIDEr-D and their kin, and where words look. Of the options they
    take SAMPLES and OUTPUT, and write OUTPUT.json and OUTPUT.png.

    A VAE has a row for its samples through the prior and one for its reconstructions of training images, an AIQN-VAE
    also one for samples through its AIQN. The last row measures held-out real images in place of generated ones: the
    floor. Figures carry the name of their feature network; figures from two networks, or from different numbers of
    samples or of real images, do not compare.

    Args:
      run: Run directories of images, of one data set.
      samples: Number of generated images of each run; None: as in the first run's preset (papers: 50,000). Of
        captioners the number of held-out images; None: all.
      references: Real images of each split that generated ones are compared with, at most; None: as in the first run's
        preset.
      features: Feature network: inception (a program from TF-Hub or TFHUB_CACHE_DIR: trust who filled it), cifar10-cnn,
        digits-cnn or FILE.keras (read in Keras' safe mode); None: as in the first run's preset.
      split: Split whose real images all measures but the two FIDs are taken against; None: train.
      seed: Seed of the samples' noise; None: 0.
      best: Take the best model evaluated during training, not the newest.
      gan_train: Epochs of each classifier of GAN-train and GAN-test, for generators with classes; None: without.
      importance_samples: Number of latents drawn for each held-out image's bits per dimension, the bound of IWAE; None:
        the ELBO of one.
      output: Path without ending, of .csv, .json, .png (samples) and -prd.png; None: RUN/evaluated, in the first run.
      devices: Machines that share the drawing: 1, this one, or all that TF_CONFIG or Slurm name, on each of which the
        same is called; each reads the runs, and worker 0 writes.
    """
    from qrkeras.machine import cluster, collectives, rendezvous
    from qrkeras.machine import devices as machine
    from qrkeras.verbs.rows import measure

    opened = runs.load_all(run)
    output = output or opened[0].path / "evaluated"
    if known_kind(opened[0].preset.data.name) is kinds.CAPTIONED:
        unused = {"references": references, "features": features, "gan_train": gan_train, "best": best or None}
        unused |= {"importance_samples": importance_samples, "split": split, "seed": seed}
        unused |= {"devices": None if devices == 1 else devices}
        return caption_rows.evaluated(opened, samples, output, {k: v for k, v in unused.items() if v is not None})
    split, seed = split or "train", seed or 0
    directories.outputs(output, ENDINGS)  # refused before anything is measured
    workers = cluster.found() if devices == "all" else cluster.ALONE
    rendezvous.meet(
        workers,
        _must_agree(opened, samples, references, features, split, seed, best, gan_train, importance_samples),
    )
    with collectives.watched(workers):
        strategy = None if workers == cluster.ALONE else machine.strategy(machine.choose("all"))
        rows = measure(
            opened,
            samples,
            features,
            split,
            seed,
            best,
            gan_train,
            workers.first,
            references,
            strategy,
            importance_samples,
        )
    if not workers.first:
        return []
    shown = table(rows)
    with tables.not_lost(shown):
        paths = write(rows, output)
    return [shown, *paths]


def _must_agree(opened, *options):
    """What all workers must say alike, by name."""
    from qrkeras.callbacks import checkpoints

    names = ("samples", "references", "features", "split", "seed", "best", "gan_train", "importance_samples")
    models = [path.name for run in opened for path in checkpoints(run.checkpoints)[:1]]
    return {
        **runs.agreed_versions(),
        "runs": [run.name for run in opened],
        "newest": models,
        **dict(zip(names, options)),
    }


def table(rows):
    """Markdown tables of rows: the measures, then GAN-train and GAN-test where they were asked for."""
    from qrkeras.evaluation import KEPT

    first = rows[0].measures
    name, split = first.features, first.split
    header = [
        "", "step", "samples", "references", f"FID[{name}] train", f"FID[{name}] test",
        f"1000 KID[{name}] {split}", f"IS[{name}]", "precision", "recall", "density", "coverage", "F8", "F1/8",
        "AUC",
    ]  # fmt: skip
    likelihoods = any(row.bits_per_dim is not None for row in rows)
    header += ["bits/dim test"] * likelihoods
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for row in rows:
        m = row.measures
        cells = [
            row.name,
            "" if row.step is None else f"{row.step:,}",
            f"{m.samples:,}",
            f"{m.references:,}",
            f"{m.fid_train:.4g}",
            "" if math.isnan(m.fid_test) else f"{m.fid_test:.4g}",
            _with_error(1000 * m.kid, 1000 * m.kid_error),
            _with_error(m.inception_score, m.inception_score_deviation),
            *(
                "" if math.isnan(x) else f"{x:.3f}"
                for x in (m.precision, m.recall, m.density, m.coverage, m.f8, m.f1_8, m.auc)
            ),
        ]
        if m.split != split:  # held-out images against themselves
            cells[6], cells[8:] = "", [""] * 7
        if likelihoods:
            cells.append("" if row.bits_per_dim is None else f"{row.bits_per_dim:.3f} of {row.bits_of}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        f"Features: {name} (images {first.resize}). References are the training images that FID is against; held-out "
        f"ones are {first.held_out:,}. KID, precision and recall, density and coverage, F8, F1/8 and the area "
        f"under their curve are against {split} images, at most {KEPT:,} a side.",
    ]
    if likelihoods:
        lines[-1] += (
            " Bits per dimension of held-out images; of a VAE an upper bound, the ELBO of one sample where no IWAE is "
            "named. Those of other "
            "levels, or of another dequantisation, do not compare."
        )
    scored = [row for row in rows if row.classes]
    if scored:
        lines += ["", "| | images | GAN-train | GAN-test | trained and tested on real |", "|---|---|---|---|---|"]
    for row in scored:
        c = row.classes
        lines.append(f"| {row.name} | {c.samples:,} | {c.gan_train:.3f} | {c.gan_test:.3f} | {c.real:.3f} |")
    return "\n".join(lines)


def write(rows, prefix):
    """Writes what was measured beside each other: PREFIX.csv, PREFIX.json, PREFIX.png (samples) and PREFIX-prd.png.

    Returns: the paths.
    """
    from qrkeras import pictures

    paths = directories.outputs(prefix, ENDINGS)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    records = [to_record(row) for row in rows]
    paths[".json"].write_text(json.dumps(records, indent=1, allow_nan=False) + "\n")
    with open(paths[".csv"], "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for record in records for key in record)))
        writer.writeheader()
        writer.writerows(records)
    panels = {}
    for row in rows:
        figure = (
            ""
            if row.step is None
            else f"\n{row.measures.objective} {row.measures.fid_train:.4g}\n{row.measures.counts}"
        )
        panels[row.name + figure] = row.images
    pictures.image_panels(panels, paths[".png"])
    curves = {
        f"{row.name}, against {row.measures.split}: area {row.measures.auc:.3f}": row.measures.curve
        for row in rows
        if row.measures.curve
    }
    pictures.precision_recall_curves(curves, paths["-prd.png"])
    return list(paths.values())


def to_record(row):
    """A row as flat, JSON-ready fields; what does not apply is None."""
    classes = {}
    if row.classes:
        classes = {
            "GAN-train": row.classes.gan_train,
            "GAN-test": row.classes.gan_test,
            "trained and tested on real": row.classes.real,
            "class images": row.classes.samples,
        }
    known = {"name": row.name, "step": row.step}
    known |= {field: getattr(row.measures, field) for field in _CONTEXT}
    return {**known, **row.measures.finite(), "bits_per_dim test": row.bits_per_dim, "bits of": row.bits_of, **classes}


def _with_error(value, error):
    if math.isnan(value):
        return ""
    return f"{value:.3g}" + ("" if math.isnan(error) else f" ± {error:.2g}")
