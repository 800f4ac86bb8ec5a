"""What happens during `fit`."""

from qrkeras.callbacks.captions import CaptionSheet
from qrkeras.callbacks.checkpoint import Checkpoint, checkpoints, load, load_latest
from qrkeras.callbacks.evaluation import Evaluation, comparable
from qrkeras.callbacks.every import EveryNSteps
from qrkeras.callbacks.log import Log, append_record
from qrkeras.callbacks.preemption import StopOnSignal
from qrkeras.callbacks.samples import MixtureSamples, SampleGrid

__all__ = [
    "CaptionSheet",
    "Checkpoint",
    "Evaluation",
    "EveryNSteps",
    "Log",
    "MixtureSamples",
    "SampleGrid",
    "StopOnSignal",
    "append_record",
    "checkpoints",
    "comparable",
    "load",
    "load_latest",
]
