"""What a server takes on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    max_batch: int = 64
    """Rows that run together, and the most that one request may have; 1: every row alone."""
    max_delay_ms: float = 0.0
    """Milliseconds that a request waits for others to share its batch; 0: only while the batch before it runs."""
    max_request_mb: float = 32.0
    """Size of a request's body in megabytes, at most."""
    max_waiting: int = 4096
    """Requests that wait or run at a time; more are turned away with status 503."""
    timeout_s: float = 30.0
    """Seconds that a request may take; then it is answered with status 504."""

    def __post_init__(self):
        for name in ("max_batch", "max_waiting"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {getattr(self, name)}")
        for name in ("max_request_mb", "timeout_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0. Received: {getattr(self, name)}")
        if not self.max_delay_ms >= 0:
            raise ValueError(f"max_delay_ms must be 0 or more. Received: {self.max_delay_ms}")
