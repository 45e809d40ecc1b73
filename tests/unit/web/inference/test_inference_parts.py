"""Compressed bodies, metrics text, the end of a turn."""

import gzip
import zlib
from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bms.core.errors import BmsError, DeadlineExceeded, InvalidArgument, PayloadTooLarge, Unavailable
from bms.core.serving.snapshot import DeploymentEntry
from bms.protocols.frames import AnswerMeta
from bms.serving.pipeline.metrics import STAGES, GatewayMetrics
from bms.serving.pipeline.write_batch import ExchangeAnswer, WriteBatch
from bms.serving.traffic.metering import Usage
from bms.web.inference.http.answers import warnings_of
from bms.web.inference.http.compression import inflate

BODY = b"hello" * 100


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"gzip", gzip.compress(BODY, mtime=0)),
        (b" GZIP", gzip.compress(BODY, mtime=0)),
        (b"deflate", zlib.compress(BODY)),
        (b"identity", BODY),
    ],
)
def test_gzip_and_deflate_are_inflated(encoding: bytes, data: bytes) -> None:
    assert inflate(data, encoding, 500) == BODY


@pytest.mark.parametrize(
    ("encoding", "data", "error"),
    [
        (b"br", b"", InvalidArgument),
        (b"gzip", b"nonsense", InvalidArgument),
        (b"gzip", gzip.compress(BODY, mtime=0)[:-9], InvalidArgument),
        (b"gzip", gzip.compress(BODY, mtime=0) + b"more", InvalidArgument),
        (b"gzip", gzip.compress(bytes(1 << 20), mtime=0), PayloadTooLarge),
        (b"gzip", b"", InvalidArgument),
    ],
)
def test_what_cannot_be_inflated_or_is_a_bomb_is_refused(encoding: bytes, data: bytes, error: type[BmsError]) -> None:
    with pytest.raises(error):
        inflate(data, encoding, 1000)


def entry(id: str) -> DeploymentEntry:
    return DeploymentEntry(id=id, tenant="acme", name="digits", model="m", versions=())


def test_metrics_are_read_by_prometheus() -> None:
    metrics = GatewayMetrics(3)
    metrics.gauges["bms_gateway_connections"] = ("Open.", lambda: 7)
    metrics.gauges["bms_gateway_snapshot_revision"] = ("Revision.", lambda: (7 << 32) + 1)
    metrics.answered(entry('d"1'), 2, 200, 1, AnswerMeta(True, 5, 7, ()), 1, 0.001)
    metrics.answered(entry('d"1'), 2, 200, 1, AnswerMeta(True, 5, 7, ()), 1, 0.001)
    metrics.direct(401)
    metrics.passed(503)
    for seconds in (0.0, 0.00002, 99.0):
        metrics.stages.observe((seconds,) * 6)
    families = {family.name: family for family in text_string_to_metric_families(metrics.text())}
    (answered,) = families["bms_gateway_requests"].samples
    assert answered.value == 2
    labels = {"gateway": "3", "deployment": 'd"1', "version": "2", "code": "200"}
    assert answered.labels == labels, "whoever reads it shows no key"
    named = {family.name: family for family in text_string_to_metric_families(metrics.text(named=True))}
    assert named["bms_gateway_requests"].samples[0].labels == {**labels, "name": "digits", "tenant": "acme"}
    assert families["bms_gateway_direct"].samples[0].labels["code"] == "401"
    assert families["bms_gateway_passed"].samples[0].labels["code"] == "503"
    assert families["bms_gateway_connections"].samples[0].value == 7
    assert families["bms_gateway_snapshot_revision"].samples[0].value == (7 << 32) + 1, "to the last digit"
    buckets = {
        sample.labels["le"]: sample.value
        for sample in families["bms_gateway_stage_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["stage"] == "total"
    }
    assert (buckets["1e-05"], buckets["2.5e-05"], buckets["30.0"], buckets["+Inf"]) == (1, 2, 2, 3)


def test_stages_put_aside_are_all_counted() -> None:
    metrics = GatewayMetrics(0)
    for _ in range(2500):
        metrics.stages.observe((0.001,) * len(STAGES))
    read = metrics.stages.read()
    assert [stage for stage, _, _ in read] == list(STAGES)
    assert all(sum(counts) == 2500 and seconds == pytest.approx(2.5) for _, counts, seconds in read)


class Asked:
    def __init__(self, log: list[object]) -> None:
        self.log = log

    def deliver(self, answer: ExchangeAnswer) -> None:
        self.log.append(answer.body)

    def deliver_error(self, error: BmsError) -> None:
        self.log.append(error.code)


class Books:
    def __init__(self, log: list[object], full: bool = False) -> None:
        self.log = log
        self.full = full

    def write(self, usages: Sequence[Usage]) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        self.log.append(("books", len(usages)))


def usage(status: int) -> Usage:
    return (0, "t", "k", "d", "m", 1, "r", status, 1, 0, 0, 0)


def test_the_books_are_written_once_and_before_any_answer() -> None:
    log: list[object] = []
    scheduled: list[object] = []
    write_batch = WriteBatch(Books(log), scheduled.append)
    write_batch.add(usage(200), Asked(log), ExchangeAnswer(b"one"))
    write_batch.add(usage(499), Asked(log), None)
    write_batch.add(usage(504), Asked(log), DeadlineExceeded("late"))
    assert log == []
    assert scheduled == [write_batch.close]
    write_batch.close()
    write_batch.close()
    assert log == [("books", 3), b"one", "DEADLINE_EXCEEDED"]


def test_no_answer_is_given_where_the_books_cannot_be_written() -> None:
    log: list[object] = []
    write_batch = WriteBatch(Books(log, full=True), lambda close: None)
    write_batch.add(usage(200), Asked(log), ExchangeAnswer(b"one"))
    write_batch.add(usage(499), Asked(log), None)
    write_batch.close()
    assert log == ["UNAVAILABLE"]


def test_runs_are_counted_by_each_requests_part_of_them() -> None:
    metrics = GatewayMetrics(0)
    for _ in range(4):
        metrics.answered(entry("d"), 1, 200, 2, AnswerMeta(True, 5, 7, (), 0, 0, 8), 1, 0.001)
    metrics.answered(entry("d"), 1, 200, 3, AnswerMeta(True, 5, 7, ()), 2, 0.001)
    metrics.answered(entry("d"), 1, 504, 1, AnswerMeta(True, 0, 0, ()), 3, 0.001)
    counted = metrics.statistics("d", 1)
    assert (counted.executions, counted.successes, counted.failures, counted.rows) == (2, 5, 1, 11)
    assert counted.last_ns == 3
    assert counted.batches == ((8, 1.0, 28), (3, 1.0, 7))


def test_no_more_sizes_of_runs_are_told_apart_than_there_is_room_for() -> None:
    metrics = GatewayMetrics(0)
    for rows in range(1, 2000):
        metrics.answered(entry("d"), 1, 200, rows, AnswerMeta(True, 0, 1, ()), 1, 0.001)
    counted = metrics.statistics("d", 1)
    assert (len(counted.batches), counted.executions) == (1025, 1999)
    assert {rows: runs for rows, runs, _ in counted.batches}[0] == 1999 - 1024


def test_warnings_are_header_lines_whatever_a_note_holds() -> None:
    lines = warnings_of(('column "Größe\r\nx: y"', "b"))
    assert lines == b'warning: 299 bms "column \\"Gr\\\\xf6\\\\xdfex: y\\""\r\nwarning: 299 bms "b"\r\n'
    assert warnings_of(()) == b""
