"""Numbers beyond 63 bits are refused by name, wherever they stand."""

import msgspec
import pytest

from bms.core.errors import InvalidArgument
from bms.web.api.log_pieces import LogPlace
from bms.web.api.whole_numbers import LARGEST, check_body, check_numbers


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"offset": 99999999999999999999}, "offset is 99999999999999999999, expected at most 9223372036854775807"),
        ({"spec": {"targets": [{"version": 1}, {"version": 2**63}]}}, r"spec\.targets\[1\]\.version is 92233"),
        ({"parameters": {"seed": -(2**64)}}, r"parameters\.seed is -1844"),
        ({"limit": 10**500}, "limit is a number of over 40 digits"),
    ],
)
def test_a_number_beyond_63_bits_is_refused_with_its_place(given: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_numbers(given)


def test_what_fits_passes() -> None:
    check_numbers(LogPlace(offset=LARGEST))
    check_body(msgspec.json.encode({"a": LARGEST, "b": True, "c": "99999999999999999999", "d": [1.5, None]}))
    with pytest.raises(InvalidArgument, match="a is 9223372036854775808"):
        check_body(b'{"a": 9223372036854775808}')
    with pytest.raises(InvalidArgument, match="offset is"):
        check_numbers(LogPlace(offset=LARGEST + 1))
