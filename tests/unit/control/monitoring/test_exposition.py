"""Merged metrics are one valid exposition that says where each sample came from."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bms.control.monitoring.exposition import merge


def _text(amount: float) -> str:
    registry = CollectorRegistry()
    requests = Counter("bms_requests", "Requests.", ["code"], registry=registry)
    requests.labels("200").inc(amount)
    Histogram("bms_wait_seconds", "Waiting.", registry=registry).observe(amount)
    return generate_latest(registry).decode()


def test_samples_of_two_processes_stand_together_and_apart() -> None:
    merged = merge([({"gateway": "0"}, _text(1)), ({"gateway": 'a"\\\n'}, _text(2))])
    families = {family.name: family for family in text_string_to_metric_families(merged)}
    assert {"bms_requests", "bms_wait_seconds"} <= set(families)
    totals = {
        sample.labels["gateway"]: sample.value
        for sample in families["bms_requests"].samples
        if sample.name == "bms_requests_total"
    }
    assert totals == {"0": 1.0, 'a"\\\n': 2.0}
    assert families["bms_wait_seconds"].type == "histogram"
    assert merged.count("# TYPE bms_wait_seconds ") == 1


def test_lines_that_are_no_samples_are_left_out() -> None:
    assert merge([({}, "up 1\n<html>\n\n# EOF\nbad{ 1\n")]) == "up 1\n"
    assert merge([]) == ""


def test_a_label_that_a_process_wrote_itself_is_not_added_again() -> None:
    odd = 'bms_x{gateway="0",model="a\\",replica=\\"b"} 1\n'
    merged = merge([({"gateway": "9", "replica": "r", "name": "digits"}, odd)])
    ((sample,),) = (family.samples for family in text_string_to_metric_families(merged))
    assert sample.labels == {"gateway": "0", "model": 'a",replica="b', "replica": "r", "name": "digits"}
