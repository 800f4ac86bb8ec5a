"""Preset to trained run: what is built of a preset, the run directory, training into it."""
