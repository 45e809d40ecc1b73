"""Every child that a sabotaged converter makes is refused, in words that name output, row and both answers."""

import re

import pytest

from bms.core.errors import FailedPrecondition
from tests.planted.conversions import LIARS, Liar, child_of, judge


def test_an_honest_child_is_proved_on_every_output_of_every_kind_of_row() -> None:
    proved = judge(child_of(Liar(lambda rows, said: said, "")))
    assert list(proved.differences) == ["probabilities", "label"]
    assert proved.largest < 1e-12
    assert proved.rows["train"] == 120
    assert proved.rows["validation"] == 40
    assert min(proved.rows[kind] for kind in ("unusual numbers", "extremes", "rows beside decisions")) > 10
    assert proved.again == sum(proved.rows.values())


@pytest.mark.parametrize("name", LIARS)
def test_a_planted_child_is_refused_in_words(name: str) -> None:
    liar = LIARS[name]
    with pytest.raises(FailedPrecondition) as refused:
        judge(child_of(liar))
    assert re.search(liar.refusal, refused.value.message), refused.value.message
    assert refused.value.message.endswith("it is not registered, and the parent is served as it is")
