"""VQ-VAEs  (van den Oord et al. 2017).

qrkeras train vqvae-digits
qrkeras train vqvae-cifar10
"""

from qrkeras.families.optimizers import Adam
from qrkeras.families.papers import Published
from qrkeras.families.pixels.schema import GatedPixelCnn
from qrkeras.families.preset import AS_PIXELIQN, SILENT, Data, made_small
from qrkeras.families.vqvae.schema import ResidualVae, VqVaePreset

CITED = "VQ-VAE, Section 4.1"
SOURCES = {
    **SILENT,
    **AS_PIXELIQN,
    "data": CITED,
    "data.image_size": f"{CITED}: 32 x 32",
    "network": f"{CITED}: two layers of stride 2, two residual blocks, 256 units",
    "network.code_dim": "Choice: 64, as the authors' code",
    "num_codes": "VQ-VAE, Section 4.2: K = 512, of ImageNet",
    "prior": "VQ-VAE, Section 3.3: a PixelCNN of the codes; Choice: the sizes, which the paper does not name",
    "optimizer": f"{CITED}: Adam, 2e-4; the rest Keras' defaults",
    "prior_optimizer": "Choice: as PixelCNN's on digits, for a prior that follows codes while they form",
    "commitment": "VQ-VAE, Section 3.2: 0.25",
    "levels": "Choice: grey levels of uint8",
    "batch_size": f"{CITED}: 128",
    "steps": f"{CITED}: 250,000",
}
CIFAR10 = VqVaePreset(
    data=Data("cifar10", 32),
    network=ResidualVae(code_dim=64, width=256, hidden_layers=2, residual_blocks=2),
    num_codes=512,
    prior=GatedPixelCnn(blocks=10, kernel_size=3, planes=128, output_planes=512),
    optimizer=Adam(2e-4),
    prior_optimizer=Adam(1e-3),
    batch_size=128,
    steps=250_000,
    log_every=100,
    sample_every=5_000,
    checkpoint_every=1_000,
    steps_per_execution=1,
    evaluate_every=25_000,
    evaluate_samples=10_000,
    evaluate_references=10_000,
    sources=SOURCES,
)
SMALL = ("data", "data.image_size", "network", "network.code_dim", "num_codes", "prior")
SMALL += ("optimizer", "batch_size", "evaluate_every", "evaluate_samples")
DIGITS = made_small(
    CIFAR10,
    SMALL,
    {
        "steps": "Choice: after more, held-out digits cost more bits (docs/results/vae.md)",
        "levels": "Choice: those of the data",
    },
    data=Data("digits"),
    network=ResidualVae(code_dim=16, width=64, hidden_layers=1, residual_blocks=2),
    num_codes=64,
    prior=GatedPixelCnn(blocks=4, kernel_size=3, planes=48, output_planes=128),
    optimizer=Adam(1e-3),
    levels=17,
    batch_size=64,
    steps=1_000,
    sample_every=500,
    evaluate_every=500,
    evaluate_samples=2_000,
    evaluate_features="digits-cnn",
)
PRESETS = {"vqvae-digits": DIGITS, "vqvae-cifar10": CIFAR10}
PUBLISHED = {
    "vqvae-digits": Published("Choice: VQ-VAE's networks made small, for minutes on a laptop"),
    "vqvae-cifar10": Published(CITED, "bits per dimension 4.67, of a number of codes that is not named"),
}
