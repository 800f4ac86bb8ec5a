"""Mutants of losses/."""

from tests.support.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "one interpolation fraction a batch",
        "qrkeras/losses/penalties.py",
        "e = ops.reshape(fractions, (-1,)",
        "e = ops.reshape(0.0 * fractions + fractions[0], (-1,)",
        "tests/models/test_gan_step.py",
    ),
    Mutant(
        "own: IWAE averages logs",
        "qrkeras/losses/bounds.py",
        "return s + 1, ops.logaddexp(log_sum, log_weight(s))",
        "return s + 1, ops.maximum(log_sum, log_weight(s))",
        "tests/models/test_vae.py",
    ),
    Mutant(
        "own: Hinge's margin",
        "qrkeras/losses/adversarial.py",
        "ops.relu(1.0 + fake_outputs)",
        "ops.relu(fake_outputs)",
        "tests/losses/test_adversarial.py",
    ),
    Mutant(
        "own: L1-square without its half",
        "qrkeras/losses/penalties.py",
        "ops.square(0.5 * size - norm_target)",
        "ops.square(size - norm_target)",
        "tests/losses/test_adversarial.py",
    ),
    Mutant(
        "own: infinite fake target has the real one's slope",
        "qrkeras/losses/adversarial.py",
        "return (1.0 - self.fractions) * means",
        "return self.fractions * means",
        "tests/losses/test_adversarial.py",
    ),
    Mutant(
        "own: the second batch has the first one's target",
        "qrkeras/losses/mixed.py",
        "self._distance(second, 1.0 - share)",
        "self._distance(second, share)",
        "tests/losses/test_mixed.py",
    ),
    Mutant(
        "own: mixture: coefficients without tanh",
        "qrkeras/losses/mixture_likelihood.py",
        "[ops.tanh(part) for part in rest[2 * colours :]]",
        "list(rest[2 * colours :])",
        "tests/losses/test_mixture_likelihood.py",
    ),
    Mutant(
        "own: mixture: seen colours do not turn the weights",
        "qrkeras/losses/mixture_likelihood.py",
        "log_weights = log_weights - mixture.nats(found, colour - 1)",
        "pass",
        "tests/losses/test_mixture_likelihood.py",
    ),
    Mutant(
        "own: AGAVE: a mean is cut",
        "qrkeras/losses/auxiliary.py",
        "axis=(2, 4)) + 0.5)",
        "axis=(2, 4)))",
        "tests/losses/test_auxiliary.py",
    ),
    Mutant(
        "own: AGAVE: coarse levels centred as fine ones",
        "qrkeras/losses/auxiliary.py",
        "(bin_width - 1) / 255.0 - 1.0",
        "-1.0",
        "tests/losses/test_auxiliary.py",
    ),
]
