"""Settings from outside."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.environments.sources import PackageSources
from bms.app import settings
from bms.app.home.directory import Home
from bms.app.rules import WorkloadRules
from bms.app.settings import (
    HOME_VARIABLE,
    UpSettings,
    client_settings,
    node_agent,
    package_sources,
    service_environment,
)
from bms.app.supervisor.service_list import list_services
from bms.app.variables import VARIABLES, family, value
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


def test_package_sources_come_from_options_else_from_the_environment() -> None:
    told = {
        "BMS_INDEX_URL": "https://me:password@mirror/simple",
        "BMS_EXTRA_INDEX_URL": "https://a/simple https://b/simple",
        "BMS_FIND_LINKS": "/wheels",
        "BMS_INDEX_MY_TEAM": "https://me:password@team/simple",
        "BMS_OFFLINE": "1",
    }
    found = package_sources(environment=told)
    assert found.index_url == told["BMS_INDEX_URL"]
    assert found.extra_index_urls == ("https://a/simple", "https://b/simple")
    assert found.find_links == ("/wheels",)
    assert found.named == {"my-team": told["BMS_INDEX_MY_TEAM"]}
    assert found.offline
    given = package_sources("https://x/simple", ["https://c/simple"], ["/w"], ["two=https://y"], environment=told)
    assert (given.index_url, given.extra_index_urls, given.find_links) == (
        "https://x/simple",
        ("https://c/simple",),
        ("/w",),
    )
    assert given.named == {"my-team": told["BMS_INDEX_MY_TEAM"], "two": "https://y"}
    assert package_sources(environment={"BMS_OFFLINE": "0"}) == PackageSources()


@pytest.mark.parametrize(
    ("options", "variable"),
    [
        ({"index_url": "https://me:password@h"}, "BMS_INDEX_URL"),
        ({"extra_index_urls": ["https://me:password@h"]}, "BMS_EXTRA_INDEX_URL"),
        ({"named": ["my-team=https://me:password@h"]}, "BMS_INDEX_MY_TEAM"),
    ],
)
def test_a_password_on_the_command_line_is_refused(options: dict[str, Any], variable: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{variable} instead") as refused:
        package_sources(**options, environment={})
    assert "me:password" not in refused.value.message


def test_an_index_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="expected NAME=URL"):
        package_sources(named=["https://me@h"], environment={})


def test_passwords_of_indexes_reach_control_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    packages = package_sources(environment={"BMS_INDEX_PRIVATE": "https://me:password@h"})
    with socket.socket() as listening:
        settings = UpSettings(home=str(home.root), rules=WorkloadRules(packages=packages))
        control, gateway = list_services(home, settings, listening)
    home.run_dir().rmdir()
    assert "me:password@h" in str(control.config)
    assert "me:password@h" not in str(gateway.config) + str(control.program)


def test_a_node_agent_comes_from_options_else_from_the_environment() -> None:
    told = {"BMS_NODE_AGENT": "unix:/run/agent.sock", "BMS_NODE_AGENT_SECRET": "/of/the/agent"}
    assert node_agent(environment=told) == ("unix:/run/agent.sock", "/of/the/agent")
    assert node_agent("unix:/other", "/secret", told) == ("unix:/other", "/secret")
    assert node_agent(environment={}) == ("", "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"node_agent": "10.0.0.5:7443", "node_agent_secret": "/s"}, "no endpoint"),
        ({"node_agent": "tcp+tls:10.0.0.5:7443#", "node_agent_secret": "/s"}, "what to verify"),
        ({"node_agent": "unix:/run/agent.sock"}, "--node-agent-secret"),
        ({"node_agent_secret": "/s"}, "both or neither"),
    ],
)
def test_a_node_agent_that_can_not_be_one_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        WorkloadRules(**wrong)


def test_every_variable_that_is_read_has_a_row_and_every_row_is_read() -> None:
    """The table is in docs/settings.md, which `make check` compares with it."""
    source = Path(settings.__file__).read_text()
    read = set(re.findall(r'(?:value|family)\(environment, "(BMS_[A-Z_<>]+)"\)', source))
    assert read == set(VARIABLES)
    assert re.findall(r'environment(?:\.get\(|\[)f?"BMS', source) == []
    with pytest.raises(KeyError):
        value({"BMS_URLS": "http://here"}, "BMS_URLS")


def test_a_family_leaves_out_what_has_a_row_of_its_own() -> None:
    given = {"BMS_INDEX_URL": "http://all", "BMS_INDEX_OUR_TEAM": "http://ours", "BMS_INDEX_NONE": "", "OTHER": "x"}
    assert family(given, "BMS_INDEX_<NAME>") == {"OUR_TEAM": "http://ours"}
