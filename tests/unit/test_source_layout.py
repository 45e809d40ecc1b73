"""What the check of the source's layout refuses."""

from pathlib import Path

import pytest

from checks import source_layout
from checks.source_layout import ROOT, doubled_names, large_folders


def test_the_source_is_laid_out_as_it_should() -> None:
    assert [*large_folders(ROOT), *doubled_names(ROOT)] == []


def test_a_folder_of_too_many_modules_is_told_and_so_is_a_reason_that_nothing_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_layout, "LARGER", {"known": "", "small": ""})
    for folder, modules in (("known", 21), ("small", 1), ("large", 21), ("just", 20)):
        (tmp_path / folder).mkdir()
        for name in ("__init__", *(f"m{number}" for number in range(modules))):
            (tmp_path / folder / f"{name}.py").touch()
    assert large_folders(tmp_path) == [
        "large has 21 modules, at most 20",
        "small is small enough: take it out of LARGER",
    ]


@pytest.mark.parametrize(
    ("homes", "told"),
    [
        (("control/a", "api_types/a", "sdk/a", "jobs/a"), False),
        (("core/a", "api_types/a"), False),
        (("web/a",), False),
        (("sdk/a", "sdk/b"), True),
        (("control/a", "core/a"), True),
        (("web/a", "adapters/a"), True),
        (("adapters/a", "sdk/a"), True),
    ],
)
def test_two_classes_of_one_name_are_told_but_for_views_of_a_noun(
    tmp_path: Path, homes: tuple[str, ...], told: bool
) -> None:
    for home in homes:
        (tmp_path / home).parent.mkdir(exist_ok=True)
        (tmp_path / f"{home}.py").write_text("class Thing: ...\n\n\nclass _Own: ...\n")
    found = doubled_names(tmp_path)
    assert [line.partition(" ")[0] for line in found] == (["Thing"] if told else [])
