"""Usage through the API."""

import csv
import io
from datetime import UTC, datetime

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.booking import AllotmentBilling
from bms.control.billing.service import UsageService
from bms.control.platform.allotments import Allotment
from bms.control.tenants.deletion import TenantDeletion
from bms.core.clock import ManualClock
from bms.core.usage import UsageEvent, runs_of
from bms.web.api.resources import usage
from tests.worlds.api import Api

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = 3600 * 10**9


def event(seq: int, **more: object) -> UsageEvent:
    at = int(START.timestamp()) * 10**9 + seq * HOUR
    plain = UsageEvent("g", seq, at, "default", "k1", "digits", "m", 1, f"r{seq}", 200, 2, 10, 20, 5)
    return msgspec.structs.replace(plain, **more)


async def nothing(tenant: str) -> list[str]:
    return []


@pytest.fixture
async def api(sqlite: Database, clock: ManualClock) -> Api:
    service = UsageService(SqlStore(sqlite, SqlUsage), clock)
    api = await Api(
        sqlite, clock, usage.endpoints(service, TenantDeletion(SqlStore(sqlite, SqlTenants), clock, nothing).tenant)
    ).start()
    events = [
        event(1),
        event(2, key="k2", status=500),
        event(3, version=2, queue_ns=3, more=(("input_tokens", 7),)),
        event(4, tenant="acme"),
    ]
    assert await service.ingest("g", runs_of(events)) == 4
    return api


async def test_sums_of_all_and_by_group(api: Api) -> None:
    (total,) = (await api.as_admin.get("/usage")).json()["items"]
    plain = {"requests": 3, "rows": 6, "bytes_in": 30, "bytes_out": 60, "compute_ns": 15}
    assert total == {"ok": 2, "errors": 1, **plain, "quantities": {**plain, "input_tokens": 7, "queue_ns": 3}}
    grouped = (await api.as_admin.get("/usage", params={"group_by": "key,version"})).json()["items"]
    assert [(row["key"], row["version"], row["requests"]) for row in grouped] == [
        ("k1", 1, 1),
        ("k1", 2, 1),
        ("k2", 1, 1),
    ]


async def test_only_the_meters_that_are_asked_for_are_told(api: Api) -> None:
    asked = {"group_by": "version", "meter": "input_tokens, rows"}
    answer = (await api.as_admin.get("/usage", params=asked)).json()["items"]
    assert [row["quantities"] for row in answer] == [{"rows": 4}, {"input_tokens": 7, "rows": 2}]
    (event, *_) = (await api.as_admin.get("/usage/events", params={"version": "2"})).json()["items"]
    assert (event["queue_ns"], event["total_ns"], event["revision"]) == (3, 0, 0)
    assert event["quantities"] == {
        "requests": 1, "rows": 2, "bytes_in": 10, "bytes_out": 20, "compute_ns": 5, "queue_ns": 3, "input_tokens": 7,
    }  # fmt: skip


async def test_rows_by_meter_add_up_to_the_whole_and_say_each_thing_once(api: Api) -> None:
    rows = (await api.as_admin.get("/usage", params={"group_by": "meter,version"})).json()["items"]
    of_2 = [{name: row[name] for name in row if row[name]} for row in rows if row["version"] == 2]
    assert [(row["meter"], row["quantities"]) for row in of_2] == [
        (meter, {meter: quantity})
        for meter, quantity in [
            ("bytes_in", 10), ("bytes_out", 20), ("compute_ns", 5), ("input_tokens", 7), ("queue_ns", 3),
            ("requests", 1), ("rows", 2),
        ]
    ]  # fmt: skip
    (total,) = (await api.as_admin.get("/usage")).json()["items"]
    for name in ("requests", "ok", "errors", "rows", "bytes_in", "bytes_out", "compute_ns"):
        assert sum(row[name] for row in rows) == total[name]
    only = (await api.as_admin.get("/usage", params={"group_by": "meter", "meter": "rows"})).json()["items"]
    assert [(row["meter"], row["rows"], row["requests"]) for row in only] == [("rows", 6, 0)]


