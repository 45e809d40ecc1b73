"""Every model that a gate must refuse is refused, with the reason; the honest ones pass."""

import re

import pytest

from bms.core.errors import FailedPrecondition
from tests.planted.gate_liars import liars
from tests.planted.gates import HONEST, HONEST_REGRESSOR, Liar, judge, model


@pytest.mark.parametrize("liar", [HONEST, HONEST_REGRESSOR], ids=["classifier", "regressor"])
def test_an_honest_model_passes(liar: Liar) -> None:
    judge(model(liar))


@pytest.mark.parametrize("name", liars())
def test_a_planted_model_is_refused_with_the_reason(name: str) -> None:
    liar = liars()[name]
    with pytest.raises(FailedPrecondition) as refused:
        judge(model(liar))
    assert re.search(liar.refusal, refused.value.message), refused.value.message


def test_there_are_many() -> None:
    assert len(liars()) >= 26
