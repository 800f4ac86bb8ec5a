"""What refinements of VAEs are worth on digits, on equal budgets, and what the supplement claims of AIQN-VAE."""

from qrkeras.families.bounds import bounds
from qrkeras.families.claim import DISTANCES, FID, Claim, Measure, Order, Scale

ELBO = Measure("elbo", "ELBO, bits", "less")
IWAE = Measure("iwae", "IWAE, 100 samples, bits", "less")
HIERARCHIES = ("hvae", "iafvae", "hvae-uniform", "hvae-variational", "hvae-iwae")
ARMS = (*HIERARCHIES, "vae", "vqvae")

REFINEMENTS = Claim(
    "vae-refinements",
    "Flow posteriors, a hierarchy of latents, variational dequantisation and the bound of IWAE each lower a VAE's bits",
    "Lucas, Sections 2.10 and 2.12; Choice: on digits",
    ARMS,
    (IWAE, ELBO),
    (
        Order(IWAE.name, "iafvae", "hvae"),
        Order(IWAE.name, "hvae", "vae"),
        Order(IWAE.name, "hvae-variational", "hvae-uniform"),
        Order(IWAE.name, "hvae-iwae", "hvae"),
    ),
    {
        "small": Scale(
            "{arm}-digits",
            3,
            {"steps": 1_500, "evaluate_every": None},
            "Digits of 8 x 8; 1,500 steps of 64 images and no free nats for all. Bits are bits a value of the same 17 "
            "levels for every arm, means of the held-out images: of the discretised logistic, or of a Gaussian density "
            "and noise within the levels, which every sample has anew. hvae is the plain hierarchy, vae a flat VAE; "
            "vqvae has one figure, that of its codes with their prior. hvae-iwae decodes five latents an image.",
            {**{arm: {"free_nats": 0.0} for arm in HIERARCHIES[:-1]}, "vae": {"levels": 17}},
        )
    },
    measured=dict.fromkeys(ARMS, bounds),
)
AIQN = Claim(
    "aiqnvae-digits",
    "On digits, AIQN-VAE's samples are nearer to the data than those of a VAE",
    "AIQN, Supplement, of CelebA; Choice: on digits",
    ("aiqnvae", "vae"),
    DISTANCES,
    (Order(FID.name, "aiqnvae", "vae"),),
    {"small": Scale("{arm}-digits", 3, says="Digits of 8 x 8 and 4,000 steps, where the supplement has 200,000.")},
)
PAIRS = {"aiqnvae": "vae", "aiqnvae-squared": "vae-squared"}
AIQN_CIFAR10 = Claim(
    "aiqnvae-cifar10",
    "On CIFAR-10, AIQN-VAE's samples are nearer to the data than those of a VAE, with either likelihood",
    "AIQN, Supplement, of CelebA; Choice: on CIFAR-10",
    (*PAIRS, *PAIRS.values()),
    DISTANCES,
    tuple(Order(FID.name, *pair) for pair in PAIRS.items()),
    {
        "small": Scale(
            "{arm}-cifar10",
            3,
            {
                "data.image_size": 16,
                "network.hidden_layers": 2,
                "latent_dim": 128,
                "optimizer.learning_rate": 1e-3,
                "steps": 10_000,
                "evaluate_every": 5_000,
                "evaluate_features": "cifar10-cnn",
            },
            "Images of 16 x 16 and 128 latents, four times the supplement's, so that reconstructions leave room for "
            "what latents are worth; 10,000 steps at five times its rate, where the supplement has 200,000. As there, "
            "AIQN-VAE has KL weight 0.5 and latent variance 0.1, VAE 1 and 1.",
            {arm: {"aiqn.average_decay": 0.999} for arm in PAIRS},
        )
    },
)
CLAIMS = (REFINEMENTS, AIQN, AIQN_CIFAR10)
