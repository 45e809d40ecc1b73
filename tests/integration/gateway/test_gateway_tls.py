"""A gateway that speaks TLS, with real clients."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

import httpx
import pytest
import trustme

from tests.peers.certificates import Issued, issue
from tests.worlds.gateways import Scene, scene

ROW = [1.0, 2.0, 3.0, 4.0]
ANSWER = [3.0, 5.0, 7.0, 9.0]
TRITON = """
import sys
import numpy as np
import tritonclient.http as triton

address, key, ca = sys.argv[1:]
client = triton.InferenceServerClient(address, ssl=True, ssl_options={"ca_certs": ca})
headers = {"Authorization": f"Bearer {key}"}
assert client.is_server_live() and client.is_model_ready("m", headers=headers)
rows = np.ones((2, 4), dtype=np.float32)
given = triton.InferInput("x", [2, 4], "FP32")
given.set_data_from_numpy(rows)
print(client.infer("m", [given], headers=headers).as_numpy("y").tolist())
"""

GRPC = """
import sys
import numpy as np
import tritonclient.grpc as triton

address, key, ca = sys.argv[1:]
client = triton.InferenceServerClient(address, ssl=True, root_certificates=ca)
headers = {"authorization": f"Bearer {key}"}
assert client.is_server_live() and client.is_model_ready("m", headers=headers)
rows = np.ones((2, 4), dtype=np.float32)
given = triton.InferInput("x", [2, 4], "FP32")
given.set_data_from_numpy(rows)
print(client.infer("m", [given], headers=headers).as_numpy("y").tolist())
"""


@pytest.fixture
def made(tmp_path: Path) -> Issued:
    return issue(tmp_path)


def settings(made: Issued) -> dict[str, object]:
    return {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}


def secure(at: Scene, ca: Path, **options: object) -> httpx.AsyncClient:
    url = at.process.url.replace("http://", "https://")
    given = {"headers": at.headers, "verify": ssl.create_default_context(cafile=str(ca)), "trust_env": False}
    return httpx.AsyncClient(base_url=url, **{**given, **options})  # type: ignore[arg-type]


def shake(at: Scene, ca: Path, *alpn: str, **versions: ssl.TLSVersion) -> tuple[str | None, str | None, str]:
    """What is agreed on with a client: the protocol, the version; and who the server says it is from."""
    context = ssl.create_default_context(cafile=str(ca))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    for name, version in versions.items():
        setattr(context, name, version)
    with (
        socket.create_connection(at.process.address, 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        certificate = connection.getpeercert()
        assert certificate is not None
        issuer = dict(pair for (pair,) in certificate["issuer"])  # type: ignore[misc]
        return connection.selected_alpn_protocol(), connection.version(), str(issuer["organizationName"])


async def test_httpx_asks_over_tls(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, **settings(made)) as at, secure(at, made.ca) as http:
        for _ in range(3):
            answer = await http.post("/v1/models/m:predict", json={"instances": [ROW]})
            assert (answer.status_code, answer.json()) == (200, {"predictions": [ANSWER]})
        large = [ROW] * 50_000
        assert (await http.post("/v1/models/m:predict", json={"instances": large})).json() == {
            "predictions": [ANSWER] * 50_000
        }
        streamed = await http.post("/v2/models/m/generate_stream", json={"prompt": "a b"})
        assert streamed.text.count("data: ") == 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
async def test_curl_asks_over_tls_by_http_2_or_by_what_it_is_told_to(
    tmp_path: Path, made: Issued, option: str, version: str
) -> None:
    async with scene(tmp_path, **settings(made)) as at:
        curl = await asyncio.create_subprocess_exec(
            "curl", option, "-sS", "-m", "20", "--noproxy", "*", "--cacert", str(made.ca), "-w", " %{http_version}",
            "-H", f"Authorization: Bearer {at.key}", "-d", json.dumps({"instances": [ROW]}),
            f"https://localhost:{at.process.address[1]}/v1/models/m:predict", "--ipv4",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await curl.communicate()
        assert out.decode() == f'{{"predictions":{json.dumps([ANSWER]).replace(" ", "")}}} {version}'


@pytest.mark.parametrize("text", [TRITON, GRPC], ids=["http", "grpc"])
async def test_tritonclient_asks_over_tls(tmp_path: Path, made: Issued, text: str) -> None:
    program = tmp_path / "client.py"
    program.write_text(text)
    async with scene(tmp_path, **settings(made)) as at:
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(program), f"localhost:{at.process.address[1]}", str(at.key), str(made.ca),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(client.communicate(), 60)
        assert out.decode().splitlines()[-1:] == ["[[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]]"], out.decode()


async def test_what_is_agreed_on(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, **settings(made)) as at:

        def agreed(*alpn: str, **versions: ssl.TLSVersion) -> tuple[str | None, str | None, str]:
            return shake(at, made.ca, *alpn, **versions)

        assert (await asyncio.to_thread(agreed))[:2] == (None, "TLSv1.3")
        assert (await asyncio.to_thread(agreed, "http/1.1", "h2"))[0] == "h2"
        assert (await asyncio.to_thread(agreed, "http/1.1"))[0] == "http/1.1"
        assert (await asyncio.to_thread(agreed, "h2"))[0] == "h2"
        two = ssl.TLSVersion.TLSv1_2
        assert (await asyncio.to_thread(lambda: agreed(maximum_version=two)))[1] == "TLSv1.2"


async def test_a_client_that_speaks_no_tls_gets_no_answer_and_others_do(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, **settings(made)) as at, secure(at, made.ca) as http:
        async with httpx.AsyncClient(trust_env=False) as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(f"{at.process.url}/v2/health/live")
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(os.urandom(512))
        assert b"HTTP/" not in await asyncio.wait_for(reader.read(), 15)
        writer.close()
        assert (await http.get("/v2/health/live")).json() == {"live": True}


async def test_half_a_handshake_is_dropped(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, limits={"header_timeout_s": 1.0}, **settings(made)) as at, secure(at, made.ca) as http:
        slow = [await asyncio.open_connection(*at.process.address) for _ in range(50)]
        slow[0][1].write(b"\x16\x03\x01\x02\x00\x01\x00")  # a hello that never ends
        assert (await http.get("/v2/health/live")).json() == {"live": True}
        ends = await asyncio.gather(*(asyncio.wait_for(reader.read(), 8) for reader, _ in slow), return_exceptions=True)
        assert all(end == b"" or isinstance(end, ConnectionError) for end in ends), ends
        for _, writer in slow:
            writer.close()


async def test_an_unknown_authority_is_not_believed(tmp_path: Path, made: Issued) -> None:
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other")
    async with scene(tmp_path, **settings(made)) as at, secure(at, other.ca) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get("/v2/health/live")


async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(tmp_path: Path) -> None:
    first, second = trustme.CA(organization_name="first"), trustme.CA(organization_name="second")
    made = issue(tmp_path, authority=first)
    old_ca = tmp_path / "old-ca.pem"
    shutil.copy(made.ca, old_ca)
    async with scene(tmp_path, **settings(made)) as at:
        reader, writer = await asyncio.open_connection(
            *at.process.address, ssl=ssl.create_default_context(cafile=str(old_ca)), server_hostname="localhost"
        )

        async def alive() -> None:
            writer.write(b"GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            await reader.readuntil(b"}")

        await alive()
        assert (await asyncio.to_thread(shake, at, old_ca))[2] == "first"
        made.key.write_bytes(b"half of a ke")  # somebody is just writing
        await asyncio.sleep(1.5)
        assert (await asyncio.to_thread(shake, at, old_ca))[2] == "first"
        issue(tmp_path, authority=second)
        await until_shown(at, made.ca, "second")
        await alive()
        writer.close()
    log = at.process.log.read_text()
    assert "the certificate stays as it was: " in log
    assert "was read again" in log


async def test_a_hangup_signal_reads_the_certificate_at_once_and_ends_nothing(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, **settings(made)) as at, secure(at, made.ca) as http:
        assert (await http.get("/v2/health/live")).status_code == 200
        os.kill(at.process.process.pid, signal.SIGHUP)
        assert (await http.get("/v2/health/live")).status_code == 200
        deadline = time.monotonic() + 5
        while "was read again" not in at.process.log.read_text():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_control_is_told_that_the_client_came_by_https(tmp_path: Path, made: Issued) -> None:
    heads: list[bytes] = []

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_unix_server(control, tmp_path / "control.sock"),
        scene(tmp_path, **settings(made)) as at,
        secure(at, made.ca) as http,
    ):
        answer = await http.get("/api/v1/whoami", headers={"x-forwarded-proto": "gopher"})
        assert answer.status_code == 204
    (head,) = heads
    assert b"\r\nx-forwarded-proto: https\r\n" in head
    assert b"gopher" not in head


async def test_a_refusal_reaches_a_client_that_is_still_sending(tmp_path: Path, made: Issued) -> None:
    async with scene(tmp_path, limits={"body_bytes": 1 << 20}, **settings(made)) as at, secure(at, made.ca) as http:

        async def endless() -> object:
            for _ in range(64):
                yield bytes(1 << 16)

        answer = await http.post("/v1/models/m:predict", content=endless())  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert "error" in answer.json()


async def test_a_gateway_does_not_start_with_files_that_cannot_be_used(tmp_path: Path, made: Issued) -> None:
    made.certificate.write_bytes(b"nonsense")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(8), scene(tmp_path, **settings(made)):
            pass
    assert "can't start: the TLS certificate" in (tmp_path / "gateway.log").read_text()


async def until_shown(at: Scene, ca: Path, issuer: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            if (await asyncio.to_thread(shake, at, ca))[2] == issuer:
                return
        except ssl.SSLCertVerificationError:
            pass  # still the old one
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
