"""The four methods that the paper compares, and the two QRGANs that it shows to be worse."""

import dataclasses

from qrkeras.families.gan.schema import LeastSquares, NonSaturating, Wasserstein

# Methods that are not compared in the paper's tables -> what else it says of them.
DIFFERS = {
    "qrgan-bounded": "; eq. 4: bounded targets",
    "qrgan-l2": "; Section 2.2: the penalty that saturates",
    "qrgan-no-bn": "; Section 3: without batch normalisation in the discriminator, as WGAN-GP",
}


def methods(quantile_regression, quantile_source, gradient_penalty, penalty_source):
    """Method name -> (fields of the preset, sources of those fields).

    Args:
      quantile_regression: QRGAN's loss with the table's lambda and k.   quantile_source: that table.
      gradient_penalty: WGAN-GP's coefficient.   penalty_source: its source.
    """
    without_gp = {"gradient_penalty": "not part of the method"}
    bounded = dataclasses.replace(quantile_regression, real_target=1.0, fake_target=-1.0, penalty=None)
    l2 = dataclasses.replace(quantile_regression, penalty="l2")
    return {
        "qrgan": ({"loss": quantile_regression}, {"loss": quantile_source, **without_gp}),
        "nsgan": ({"loss": NonSaturating()}, {"loss": "Goodfellow 2014", **without_gp}),
        "lsgan": ({"loss": LeastSquares()}, {"loss": "Mao 2017, targets 1 and 0", **without_gp}),
        "wgan-gp": (
            {"loss": Wasserstein(), "gradient_penalty": gradient_penalty},
            {"loss": "Arjovsky 2017; Gulrajani 2017", "gradient_penalty": penalty_source},
        ),
        "qrgan-bounded": (
            {"loss": bounded},
            {
                "loss": quantile_source,
                "loss.real_target": "QRGAN, eq. 4; Choice: 1",
                "loss.fake_target": "QRGAN, eq. 4; Choice: -1",
                "loss.penalty": "QRGAN, eq. 4: without penalty",
                "loss.pinball": "QRGAN, eq. 4; Choice: not the form of Algorithm 1",
                **without_gp,
            },
        ),
        "qrgan-l2": (
            {"loss": l2},
            {"loss": quantile_source, "loss.penalty": "QRGAN, Section 2.2, the penalty that saturates", **without_gp},
        ),
    }
