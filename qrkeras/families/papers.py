"""The papers, and what they have of an experiment as a whole; its values cite theirs one by one."""

import dataclasses

PAPERS = {
    "QRGAN": "Quantile Regression Generative Adversarial Networks",
    "AIQN": "Autoregressive Quantile Networks for Generative Modeling (Ostrovski, Dabney and Munos 2018)",
    "IAF": "Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al. 2016)",
    "VQ-VAE": "Neural Discrete Representation Learning (van den Oord, Vinyals and Kavukcuoglu 2017)",
    "PixelCNN++": "Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications "
    "(Salimans et al. 2017)",
    "Lucas": "Lucas's thesis on generative modelling of natural images, chapters 3 (AGAVE), 4 (mixed batches and "
    "symmetric discriminators) and 5 (adaptive density estimation)",
    "CQ": "Coverage and quality driven training of generative image models (Shmelkov, Lucas, Alahari, Schmid and "
    "Verbeek), the preprint of chapter 5 of Lucas's thesis",
}


@dataclasses.dataclass(frozen=True)
class Published:
    """What is known of one preset.

    Args:
      source: where a paper describes the experiment, or "Choice: ..." of one that no paper has.
      measure, value, protocol: the figure that the paper gives, such as "minimum FID", 30.93, and how it was taken.
        Without a value `measure` says what the paper gives instead; None: nothing that is known here.
    """

    source: str
    measure: str | None = None
    value: float | None = None
    protocol: str = ""

    @property
    def figure(self):
        """The figure in words."""
        if self.measure is None:
            return "none that is known here"
        return self.measure if self.value is None else f"{self.measure} {self.value:g}, {self.protocol}"
