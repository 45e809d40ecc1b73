"""What control answers to methods that a path doesn't have, to bodies of other types, and to ETags that are none."""

from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from bms.core.access.principal import Principal
from bms.web.api.application import application
from bms.web.api.dispatch import NOBODY, EndpointDispatcher
from bms.web.api.endpoint import PUBLIC, ApiCall, Endpoint


class Thing(msgspec.Struct, frozen=True):
    name: str = "x"


class Nobody:
    async def principal(self, _request: Request) -> Principal:
        return NOBODY


async def _answer(call: ApiCall[Any]) -> Thing:
    return Thing(str(call.if_match))


def client() -> TestClient:
    rows = [
        Endpoint("GET", "/things/{thing}", PUBLIC, _answer, "Reads", Thing),
        Endpoint("PUT", "/things/{thing}", PUBLIC, _answer, "Writes", Thing, body=Thing),
        Endpoint("DELETE", "/things/{thing}", PUBLIC, _answer, "Removes", None),
    ]
    return TestClient(application(rows, EndpointDispatcher([Nobody()], None), "0"))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_405_with_all_that_there_are(method: str) -> None:
    answer = client().request(method, "/api/v1/things/a")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PUT")
    assert answer.json()["code"] == "UNIMPLEMENTED"
    assert "use DELETE, GET, HEAD, PUT" in answer.json()["detail"]


def test_head_is_answered_as_get_is() -> None:
    assert client().head("/api/v1/things/a").status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *((kind, 200) for kind in ("", "application/json", "application/merge-patch+json", "Text/JSON; charset=utf-8")),
        *((kind, 415) for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=a", "json")),
    ],
)
def test_bodies_are_json_by_their_type(kind: str, status: int) -> None:
    answer = client().put("/api/v1/things/a", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "INVALID_ARGUMENT"
        assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("tag", "status"),
    [('"7"', 200), ('W/"7"', 200), ("7", 200), ("*", 200), ('"another"', 412), ("", 400), ("seven", 400), ('"a', 400)],
)
def test_if_match_is_an_etag_or_refused(tag: str, status: int) -> None:
    assert client().get("/api/v1/things/a", headers={"if-match": tag}).status_code == status


def test_what_a_proxy_puts_before_paths_is_there_in_redirects_and_in_the_description() -> None:
    behind = {"x-forwarded-prefix": "/models", "host": "bms.example"}
    described = client().get("/api/v1/openapi.json", headers=behind).json()
    assert described["servers"][0]["url"] == "/models"
    assert client().get("/api/v1/openapi.json").json()["servers"][0]["url"] == "/"
    moved = client().get("/api/v1/things/a/", headers=behind, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "http://bms.example/models/api/v1/things/a")
    assert client().get("/api/v1/things/a", headers=behind).status_code == 200
    assert client().post("/api/v1/things/a", headers=behind).headers["content-type"] == "application/problem+json"
