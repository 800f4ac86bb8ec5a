"""A good request, of three rows, for every signature of the models that tests serve."""

import numpy as np


def good_requests(models):
    """Returns: `{(kind, signature): {input: array}}`; the rows differ."""
    rng = np.random.default_rng(0)
    rows = 3
    requests = {}
    for kind, model in models.items():
        shape = model.example_shape
        images = rng.integers(0, 256, (rows, *shape)).astype("uint8")
        mask = rng.integers(0, 2, (rows, *shape[:-1])).astype("uint8")
        seed = np.stack([np.full(rows, 5), np.arange(rows)], axis=1).astype("int32")
        label = {"label": np.array([3, 0, 2], "int32")} if kind == "classes" else {}
        requests |= {(kind, name): {"seed": seed, **label} for name in ("sample", "serving_default")}
        if kind == "points":
            requests[kind, "realism"] = {"samples": rng.standard_normal((rows, *shape)).astype("float32")}
            continue
        requests[kind, "sample_png"] = {"seed": seed, **label}
        if kind != "pixels":
            requests[kind, "realism" if kind == "images" else "score"] = {"images": images, **label}
        if kind == "latents":
            requests |= {(kind, "sample_prior"): {"seed": seed}, (kind, "reconstruct"): {"images": images}}
        if kind in ("pixels", "classes"):
            requests[kind, "inpaint"] = {"images": images, "mask": mask, "seed": seed, **label}
        if kind == "pixels":
            tau = np.array([0.1, 0.5, 0.9], "float32")
            requests[kind, "inpaint_quantile"] = {"images": images, "mask": mask, "tau": tau}
    return requests
