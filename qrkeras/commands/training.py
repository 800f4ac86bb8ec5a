"""Verbs that train: what there is, one run, the demonstration, a feature network."""

import pathlib
import sys
from typing import Annotated, Literal

import tyro

from qrkeras import presets as preset_table
from qrkeras.commands.documented import documented
from qrkeras.families.parts import name_of
from qrkeras.machine.quiet import load_keras

Positional = tyro.conf.Positional


def presets(name: Positional[str | None] = None, /):
    """List the presets, or every value of one with the table it comes from.

    Args:
      name: a preset, or a file of one: best.json of a sweep; leave it out for the list.
    """
    from rich.console import Console
    from rich.table import Table

    if name is None:
        table = Table("preset", "data", "network", "objective", "steps", box=None, pad_edge=False)
        for key, preset in preset_table.PRESETS.items():
            network = name_of(preset.network)
            table.add_row(key, preset.data.name, network, preset.objective, f"{preset.steps:,}")
    else:
        preset = preset_table.get(name)
        table = Table("field", "value", "source", box=None, pad_edge=False)
        for field, value in preset_table.leaves(preset).items():
            table.add_row(field, str(value), preset_table.citation(preset, field))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def train(arguments):
    """Train a preset; the same command again goes on where it stopped."""
    if not arguments or arguments[0].startswith("-"):
        if {"-h", "--help"} & set(arguments):
            print(
                "usage: qrkeras train PRESET [OPTIONS]\n\n"
                "Trains a preset into a run directory; the same command again goes on where it stopped.\n"
                "`qrkeras presets` lists the presets, `qrkeras train PRESET --help` every option with its default.\n\n"
                "  qrkeras train qrgan-grid25\n"
                "  qrkeras train qrgan-cifar10 --steps 20000 --loss.penalty-weight 1.0\n"
                "  qrkeras train qrgan-cifar10 --data.name folder:my-images --run-dir runs/mine"
            )
            return
        raise ValueError("PRESET must come first: qrkeras train PRESET [OPTIONS]. `qrkeras presets` lists them.")
    name = arguments[0]
    default = preset_table.get(name)

    def options(
        preset: Annotated[type(default), tyro.conf.arg(name="")] = default,
        seed: int = 0,
        run_dir: pathlib.Path | None = None,
        devices: int | Literal["all"] = 1,
    ):
        """Train a preset; the same command again goes on where it stopped.

        Args:
          seed: of weights, noise and order of data.
          run_dir: where to report and save; None: runs/PRESET-SEED.
          devices: how many of this machine's GPUs share every batch, or all; a run may go on with another number.
        """
        load_keras()
        from qrkeras.experiments.train import train as run

        run(pathlib.Path(name).stem, preset, seed, run_dir, devices=devices)

    tyro.cli(
        documented(options), args=arguments[1:], prog=f"qrkeras train {name}", config=(tyro.conf.AvoidSubcommands,)
    )


def demo(directory: pathlib.Path = pathlib.Path("runs/demo"), seed: int = 1, steps: int = 20_000, workers: int = 2):
    """Three GANs on Grid-25: train, count modes, draw, export, and sample the export with plain TensorFlow.

    Args:
      directory: folder of the runs, the picture and the export.
      seed: of weights and noise.
      steps: generator updates of each; None: the presets'.
      workers: processes of one thread each.
    """
    from qrkeras import demo as verb

    verb.demo(directory, seed, steps, workers)


def rebuild(
    name: Positional[str], /, data_dir: pathlib.Path | None = None, output: pathlib.Path | None = None, seed: int = 0
):
    """Train a shipped feature network anew, and print its accuracy on held-out images.

    Args:
      name: digits-cnn (half a minute) or cifar10-cnn (an hour on two cores).
      data_dir: folder of TFDS data; None: TFDS's default.
      output: .npz file; None: the package's own file, which figures are then measured with.
      seed: of weights, order and augmentation.
    """
    from qrkeras import rebuild as verb

    verb.rebuild(name, data_dir, output, seed, verbose=1 if sys.stdout.isatty() else 2)
