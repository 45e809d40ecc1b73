from prometheus_client.parser import text_string_to_metric_families

from bms.serving.inference.metrics import LatencyHistogram, ModelServerMetrics, SequenceCounts


def text(metrics: ModelServerMetrics, **labels: str) -> str:
    given = {"replica": "r", "model": "m", **labels}
    return metrics.text(**given, version=2, in_flight=3, memory=4096)


def test_a_histogram_counts_by_inclusive_upper_bound() -> None:
    histogram = LatencyHistogram((1, 2, 4))
    for value in (0.5, 1, 1.5, 4, 99):
        histogram.observe(value)
    lines = list(histogram.lines("h", 'a="b"'))
    assert lines == [
        'h_bucket{a="b",le="1"} 2',
        'h_bucket{a="b",le="2"} 3',
        'h_bucket{a="b",le="4"} 4',
        'h_bucket{a="b",le="+Inf"} 5',
        'h_sum{a="b"} 106',
        'h_count{a="b"} 5',
    ]
    assert histogram.count == 5


def test_prometheus_reads_what_is_written() -> None:
    metrics = ModelServerMetrics()
    metrics.answered(4, 2_000_000)
    metrics.ran(4, 1_500_000)
    metrics.failed("INVALID_ARGUMENT")
    metrics.failed("CANCELLED")
    families = {family.name: family for family in text_string_to_metric_families(text(metrics))}
    values = {
        sample.name: sample.value
        for family in families.values()
        for sample in family.samples
        if "le" not in sample.labels and "code" not in sample.labels
    }
    assert values["bms_model_server_requests_total"] == 3
    assert values["bms_model_server_rows_total"] == 4
    assert values["bms_model_server_in_flight"] == 3
    assert values["bms_model_server_resident_bytes"] == 4096
    assert values["bms_model_server_queue_seconds_sum"] == 0.002
    assert values["bms_model_server_compute_seconds_count"] == 1
    errors = {sample.labels["code"]: sample.value for sample in families["bms_model_server_errors"].samples}
    assert errors == {"CANCELLED": 1, "INVALID_ARGUMENT": 1}
    assert all(family.documentation for family in families.values())


def test_labels_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    samples = [
        sample
        for family in text_string_to_metric_families(text(ModelServerMetrics(), model=odd))
        for sample in family.samples
    ]
    assert {sample.labels["model"] for sample in samples} == {odd}


def test_sequences_are_told_where_a_model_has_any() -> None:
    metrics = ModelServerMetrics()
    assert "sequences" not in text(metrics)
    metrics.sequences = SequenceCounts(open=2, begun=9, refused=3, given_up=4)
    told = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text(metrics))
        for sample in family.samples
        if "sequences" in sample.name
    }
    assert told == {
        "bms_model_server_sequences_open": 2,
        "bms_model_server_sequences_total": 9,
        "bms_model_server_sequences_refused_total": 3,
        "bms_model_server_sequences_given_up_total": 4,
    }
