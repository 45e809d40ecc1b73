"""What can't be undone is asked about at a terminal alone."""

import io
import sys

import pytest
import typer

from bms.cli.confirmation import be_sure

WHAT = "This deletes the tenant acme"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_no_ends_the_command_and_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\ny\n"))
    with pytest.raises(typer.Abort):
        be_sure(WHAT, yes=False)
    be_sure(WHAT, yes=False)


def test_who_said_yes_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    be_sure(WHAT, yes=True)


def test_without_a_terminal_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    be_sure(WHAT, yes=False)
