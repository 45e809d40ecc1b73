"""What a node agent is told, and which homes it takes."""

from pathlib import Path

import pytest

from bms.app.exit_codes import ExitCode, Refusal
from bms.app.home.directory import Home
from bms.app.node_agent.main import AgentSettings, hold, parse_listen
from bms.core.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "found"),
    [("", ("", 0)), ("10.0.0.5:7443", ("10.0.0.5", 7443)), ("[::1]:0", ("::1", 0)), ("node.lan:80", ("node.lan", 80))],
)
def test_where_to_listen_is_a_host_and_a_port(text: str, found: tuple[str, int]) -> None:
    assert parse_listen(text) == found


@pytest.mark.parametrize("text", ["7443", ":7443", "host:", "host:http", "host:70000"])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match="expected HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_who_listens_on_every_address_says_which_one_others_use(host: str) -> None:
    with pytest.raises(InvalidArgument, match="--advertise"):
        AgentSettings(home="/h", host=host)
    AgentSettings(home="/h", host=host, advertise="node.lan")


def test_a_home_is_one_agents_and_no_platforms(tmp_path: Path) -> None:
    held = hold(Home(tmp_path / "node"))
    assert held
    with pytest.raises(Refusal) as second:
        hold(Home(tmp_path / "node"))
    assert second.value.exit_code == ExitCode.ALREADY_RUNNING
    Home(tmp_path / "platform").prepare()
    (tmp_path / "platform" / "bms.db").touch()
    with pytest.raises(Refusal, match="home of a platform"):
        hold(Home(tmp_path / "platform"))
