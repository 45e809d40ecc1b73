"""Control's own metrics: of API requests, and of the process itself."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ControlMetrics:
    """Observed by the dispatcher, read by the monitoring feature."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="bms_control", registry=self._registry)
        self._requests = Counter(
            "bms_api_requests", "Requests of the control API.", ["operation", "code"], registry=self._registry
        )
        self._seconds = Histogram(
            "bms_api_request_seconds",
            "Time to answer a request of the control API.",
            ["operation"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def observe_request(self, operation: str, status: int, seconds: float) -> None:
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def texts(self) -> Iterable[tuple[dict[str, str], str]]:
        yield {}, generate_latest(self._registry).decode()
