"""What Prometheus is told."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

from swsss.serve.server.statistics import Statistics

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one server.

    Attributes:
        stage: Seconds an image spends in each stage: decode, wait, infer, encode.
        batch: Images of a call of the engine.
        images: Labelled, by model and by who asked: request or job.
        failures: Images that could not be labelled, by stage and by who asked.
        queue: Images asked for by requests and not answered yet.
        requests: By route, method and status.
        seconds: Of whole requests, by route.
        bodies: Bytes of requests' bodies that are in memory.
        jobs: By state.
    """

    def __init__(self) -> None:
        self._statistics: dict[str, Statistics] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.stage = Histogram(
            "swsss_stage_seconds",
            "Seconds an image spends in a stage",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "swsss_batch_images", "Images of a call of the engine", buckets=(1, 2, 4, 8, 16, 32), registry=self.registry
        )
        self.images = Counter("swsss_images", "Images labelled", ["model", "source"], registry=self.registry)
        self.failures = Counter(
            "swsss_failures", "Images that could not be labelled", ["stage", "source"], registry=self.registry
        )
        self.queue = Gauge("swsss_queue_depth", "Requests admitted and not answered yet", registry=self.registry)
        self.requests = Counter(
            "swsss_http_requests", "HTTP requests", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "swsss_http_seconds", "Seconds of HTTP requests", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.bodies = Gauge("swsss_body_bytes", "Bytes of request bodies in memory", registry=self.registry)
        self.jobs = Gauge("swsss_jobs", "Jobs by state", ["state"], registry=self.registry)

    def call(self, model: str, images: int, waited: Sequence[float], took: float) -> None:
        """Take down a call of an engine: its images, the seconds each request in it waited, and those it took."""
        self.batch.observe(images)
        self.stage.labels("wait").observe(max(waited))
        self.stage.labels("infer").observe(took / images)
        self.statistics(model).executed(waited, took)

    def statistics(self, model: str) -> Statistics:
        """What requests asked of a model."""
        return self._statistics.setdefault(model, Statistics())
