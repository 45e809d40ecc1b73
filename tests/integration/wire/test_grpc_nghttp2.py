"""nghttp2's own client and load generator against our HTTP/2: another reading of the same RFCs."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.peers.grpc_echo import echo

H2LOAD, NGHTTP = shutil.which("h2load"), shutil.which("nghttp")
GRPC = ("-H", "content-type: application/grpc", "-H", "te: trailers")


async def said(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode()


@pytest.mark.skipif(H2LOAD is None, reason="h2load is not installed (Debian: nghttp2-client)")
@pytest.mark.parametrize("shape", ["-c1 -m1", "-c1 -m100", "-c10 -m10", "-c5 -m1000", "-c50 -m1"])
async def test_every_request_of_a_load_is_answered(tmp_path: Path, shape: str) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"\0\0\0\0\x05hello")
    async with echo() as port:
        report = await said(
            str(H2LOAD),
            "-n",
            "5000",
            *shape.split(),
            "-d",
            str(body),
            *GRPC,
            f"http://127.0.0.1:{port}/test.Echo/Unary",
        )
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in report, report
    assert re.search(r"5000 2xx, 0 3xx, 0 4xx, 0 5xx", report), report


@pytest.mark.skipif(H2LOAD is None, reason="h2load is not installed (Debian: nghttp2-client)")
async def test_large_bodies_both_ways(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"\0" + (1_000_000).to_bytes(4, "big") + bytes(1_000_000))
    async with echo() as port:
        url = f"http://127.0.0.1:{port}/test.Echo/Unary"
        report = await said(str(H2LOAD), "-n", "200", "-c2", "-m4", "-w16", "-W18", "-d", str(body), *GRPC, url)
    assert "200 succeeded, 0 failed, 0 errored, 0 timeout" in report, report


@pytest.mark.skipif(NGHTTP is None, reason="nghttp is not installed (Debian: nghttp2-client)")
@pytest.mark.parametrize(
    ("options", "status", "more"),
    [
        ((), "405", "allow: POST"),
        (("-H", "content-type: application/json"), "415", ""),
        (("-H", "content-type: application/grpc"), "200", "grpc-status: 12"),
        (("-H", "content-type: application/grpc", "-H", "grpc-encoding: snappy"), "200", "grpc-status: 12"),
        (("-H", "content-type: application/grpc", "-H", "grpc-timeout: soon"), "200", "grpc-status: 3"),
        (("-H", "content-type: application/grpc", "-H", "a: " + "v" * 40_000), "431", "grpc-status: 8"),
        (("-H", "content-type: application/grpc", *["-H", "a: b"] * 120), "431", "grpc-status: 8"),
    ],
    ids=["GET", "JSON", "no message", "an unknown encoding", "a bad timeout", "a large head", "many headers"],
)
async def test_what_is_refused(tmp_path: Path, options: tuple[str, ...], status: str, more: str) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"{}" if "json" in "".join(options) else b"")
    sends = ("-d", str(body)) if options else ()
    async with echo() as port:
        report = await said(str(NGHTTP), "-v", *sends, *options, f"http://127.0.0.1:{port}/test.Echo/Unary")
        assert re.search(rf":status: {status}\b", report), report
        assert more in report
        assert "GOAWAY frame <length=8" in report or "error" not in report.lower(), report


@pytest.mark.skipif(NGHTTP is None, reason="nghttp is not installed (Debian: nghttp2-client)")
async def test_padding_priorities_and_continuation(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"\0\0\0\0\x05hello")
    async with echo() as port:
        report = await said(
            str(NGHTTP), "-v", "-b", "100", "--continuation", "-p", "5", "-m", "20", "-d", str(body), *GRPC,
            f"http://127.0.0.1:{port}/test.Echo/Unary",
        )  # fmt: skip
    assert report.count("grpc-status: 0") == 20, report
    assert report.count("continuation-test-") >= 20
    assert "PADDED" in report
