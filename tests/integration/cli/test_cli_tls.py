"""`bms up` with TLS, and clients that believe its certificate."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bms.core.errors import InvalidArgument, Unavailable
from bms.sdk import Client
from bms.sdk.trust import Trust
from tests.peers.callers import KINDS, Caller
from tests.peers.certificates import Issued, issue
from tests.worlds.platforms import RealPlatform, bms, real_platform


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Not for the address that commands of a home use."""
    return issue(tmp_path_factory.mktemp("issued"), "models.example.org", "localhost")


@pytest.fixture(scope="module")
def secure(made: Issued, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    """A platform with a certificate, which believes proxies on this machine."""
    options = ("--trust-proxy", "127.0.0.0/8", "--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with real_platform(tmp_path_factory.mktemp("secure") / "home", *options) as running:
        yield running


def named(platform: RealPlatform) -> str:
    """Its URL by a name that its certificate has."""
    return platform.url.replace("127.0.0.1", "localhost")


def test_it_serves_https_and_its_home_tells_commands_whom_to_believe(secure: RealPlatform, made: Issued) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    assert secure.good("status", "--json").json["ready"] is True  # type: ignore[index]
    secure.good("user", "create", "kept")
    options = ("user", "list", "--url", named(secure), "--key", secure.key)
    assert "kept" in bms(*options, "--ca", str(made.ca)).out
    assert "kept" in bms(*options, BMS_CA=str(made.ca)).out
    refused = bms(*options)
    assert refused.status != 0
    assert "no secure connection" in refused.errors
    other = secure.url.replace("https://", "http://")
    assert bms("user", "list", "--url", other, "--key", secure.key).status != 0


def test_redirects_and_the_description_say_how_clients_see_the_platform(secure: RealPlatform, made: Issued) -> None:
    context = ssl.create_default_context(cafile=str(made.ca))
    with httpx.Client(base_url=named(secure), verify=context, trust_env=False) as http:
        moved = http.get("/api/v1/models/")
        assert (moved.status_code, moved.headers["location"]) == (307, f"{named(secure)}/api/v1/models")
        said = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http", "x-forwarded-host": "bms.example"}
        moved = http.get("/api/v1/models/", headers={**said, "x-forwarded-prefix": "/bms"})
        assert moved.headers["location"] == "http://bms.example/bms/api/v1/models"
        described = http.get("/api/v1/openapi.json", headers={**said, "x-forwarded-prefix": "/bms"}).json()
        assert described["servers"][0]["url"] == "/bms"


def test_a_profile_keeps_whom_to_believe(secure: RealPlatform, made: Issued, tmp_path: Path) -> None:
    configured = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert bms("profile", "set", "--home", str(secure.home), **configured).status == 0
    assert bms("user", "list", **configured).status == 0
    given = ("--url", named(secure), "--key", secure.key, "--ca", str(made.ca))
    assert bms("profile", "set", *given, **configured).status == 0
    assert bms("user", "list", **configured).status == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_both_clients_believe_an_authority_or_one_certificate(
    secure: RealPlatform, made: Issued, tmp_path: Path, kind: str
) -> None:
    stranger = issue(tmp_path)
    for trust in (Trust(ca=made.ca), Trust(certificate=made.certificate)):
        caller = Caller(kind, named(secure), secure.key, trust)
        assert (await caller.call(lambda client: client.tenants.whoami())).tenant == "default"
        await caller.close()
    for trust in (Trust(), Trust(ca=stranger.ca), Trust(certificate=stranger.certificate)):
        caller = Caller(kind, named(secure), secure.key, trust)
        with pytest.raises(Unavailable, match="no secure connection"):
            await caller.call(lambda client: client.tenants.whoami())
        await caller.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tls-cert", "none.pem", "--tls-key", "none.key"), "can't be read"),
        (("--tls-cert", "none.pem"), "both or neither"),
        (("--tls-key", "none.key"), "both or neither"),
    ],
)
def test_files_that_cannot_be_used_are_refused_before_anything_starts(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ran = bms("up", "--home", str(tmp_path / "home"), "--port", "0", *options)
    assert ran.status == 2
    assert said in ran.errors
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("trust", [Trust(ca=Path("/none.pem")), Trust(certificate=Path("/none.pem"))])
def test_a_file_without_certificates_is_named(trust: Trust, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="can't be read"):
        Client("https://127.0.0.1:1", trust=trust)
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    broken = Trust(ca=empty) if trust.ca else Trust(certificate=empty)
    with pytest.raises(InvalidArgument, match="holds no certificate"):
        Client("https://127.0.0.1:1", trust=broken)
