"""`qrkeras latents`: the codes of training images beside what a model draws in their place, one by one and jointly."""

import dataclasses
import pathlib

import numpy as np

from qrkeras.verbs import tables
from qrkeras.verbs.arguments import Run

HELD_OUT = "held-out codes"


def latents(run: Run, /, samples: int = 10_000, seed: int = 0, output: pathlib.Path | None = None):
    """Compare the codes of training images with latents drawn through AIQN and prior: W1 of each, MMD of all.

    The last row compares the codes of held-out images: the floor.

    Args:
      run: Run directory of a VAE or AIQN-VAE.
      samples: Number of latents drawn, and of codes if there are as many images.
      seed: Seed of the latents that are drawn.
      output: PNG of histograms to write; None: RUN/latents.png.
    """
    from qrkeras.experiments import directories, runs

    opened = runs.load(run)
    output = output or opened.path / "latents.png"
    directories.check_file(output, ".png")
    comparison = compare(opened, samples, seed)
    shown = table(comparison)
    with tables.not_lost(shown):
        draw(comparison, output)
    return [shown, output]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Codes e(x) of training images `(n, latent_dim)`, and by name what stands against them: latents drawn through
    each of the model's ways, and the codes of held-out images, the floor."""

    codes: np.ndarray
    others: dict[str, np.ndarray]

    def wasserstein(self):
        """name -> 1-Wasserstein distance of each latent's distribution, `(latent_dim,)`."""
        from scipy.stats import wasserstein_distance

        return {name: np.array(list(map(wasserstein_distance, x.T, self.codes.T))) for name, x in self.others.items()}

    def kernel(self):
        """name -> squared maximum mean discrepancy of all latents jointly, `metrics.KernelEstimate`."""
        from qrkeras import metrics

        return {name: metrics.kernel_distance(self.codes, x) for name, x in self.others.items()}


def compare(run, samples=10_000, seed=0):
    """`Comparison` of a run's newest model.

    Args:
      run: `Run` of a model with latents.   samples: codes and latents drawn, at most as many codes as there are images.
      seed: of the latents.
    Raises:
      ValueError: where the model has no latents, or samples are too few.
    """
    from qrkeras.experiments.train import load_model
    from qrkeras.models.abilities import HasLatents

    if samples < 2:
        raise ValueError(f"samples must be at least 2. Received: {samples}")
    model = load_model(run, able=HasLatents)
    codes, held_out = (model.encode(_images(run.preset, split, samples)) for split in ("train", "test"))
    drawn = {way: model.sample_latents(samples, seed, way=way) for way in model.WAYS}
    return Comparison(codes, {**drawn, HELD_OUT: held_out})


def table(comparison):
    """Markdown tables: distances of each latent to the training codes, then over all latents."""
    distances, codes = comparison.wasserstein(), comparison.codes
    lines = [f"| latent | mean of codes | deviation | {' | '.join(f'W1 {name}' for name in distances)} |"]
    lines.append("|---" * (3 + len(distances)) + "|")
    for i, (mean, deviation) in enumerate(zip(codes.mean(axis=0), codes.std(axis=0), strict=True)):
        cells = " | ".join(f"{each[i]:.3f}" for each in distances.values())
        lines.append(f"| {i} | {mean:.3f} | {deviation:.3f} | {cells} |")
    lines += ["", "| against training codes | samples | mean W1 | largest W1 | 1000 MMD² |", "|---|---|---|---|---|"]
    for name, estimate in comparison.kernel().items():
        mmd = f"{1000 * estimate.mean:.3g}"
        if estimate.blocks > 1:
            mmd += f" ± {1000 * estimate.standard_error:.2g}"
        each = distances[name]
        lines.append(f"| {name} | {len(comparison.others[name]):,} | {each.mean():.3f} | {each.max():.3f} | {mmd} |")
    return "\n".join(lines)


def draw(comparison, path):
    """Writes the histogram of every latent: training codes, and what stands against them."""
    from qrkeras import pictures

    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.histograms({"training codes": comparison.codes, **comparison.others}, path)


def _images(preset, split, samples):
    from qrkeras.data import take
    from qrkeras.experiments import build

    source = build.dataset(preset, split)
    return take(source, min(samples, source.size))
