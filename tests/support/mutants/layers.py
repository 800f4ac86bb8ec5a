"""Mutants of layers/."""

from tests.support.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "own: mask A where B belongs",
        "qrkeras/layers/colours.py",
        "inputs[:, None] < outputs if strict else inputs[:, None] <= outputs",
        "inputs[:, None] < outputs",
        "tests/layers/test_colours.py tests/networks/test_pixelcnn.py",
    ),
    Mutant(
        "own: variance not centred",
        "qrkeras/layers/normalization.py",
        "centre = ops.stop_gradient(mean)\n",
        "centre = ops.zeros_like(mean)\n",
        "tests/layers/test_normalization.py",
    ),
    Mutant(
        "own: sigma without a gradient",
        "qrkeras/layers/spectral.py",
        "return kernel / spectral_norm(kernel, u)",
        "return kernel / ops.stop_gradient(spectral_norm(kernel, u))",
        "tests/layers/test_spectral.py",
    ),
    Mutant(
        "own: Gamma starts as large as Lambda",
        "qrkeras/layers/equivariant.py",
        "self.scales = batch_size / (batch_size + 1), 1 / (batch_size + 1)",
        "self.scales = batch_size / (batch_size + 1), batch_size / (batch_size + 1)",
        "tests/layers/test_equivariant.py",
    ),
    Mutant(
        "own: PixelCNN++: u spreads from its first column",
        "qrkeras/layers/shifted.py",
        "return spread[:, :, -self.columns[0] :]",
        "return spread[:, :, : 2 * rows.shape[2]]",
        "tests/layers/test_shifted.py",
    ),
    Mutant(
        "own: PixelCNN++: no place is left out below",
        "qrkeras/layers/shifted.py",
        "        x = _cropped(x, 1, bottom)\n",
        "",
        "tests/layers/test_shifted.py",
    ),
    Mutant(
        "own: PixelCNN++: dropout without its scale",
        "qrkeras/layers/gated_residual.py",
        "ops.zeros_like(x), x / (1.0 - rate))",
        "ops.zeros_like(x), x)",
        "tests/layers/test_gated_residual.py",
    ),
    Mutant(
        "own: PixelCNN++: halves of the gate change places",
        "qrkeras/layers/gated_residual.py",
        "first * ops.sigmoid(second)",
        "second * ops.sigmoid(first)",
        "tests/layers/test_gated_residual.py",
    ),
    Mutant(
        "own: PixelCNN++: the condition does not begin at zero",
        "qrkeras/layers/gated_residual.py",
        'initializer="zeros", name="condition"',
        'initializer="ones", name="condition"',
        "tests/layers/test_gated_residual.py",
    ),
    Mutant(
        "own: VQ-VAE: the codebook's gradient reaches the encoder",
        "qrkeras/layers/quantize.py",
        "ops.square(ops.stop_gradient(features) - found)",
        "ops.square(features - found)",
        "tests/layers/test_quantize.py",
    ),
    Mutant(
        "own: captions: areas do not weigh in words",
        "qrkeras/layers/joint_attention.py",
        "seen = ops.logsumexp(matches + areas[..., None, :], axis=-1)",
        "seen = ops.logsumexp(matches, axis=-1)",
        "tests/layers/test_joint_attention.py",
    ),
    Mutant(
        "own: captions: areas that are not there",
        "qrkeras/layers/joint_attention.py",
        "ops.where(there[:, None], scores, FAR)",
        "scores",
        "tests/layers/test_joint_attention.py",
    ),
    Mutant(
        "own: captions: patches: x and y exchanged",
        "qrkeras/layers/areas.py",
        "shares(points[..., 1], height)",
        "shares(points[..., 0], height)",
        "tests/layers/test_areas.py",
    ),
    Mutant(
        "own: captions: boxes: the last row",
        "qrkeras/layers/areas.py",
        "end = ops.maximum(ops.ceil(last * cells), begin + 1)",
        "end = ops.maximum(ops.floor(last * cells), begin + 1)",
        "tests/layers/test_areas.py",
    ),
]
