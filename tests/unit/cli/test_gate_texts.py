"""Gates are written as people say them."""

import pytest
import typer

from bms.cli.options.gates import bound_text, gate_of, gate_text
from bms.sdk.models import Gate


def test_a_gate_is_read_and_written() -> None:
    least = gate_of("accuracy:fruit:test>=0.9")
    assert least == Gate(metric="accuracy", dataset="fruit", split="test", minimum=0.9)
    most = gate_of("rmse : price@3 <= 30")
    assert most == Gate(metric="rmse", dataset="price@3", split="validation", maximum=30)
    assert (gate_text(least), gate_text(most), bound_text(least), bound_text(most)) == (
        "accuracy ≥ 0.9", "rmse ≤ 30", "at least 0.9", "at most 30",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "accuracy>=0.9",
        "accuracy:fruit",
        "accuracy:fruit>0.9",
        "accuracy:fruit>=much",
        "accuracy:fruit>=nan",
        "rmse:fruit<=inf",
        "",
    ],
)
def test_what_is_no_gate_is_told_the_form(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"accuracy:digits:validation>=0\.95"):
        gate_of(text)
