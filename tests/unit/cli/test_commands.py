"""The commands as a whole: their help, what they load, what they print."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from bms import __version__
from bms.cli.main import COMMANDS, app, load
from bms.cli.output.printing import ago, cell

RUNNER = CliRunner()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_all_its_options(name: str) -> None:
    command = load(name)
    commands = list(command.commands.values()) if isinstance(command, TyperGroup) else [command]
    for each in commands:
        assert each.help, each.name
        for parameter in each.params:
            assert (
                parameter.name == "help" or getattr(parameter, "help", None) or parameter.param_type_name == "argument"
            )
    shown = RUNNER.invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert "--help" in shown.output


ON_THIS_MACHINE = {"recover"}  # among commands that ask a server


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"up", "down", "demo", "profile", "database", "node"}))
def test_every_command_that_asks_a_server_takes_the_same_options(name: str) -> None:
    command = load(name)
    for each in command.commands.values() if isinstance(command, TyperGroup) else [command]:
        if each.name in ON_THIS_MACHINE:
            continue
        assert {"url", "key", "home", "json"} <= {parameter.name for parameter in each.params}, each.name


def test_help_loads_neither_the_client_nor_numbers() -> None:
    script = (
        "import sys; sys.argv = ['bms', '--help']\n"
        "from bms.cli.main import app\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'httpx', 'numpy', 'bms.sdk', 'asyncio'} & set(sys.modules), 'help loads too much'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_wrong_usage_has_status_two() -> None:
    assert RUNNER.invoke(app, ["key", "create", "--colour", "red"]).exit_code == 2
    assert RUNNER.invoke(app, ["nothing"]).exit_code == 2


def test_a_mistyped_command_is_told_what_may_be_meant() -> None:
    assert "Did you mean 'deploy'" in RUNNER.invoke(app, ["deplyo"]).output
    assert "Did you mean 'show'" in RUNNER.invoke(app, ["model", "shwo"]).output


def test_it_says_its_version() -> None:
    assert RUNNER.invoke(app, ["--version"]).output.split()[:2] == ["bms", __version__]
    assert version("bms") == __version__, "what is installed says the same"


def test_type_checkers_may_look_at_its_types() -> None:
    assert files("bms").joinpath("py.typed").is_file()


def test_the_shell_completes_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"_BMS_COMPLETE": "complete_bash", "COMP_WORDS": "bms dep", "COMP_CWORD": "1"}
    shown = RUNNER.invoke(app, [], env=asked, prog_name="bms")
    assert shown.output.split() == ["deploy", "deployment"]
    asked = {"_BMS_COMPLETE": "complete_bash", "COMP_WORDS": "bms key rev", "COMP_CWORD": "2"}
    assert RUNNER.invoke(app, [], env=asked, prog_name="bms").output.split() == ["revoke"]


def test_times_are_told_as_people_tell_them() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for seconds, text in (
        (0, "0 s ago"),
        (90, "2 min ago"),
        (7200, "2 h ago"),
        (-7200, "in 2 h"),
        (86400 * 3, "3 d ago"),
    ):
        assert ago(now - timedelta(seconds=seconds), now) == text


def test_cells_are_told_as_people_read_them() -> None:
    assert [cell(value) for value in (None, (), True, 0.123456, {"a": 1.0}, ["x", 2])] == [
        "",
        "",
        "yes",
        "0.1235",
        "a 1",
        "x, 2",
    ]
