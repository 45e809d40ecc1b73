"""The table of clients in the documents is what the tests of clients found, and says no more."""

import pytest

from tests.clients import table


@pytest.mark.parametrize("language", table.PAGES)
def test_the_page_has_the_table_that_was_made(language: str) -> None:
    assert table.shown(table.PAGES[language].read_text()) == table.table(language), "run `make clients-table`"


def test_what_nobody_tried_and_what_has_no_words_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = table.read()
    litellm = kept["litellm"]["tried"]
    for tried, said in (
        ({**litellm, "images": "got"}, "'images' was tried and has no words"),
        ({"no such model": "got"}, "nobody tried"),
        (dict.fromkeys(litellm, "refused: Error"), "does not work"),
    ):
        changed = {**kept, "litellm": {**kept["litellm"], "tried": tried}}
        monkeypatch.setattr(table, "read", lambda changed=changed: changed)
        with pytest.raises(ValueError, match=said):
            table.table("en")
    monkeypatch.setattr(table, "read", lambda: {"litellm": kept["litellm"]})
    with pytest.raises(ValueError, match="different clients"):
        table.table("en")


def test_what_has_changed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "WRITES", False)
    with pytest.raises(AssertionError, match="make clients-table"):
        table.keep("litellm", "litellm 0", [])
