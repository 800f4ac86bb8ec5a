"""Sorted digits."""

from qrkeras.families.toy.schema import ToyMlp, ToyPreset

from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.preset import Data

_FIELDS = (
    *("data", "network", "optimizer", "power", "batch_size", "steps", "log_every", "sample_every", "checkpoint_every"),
    *("steps_per_execution", "evaluate_every", "evaluate_samples", "evaluate_references", "evaluate_features"),
    *("evaluate_measures", "precision"),
)

PRESETS = {
    "toy-digits": ToyPreset(
        data=Data("digits"),
        network=ToyMlp(),
        optimizer=Adam(0.02),
        batch_size=32,
        steps=40,
        log_every=5,
        sample_every=20,
        checkpoint_every=20,
        steps_per_execution=5,
        evaluate_every=20,
        evaluate_samples=64,
        evaluate_references=200,
        evaluate_features="digits-cnn",
        sources=dict.fromkeys(_FIELDS, "Choice: a toy"),
    )
}
PUBLISHED = {"toy-digits": Published("Choice: a toy")}
