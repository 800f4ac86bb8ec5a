"""Captions of the same held-out images while training goes on."""

import pathlib

from qrkeras import pictures
from qrkeras.callbacks.every import EveryNSteps
from qrkeras.callbacks.log import append_record


class CaptionSheet(EveryNSteps):
    """Writes `step-*.png`, held-out images over what the model says of them, and what their own captions cost.

    Args:
      directory: existing folder.   records: path of metrics.jsonl.
      held_out: images with captions, a source of `qrkeras.data`.   every: steps between two sheets.
      n: images on a sheet.   measured: images whose captions are measured, in nats a word.
    """

    def __init__(self, directory, records, held_out, every, n=12, measured=200):
        super().__init__(every)
        self.directory = pathlib.Path(directory)
        self.records = records
        self.held_out = held_out
        self.n, self.measured = n, measured

    def at_step(self, step, logs):
        given = self.held_out.given(self.measured)
        images = given["images"]
        cost = self.model.nats_per_word(captions=[self.held_out.captions(i) for i in range(len(images))], **given)
        said = [beams[0][0] for beams in self.model.caption(**{k: values[: self.n] for k, values in given.items()})]
        pictures.caption_sheet(images[: self.n], said, self.directory / f"step-{step:08d}.png")
        append_record(self.records, {"step": step, "nats_per_word test": cost, "captioned": len(images)})
