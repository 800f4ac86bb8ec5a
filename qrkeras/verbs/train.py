"""`qrkeras train`: one preset into one run directory."""

import pathlib
from typing import Annotated, Literal

import tyro

from qrkeras.machine.quiet import load_keras
from qrkeras.verbs.documented import documented

USAGE = """\
usage: qrkeras train PRESET [OPTIONS]

Trains a preset into a run directory; the same command again goes on where it stopped.
`qrkeras presets` lists the presets, `qrkeras train PRESET --help` every option with its default.

  qrkeras train qrgan-grid25
  qrkeras train qrgan-cifar10 --steps 20000 --loss.penalty-weight 1.0
  qrkeras train qrgan-cifar10 --data.name folder:my-images --run-dir runs/mine"""


def train(arguments):
    """Train a preset; the same command again goes on where it stopped.

    Args:
      arguments: Words of the command line, the preset first, whose fields are the options.
    """
    if not arguments or arguments[0].startswith("-"):
        if {"-h", "--help"} & set(arguments):
            return [USAGE]
        raise ValueError("PRESET must come first: qrkeras train PRESET [OPTIONS]. `qrkeras presets` lists them.")
    name, *rest = arguments
    tyro.cli(command(name), args=rest, prog=f"qrkeras train {name}", config=(tyro.conf.AvoidSubcommands,))


def command(name):
    """The function behind `qrkeras train NAME`, which takes the fields of that preset."""
    from qrkeras import presets

    default = presets.get(name)

    def options(
        preset: Annotated[type(default), tyro.conf.arg(name="")] = default,
        seed: int = 0,
        run_dir: pathlib.Path | None = None,
        devices: int | Literal["all"] = 1,
    ):
        """Train a preset; the same command again goes on where it stopped.

        Args:
          seed: Seed of weights, noise and data order.
          run_dir: Run directory, where training reports and saves; None: runs/PRESET-SEED.
          devices: Number of this machine's GPUs that share every batch, or all: with those of the other machines that
            TF_CONFIG or Slurm name, on each of which the same is called. A run may go on with another number.
        """
        load_keras()
        from qrkeras.experiments import train

        train.train(pathlib.Path(name).stem, preset, seed, run_dir, devices=devices)

    return documented(options)
