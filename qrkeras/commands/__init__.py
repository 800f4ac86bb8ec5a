"""The verbs of the `qrkeras` command, as functions that tyro reads; TensorFlow is imported when one is called."""

from qrkeras.commands.documented import documented
from qrkeras.commands.drawing import contours, inpaint, plot, reconstruct, sample
from qrkeras.commands.measuring import calibration, coverage, evaluate, latents
from qrkeras.commands.serving import export, serve
from qrkeras.commands.training import demo, presets, rebuild, train
from qrkeras.commands.tuning import tune

VERBS = {
    verb.__name__: documented(verb)
    for verb in (
        presets,
        train,
        tune,
        sample,
        inpaint,
        reconstruct,
        latents,
        evaluate,
        calibration,
        export,
        serve,
        plot,
        coverage,
        contours,
        demo,
        rebuild,
    )
}
