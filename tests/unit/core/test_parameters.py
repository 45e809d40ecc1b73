"""Parameters: what is chosen, what is the default, what is refused."""

import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.parameters import Parameter, chosen_parameters, parameters_text, read_parameters

KNOWN = (
    Parameter(name="t", type="number", default=0.5),
    Parameter(name="n", type="integer", default=1),
    Parameter(name="few", type="integer", default=(1, 2), many=True),
    Parameter(name="how", type="object", default='{"a":1}'),
    Parameter(name="when", type="datetime", default=None),
    Parameter(name="b", type="boolean", default=True),
)


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        (None, b""),
        ({}, b""),
        ({"t": 0.5, "n": 1, "few": [1, 2], "how": {"a": 1}, "b": True, "when": None}, b""),
        ({"n": 2, "b": False}, b'{"b":false,"n":2}'),
        ({"t": 1}, b'{"t":1}'),
        ({"few": "[3]", "how": '{"a":2}'}, b'{"few":[3],"how":{"a":2}}'),
        ({"few": []}, b'{"few":[]}'),
        ({"when": "2026-01-01"}, b'{"when":"2026-01-01"}'),
    ],
)
def test_what_is_not_the_default_is_written_in_one_way(given: object, chosen: bytes) -> None:
    made = chosen_parameters(KNOWN, given)
    assert made == chosen
    assert chosen_parameters(KNOWN, read_parameters(made)) == chosen


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([1], "must be an object of values by name, not a list"),
        ({"T": 1}, r"unknown parameter 'T': this model takes 't' number \(default 0.5\), 'n' integer \(default 1\)"),
        ({"t": "1"}, "parameter 't' is '1', expected a number"),
        ({"t": True}, "parameter 't' is True, expected a number"),
        ({"n": 1.5}, "parameter 'n' is 1.5, expected a whole number"),
        ({"n": 2**63}, "expected a whole number"),
        ({"few": 3}, "expected a list of values, each a whole number"),
        ({"few": [1, "a"]}, "expected a list of values, each a whole number"),
        ({"few": "[1"}, "expected a list of values"),
        ({"how": [1]}, "expected an object"),
        ({"when": 7}, "expected a date-time of ISO 8601"),
        ({"b": 1}, "expected true or false"),
    ],
)
def test_what_the_model_does_not_take_is_refused_with_what_it_takes(given: object, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        chosen_parameters(KNOWN, given)


def test_a_model_without_parameters_says_so() -> None:
    assert parameters_text(()) == "no parameters"
    with pytest.raises(InvalidArgument, match="unknown parameter 't': this model takes no parameters"):
        chosen_parameters((), {"t": 1})
