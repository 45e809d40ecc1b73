"""OpenAI's embeddings through a real gateway: its own client, and what every inference request owes."""

import asyncio
import gzip
import sys
from pathlib import Path

import pytest

from tests.worlds.gateways import Scene, deployment, key, scene, version

CLIENT = """
import asyncio, base64, sys
import openai

address, key = sys.argv[1:]
base = f"http://{address}/v1"
client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)

answer = client.embeddings.create(model="m", input=["four", "seven77"])
assert [one.embedding for one in answer.data] == [[12, 0, 16, 0], [21, 0, 28, 0]], answer
assert ([one.index for one in answer.data], answer.object, answer.model) == ([0, 1], "list", "m")
assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (11, 11)
plain = client.embeddings.create(model="m@1", input="four", encoding_format="float")
assert plain.data[0].embedding == [12, 0, 16, 0]
packed = client.embeddings.create(model="m@stable", input="four", encoding_format="base64")
assert base64.b64decode(packed.data[0].embedding)[:4] == b"\\x00\\x00\\x40\\x41"
short = client.embeddings.create(model="m", input="four", dimensions=1, user="somebody")
assert short.data[0].embedding == [1.0]

def refused(kind, said, code, **asked):
    try:
        client.embeddings.create(**{"model": "m", "input": "a", **asked})
    except kind as error:
        assert said in str(error), error
        assert error.code == code, error.code
    else:
        raise AssertionError(f"expected a refusal: {said}")

refused(openai.NotFoundError, "no deployment", "model_not_found", model="none")
refused(openai.NotFoundError, "no version 9", "model_not_found", model="m@9")
refused(openai.BadRequestError, "holds token ids", "invalid_argument", input=[1, 2])
refused(openai.BadRequestError, "'dimensions' is 9", "invalid_argument", dimensions=9)
try:
    openai.OpenAI(base_url=base, api_key="nonsense", max_retries=0).embeddings.create(model="m", input="a")
except openai.AuthenticationError as error:
    assert (error.code, error.type) == ("invalid_api_key", "authentication_error"), error.body
else:
    raise AssertionError("expected a refusal")

async def many():
    async with openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0) as client:
        asked = (client.embeddings.create(model="m", input=["a" * size]) for size in range(1, 41))
        return [one.data[0].embedding[0] for one in await asyncio.gather(*asked)]

assert asyncio.run(many()) == [3.0 * size for size in range(1, 41)]
print("done")
"""
BODY = {"model": "m", "input": ["four", "seven77"]}


async def furnish(at: Scene) -> None:
    one = version(1, at.server.path, aliases=("stable",))
    await at.bus.put(deployment(one, known_aliases=("stable",)))


async def test_openais_client_gets_embeddings_and_words_it_understands(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await furnish(at)
        (tmp_path / "client.py").write_text(CLIENT)
        host, port = at.process.address
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(tmp_path / "client.py"), f"{host}:{port}", str(at.key),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(client.communicate(), 60)
        assert out.decode().splitlines()[-1:] == ["done"], out.decode()


async def test_it_is_billed_like_every_other_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v1/embeddings", json=BODY, headers={"x-request-id": "mine"})
        assert answer.status_code == 200
        await http.post("/v1/embeddings", json={"model": "none", "input": "a"})
        await http.post("/v1/embeddings", json=BODY)
        await at.bus.until(lambda: len(at.bus.books) == 2)
        event = at.bus.events[0]
        assert (event.request_id, event.model, event.version, event.rows) == ("mine", "m", 1, 2)
        assert (event.status, event.bytes_out) == (200, len(answer.content))
        assert event.more == (("input_tokens", answer.json()["usage"]["prompt_tokens"]),) == (("input_tokens", 11),)


async def test_a_rate_and_a_full_deployment_are_told_as_openai_tells_them(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        slow, entry = key(rate_per_s=0.001, burst=1)
        await at.bus.put(entry)
        mine = {"authorization": f"Bearer {slow}"}
        assert (await http.post("/v1/embeddings", json=BODY, headers=mine)).status_code == 200
        refused = await http.post("/v1/embeddings", json=BODY, headers=mine)
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")
        assert int(refused.headers["retry-after"]) >= 1
        await at.bus.put(deployment(version(1), max_in_flight=1))
        nobody = await http.post("/v1/embeddings", json=BODY)
        assert (nobody.status_code, nobody.json()["error"]["type"]) == (503, "server_error")


async def test_bodies_may_be_compressed_and_other_methods_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        packed = gzip.compress(b'{"model": "m", "input": "four"}')
        answer = await http.post("/v1/embeddings", content=packed, headers={"content-encoding": "gzip"})
        assert answer.json()["data"][0]["embedding"] == [12, 0, 16, 0]
        wrong = await http.get("/v1/embeddings")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert "use POST" in wrong.json()["error"]["message"]


@pytest.mark.parametrize("at_server", ["hold", "leave"])
async def test_what_fails_behind_the_gateway_is_told_in_the_same_form(tmp_path: Path, at_server: str) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        at.server.mode = at_server
        answer = await http.post("/v1/embeddings", json=BODY, headers={"x-request-timeout": "0.2"})
        assert answer.status_code in (503, 504)
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_text_is_posted_as_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        plain = {"content-type": "text/plain; charset=utf-8"}
        answer = await http.post("/v1/models/m:predict", content=b"four", headers=plain)
        assert answer.json() == {"predictions": [{"embedding": [12, 0, 16, 0], "tokens": 4}]}
        refused = await http.post("/v1/models/m:classify", content=b"four", headers=plain)
        assert (refused.status_code, "takes no plain text for 'classify'" in refused.json()["error"]) == (400, True)
        empty = await http.post("/v1/models/m:predict", content=b"", headers=plain)
        assert (empty.status_code, "send the text itself" in empty.json()["error"]) == (400, True)
