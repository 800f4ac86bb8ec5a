"""What a server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counts of one server. Labels are names of models and signatures that exist, never what a request says."""

    def __init__(self):
        self._registry = CollectorRegistry()
        labels = ("model", "signature")
        self.requests = Counter(
            "qrkeras_requests", "Predict requests answered.", (*labels, "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "qrkeras_request_seconds", "From request to answer.", labels, buckets=SECONDS, registry=self._registry
        )
        self.rows = Histogram(
            "qrkeras_batch_rows", "Rows that ran together.", labels, buckets=ROWS, registry=self._registry
        )
        self.waiting = Gauge("qrkeras_requests_waiting", "Requests that wait or run.", registry=self._registry)

    def watch(self, models):
        """Shows what `models()`, `{name: [versions]}`, returns whenever it is asked."""
        self._registry.register(_Served(models))

    def page(self):
        """The text that Prometheus reads."""
        return generate_latest(self._registry)


class _Served:
    def __init__(self, models):
        self._models = models

    def collect(self):
        family = GaugeMetricFamily(
            "qrkeras_version_available", "1 for a version that is served.", labels=["model", "version"]
        )
        for name, numbers in self._models().items():
            for number in numbers:
                family.add_metric([name, str(number)], 1)
        yield family
