"""Lines a job writes are read whole, bounded and without trust."""

import json

from bms.control.jobs.progress import MAX_METRICS, clean, clean_metrics, parse_lines, shown, whole_lines
from bms.core.workloads.programs import JobEvent
from tests.worlds.jobs import job


def line(**fields: object) -> bytes:
    return json.dumps({"at": 1, **fields}).encode() + b"\n"


def test_lines_that_are_no_events_are_passed_over() -> None:
    data = line(progress=0.5) + b"hello\n\xff\xfe\n[1]\n" + b"[" * 100_000 + b'\n{"at": "x"}\n' + line(message="done")
    assert parse_lines(data) == [JobEvent(at=1, progress=0.5), JobEvent(at=1, message="done")]


def test_half_a_line_waits_for_its_rest_unless_it_can_never_come() -> None:
    assert whole_lines(b"ab\ncd", 100) == 3
    assert whole_lines(b"abcd", 100) == 0
    assert whole_lines(b"abcd", 4) == 4, "a line as long as a whole piece is passed over"
    assert whole_lines(b"", 4) == 0


def test_the_row_shows_the_last_word_of_everything() -> None:
    events = parse_lines(
        line(progress=0.2, message="one", metrics={"loss": 3, "accuracy": 0.1})
        + line(progress=7, metrics={"loss": 2})
        + line(step=4)
    )
    row = shown(job(state="running"), events)
    assert (row.progress, row.message, row.metrics) == (1.0, "one", {"loss": 2, "accuracy": 0.1})
    assert shown(row, []) == row
    worse = shown(row, parse_lines(line(metrics={"loss": "NaN"}) + line(metrics={"loss": "good"})))
    assert worse.metrics == {"loss": "NaN", "accuracy": 0.1}


def test_what_no_row_can_hold_is_taken_out() -> None:
    assert clean("a\x00b\ud800\tc\n") == "a\ufffdb\ufffd\tc\n"
    assert len(clean("x" * 10_000)) == 2000
    assert clean("x" * 10_000 + "the end").endswith("the end")
    told = clean_metrics({"a\x00": 1.0, "b": float("nan"), "c": float("-inf"), "d": "NaN"})
    assert told == {"a\ufffd": 1.0, "b": "NaN", "c": "-Infinity", "d": "NaN"}
    assert len(clean_metrics({str(number): 1.0 for number in range(10_000)})) == MAX_METRICS
