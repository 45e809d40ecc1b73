"""Long reasons are cut at a word."""

import pytest

from bms.core.formats.shortening import shortened


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        ("out of memory", 13, "out of memory"),
        ("out of memory at last", 17, "out of memory at…"),
        ("out of memory at last", 16, "out of memory…"),
        ("out of memory at last", 14, "out of memory…"),
        ("x" * 50, 10, "x" * 9 + "…"),
        ("a " + "x" * 50, 10, "a " + "x" * 7 + "…"),
        ("", 10, ""),
    ],
)
def test_the_end_goes_at_a_word(text: str, length: int, cut: str) -> None:
    assert shortened(text, length) == cut
    assert len(cut) <= length
