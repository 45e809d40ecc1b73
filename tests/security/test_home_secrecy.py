"""What a platform leaves on disk: for its owner alone, and without the secrets that went through it."""

import os
import secrets
import stat
from pathlib import Path

import httpx

from bms.app.home.directory import Home
from tests.security.wires import request, say
from tests.worlds.platforms import RealPlatform

ROW = {"instances": [[0.0] * 64]}


def test_nothing_in_the_home_is_for_others(platform: RealPlatform, api: httpx.Client) -> None:
    api.post("/models", json={"name": "touched"})
    open_to_others = []
    for folder, _, files in os.walk(platform.home):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            if not stat.S_ISLNK(mode) and mode & 0o077:
                open_to_others.append(f"{stat.filemode(mode)} {path.relative_to(platform.home)}")
    assert open_to_others == []


def test_sockets_are_the_owners_alone(platform: RealPlatform) -> None:
    run = Home(platform.home).run_dir()
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    sockets = [path for path in run.rglob("*") if not path.is_dir()]
    assert {"control.sock", "bus.sock", "s"} <= {path.name for path in sockets}, "a model server's too"
    assert [path.name for path in sockets if path.stat().st_mode & 0o077] == []


def test_secrets_that_went_through_are_written_nowhere(platform: RealPlatform, api: httpx.Client, port: int) -> None:
    made = api.post("/keys", json={"name": "seen"}, headers={"idempotency-key": "home"}).json()["text"]
    wrong = f"{made.partition('.')[0]}.{secrets.token_urlsafe(32)}"
    texts = [platform.key, made, wrong]
    for text in texts:
        for headers in ({"authorization": f"Bearer {text}"}, {"x-api-key": text}, {"authorization": f"Basic {text}"}):
            with httpx.Client(base_url=platform.url, headers=headers) as client:
                client.get("/api/v1/whoami")
                client.post("/v1/models/digits:predict", json=ROW)
                client.post("/v1/models/digits:predict", content=b"\xff")
                client.patch("/api/v1/models/digits", json={}, headers={"if-match": "9"})
                client.get("/api/v1/nothing/here")
        say(port, b"GET / HTTP/1.1\r\nAuthorization : Bearer " + text.encode() + b"\r\n\r\n")
    hits = []
    for path in platform.home.rglob("*"):
        if path.is_file() and path.name not in ("admin.key", "pepper", "bus"):
            content = path.read_bytes()
            hits += [path.name for text in texts if text.partition(".")[2].encode() in content]
    assert hits == []
    pepper = (platform.home / "secrets" / "pepper").read_bytes()
    assert not any(pepper in path.read_bytes() for path in (platform.home / "logs").rglob("*.log*"))


def test_nobody_writes_lines_of_the_log(platform: RealPlatform, port: int) -> None:
    key = {"Authorization": f"Bearer {platform.key}"}
    evil = "a%0a%7b%22level%22:%22FORGED%22%7d"
    for path in (f"/api/v1/models/{evil}", f"/v1/models/{evil}:predict", f"/{evil}", f"/api/v1/jobs/{evil}/log"):
        say(port, request("POST", path, key))
        say(port, request("GET", path, {**key, "X-Request-Id": "a\\n{FORGED}"}))
    for log in (platform.home / "logs").glob("*.log"):
        for line in log.read_text().splitlines():
            assert not line.lstrip().startswith('{"level":"FORGED"'), log


def test_commands_hold_no_secret(platform: RealPlatform) -> None:
    """Everybody may read the command lines of all processes."""
    secret, home = platform.key.partition(".")[2].encode(), str(platform.home).encode()
    seen = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if home in line:
            seen += 1
            assert secret not in line
    assert seen >= 3
