"""Tables keep all their columns, in a pipe and on a narrow terminal, whatever stands in them."""

import pytest
from rich.cells import cell_len

from bms.cli.output.printing import CommandOutput
from bms.cli.output.tables import table
from bms.cli.output.visible import in_one_line, visible

ROWS = [["ID", "NAME", ""], ["job_01m8mw420mdmxmm4f1xd3j5s3h", "digits", "it could not be got ready: no room"]]


def test_nothing_is_cut_or_wrapped_in_a_pipe() -> None:
    long = [*ROWS, ["7" * 400, "中文", "why " * 100]]
    title, first, second = table(long, None)
    assert title == "ID" + " " * 400 + "NAME"
    assert first.split() == ["job_01m8mw420mdmxmm4f1xd3j5s3h", "digits", *ROWS[1][2].split()]
    assert second == "7" * 400 + "  中文    " + ("why " * 100).strip()


@pytest.mark.parametrize("width", [20, 40, 60, 70, 90, 200])
def test_every_column_stays_whole_on_a_terminal_of_any_width(width: int) -> None:
    lines = table(ROWS, width)
    assert lines[0] == "ID".ljust(32) + "NAME"
    assert lines[1].startswith("job_01m8mw420mdmxmm4f1xd3j5s3h  digits  ")
    assert " ".join(" ".join(lines[1:]).split()) == " ".join(ROWS[1])
    if width >= 70:  # else there is no room to wrap in, and the terminal does it
        assert all(cell_len(line) <= width for line in lines)
        assert all(line.startswith(" " * 40) for line in lines[2:])


def test_a_word_longer_than_the_room_goes_on_in_the_next_line() -> None:
    assert table([["a", "x" * 60]], 33) == ["a  " + "x" * 30, "   " + "x" * 30]
    assert table([["a", ""], ["b", "one\ntwo"]], 60) == ["a", "b  one", "   two"]
    assert table([], 80) == []


@pytest.mark.parametrize("text", ["[/b] [red]x", ":smile:", "a\x1b[31mred\x07", "one\ntwo", "\ud800", "\u202eabc"])
def test_odd_texts_spoil_neither_a_list_nor_a_page(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = CommandOutput(json=False)
    out.many([text, "plain"], {"TEXT": lambda one: one, "": lambda one: one}, "none")
    out.one(text, {"text": text, "id": "job_1"})
    out.say(text)
    shown = capsys.readouterr().out
    title, odd, plain, *_ = shown.splitlines()
    assert (title.split(), plain.split()) == (["TEXT"], ["plain", "plain"])
    assert odd == f"{in_one_line(text)}  {in_one_line(text)}"
    assert visible(text) in shown
    assert "\x1b" not in shown
    assert "job_1" in shown


def test_what_would_move_the_cursor_is_shown() -> None:
    assert visible("a\x1b[2J\x07\tb\n\u202e") == r"a\x1b[2J\x07" + "\tb\n" + r"\u202e"
    assert in_one_line("a\r\nb\n\n\tc") == "a b c"
