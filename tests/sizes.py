"""How much is enough: what tries many cases tries few of them, and all where BMS_TEST_ALL is set (`make test-all`)."""

import os

ALL = bool(os.environ.get("BMS_TEST_ALL"))


def enough(few: int, many: int) -> int:
    """A number of cases: `many` of them in `make test-all`."""
    return many if ALL else few
