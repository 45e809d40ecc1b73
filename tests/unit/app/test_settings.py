"""Settings from outside."""

from pathlib import Path

import pytest

from bms.app.settings import HOME_VARIABLE, UpSettings, client_settings, service_environment
from bms.core.errors import InvalidArgument


def test_services_inherit_what_they_need_and_no_secret() -> None:
    given = {
        "PATH": "/bin",
        "PIP_FIND_LINKS": "/wheels",
        "https_proxy": "http://proxy",
        "BMS_KEY": "secret",
        "BMS_DATABASE_URL": "postgresql://secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    environment = service_environment("mark", given)
    assert environment["PATH"] == "/bin"
    assert environment["PIP_FIND_LINKS"] == "/wheels"
    assert environment["https_proxy"] == "http://proxy"
    assert environment[HOME_VARIABLE] == "mark"
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert "MALLOC_MMAP_THRESHOLD_" in environment
    assert "secret" not in " ".join(environment.values())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"port": 70000}, "port"), ({"gateways": 0}, "gateways"), ({"gateways": 65}, "gateways"), ({"home": "x"}, "home")],
)
def test_settings_out_of_range_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        UpSettings(**{"home": "/h", **wrong})  # type: ignore[arg-type]


def test_client_settings_come_from_the_environment() -> None:
    told = client_settings({"HOME": "/u", "BMS_URL": "http://x", "BMS_KEY": ""})
    assert (told.url, told.key, told.profile) == ("http://x", None, Path("/u/.config/bms/profile.toml"))
    assert client_settings({"XDG_CONFIG_HOME": "/c"}).profile == Path("/c/bms/profile.toml")
