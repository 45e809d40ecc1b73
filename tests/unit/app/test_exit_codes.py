"""The one table of exit statuses."""

from bms.app.exit_codes import MEANING, ExitCode, Refusal, exit_code_of
from bms.core.errors import BY_CODE


def test_every_status_has_a_meaning() -> None:
    assert set(MEANING) == set(ExitCode)


def test_every_error_has_a_status_that_says_failure() -> None:
    told = {code: exit_code_of(kind("m")) for code, kind in BY_CODE.items()}
    assert 0 not in told.values()
    assert told["NOT_FOUND"] == 3
    assert told["UNAUTHENTICATED"] == told["PERMISSION_DENIED"] == 4
    assert told["UNAVAILABLE"] == 6
    assert told["INTERNAL"] == told["DATA_LOSS"] == 1


def test_a_refusal_brings_its_own() -> None:
    assert exit_code_of(Refusal(ExitCode.PORT_IN_USE, "m")) == 9
