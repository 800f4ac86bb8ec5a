"""What is measured on samples."""

from qrkeras.metrics.coverage import ModeCoverage, mode_coverage

__all__ = ["ModeCoverage", "mode_coverage"]