async def test_time_that_was_held_is_told_everywhere(api: Api, sqlite: Database, clock: ManualClock) -> None:
    store = SqlStore(sqlite, SqlUsage)
    rates = {"replica_ms": 1000, "replica_gpu_ms": 250}
    held = Allotment(
        of="replicas", subject="rep_1", tenant="default", deployment="dep_1", model="m", version=2, rates=rates
    )
    async with store.write() as tx:
        await tx.open_allotment(held, clock.now())
    clock.advance(7200)
    expected = {"replica_gpu_ms": 1_800_000, "replica_ms": 7_200_000}
    for _ in range(2):
        (row,) = (await api.as_admin.get("/usage", params={"deployment": "dep_1"})).json()["items"]
        assert (row["requests"], row["errors"], row["quantities"]) == (0, 0, expected)
        await AllotmentBilling(store, clock).step()
    events = (await api.as_admin.get("/usage/events", params={"deployment": "dep_1"})).json()["items"]
    assert [(one["of"], one["request_id"], one["status"], one["revision"]) for one in events] == [
        ("replicas", "rep_1", 0, 0)
    ] * 2
    assert [one["until"] - one["at"] for one in events] == [HOUR, HOUR]
    assert events[0]["quantities"] == {"replica_gpu_ms": 900_000, "replica_ms": 3_600_000}
    text = (await api.as_admin.get("/usage/export", params={"deployment": "dep_1"})).text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["of"], row["replica_ms"], row["job_ms"], row["others"]) for row in rows] == [
        ("replicas", "3600000", "0", "")
    ] * 2
    assert rows[1]["until"] == rows[0]["at"] == "2026-01-01T01:00:00.000000000Z"


async def test_filters_narrow(api: Api) -> None:
    params = {"key": "k1", "start": "2026-03-01T02:00:00Z", "end": "2026-03-01T05:00:00+01:00"}
    (row,) = (await api.as_admin.get("/usage", params=params)).json()["items"]
    assert row["requests"] == 1
    (row,) = (await api.as_admin.get("/usage", params={"version": "2"})).json()["items"]
    assert row["requests"] == 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"group_by": "colour"}, "colour"),
        ({"meter": "rows,miles"}, "no meter miles: use some of requests, rows"),
        ({"start": "2026-03-01T00:00:00"}, "zone"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, "negative"),
        ({"version": "two"}, "version"),
        ({"tennant": "acme"}, "tennant"),
    ],
)
async def test_wrong_questions_are_named(api: Api, params: dict[str, str], words: str) -> None:
    answer = await api.as_admin.get("/usage", params=params)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


async def test_single_events_are_paged_newest_first(api: Api) -> None:
    first = (await api.as_admin.get("/usage/events", params={"limit": 2})).json()
    assert [row["seq"] for row in first["items"]] == [3, 2]
    rest = (await api.as_admin.get("/usage/events", params={"cursor": first["next"]})).json()
    assert [row["seq"] for row in rest["items"]] == [1]
    assert rest["next"] is None
    assert rest["items"][0]["request_id"] == "r1"


async def test_the_export_is_a_csv_file_of_this_tenant_alone(api: Api) -> None:
    answer = await api.as_admin.get("/usage/export", params={"key": "k1"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "usage.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert rows[0]["at"].endswith(":00:00.000000000Z")
    assert [(row["seq"], row["tenant"], row["rows"]) for row in rows] == [("3", "default", "2"), ("1", "default", "2")]


async def test_a_key_without_the_scope_sees_nothing(api: Api) -> None:
    narrow = api.client(await api.key_of(api.as_admin, scopes=["models:read"]))
    for path in ("/usage", "/usage/events", "/usage/export"):
        assert (await narrow.get(path)).status_code == 403


async def test_the_books_of_a_tenant_that_never_was_are_not_found(api: Api) -> None:
    for path in ("/usage", "/usage/events", "/usage/export"):
        assert (await api.as_admin.get(path, params={"tenant": "nope"})).status_code == 404


async def test_times_are_rfc_3339_and_what_no_book_can_hold_is_refused_before_the_first_line(api: Api) -> None:
    for path in ("/usage", "/usage/events", "/usage/export"):
        for params in ({"start": "0.5"}, {"end": "1700000000"}, {"start": "9999-12-31T00:00:00Z"}, {"start": ""}):
            answer = await api.as_admin.get(path, params=params)
            assert answer.status_code == 400, (path, params)
            assert answer.json()["code"] == "INVALID_ARGUMENT"
    assert (await api.as_admin.get("/usage/events", params={"cursor": ""})).status_code == 400
