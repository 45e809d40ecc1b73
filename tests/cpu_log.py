"""A pytest plugin that writes down what processor time each test used, for `tests/cpu_clock.py`.

A fixture's time is that of the test that was the first to ask for it.
"""

import os
import time
from collections.abc import Generator

import pytest

from tests.cpu_clock import LOGS, Spent, used, write


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    began, wall = used(), time.monotonic()
    try:
        return (yield)
    finally:
        if LOGS in os.environ:
            write(os.environ[LOGS], [Spent(item.nodeid, used() - began, time.monotonic() - wall, 1)])
