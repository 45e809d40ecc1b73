"""Reads the INT96 timestamps of Spark, Hive and Impala: a day and the nanoseconds in it, a range that 64 bits of
nanoseconds don't cover. pyarrow reads them in one unit, and says nothing of what that does not hold."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument

Open = Callable[[Path, str], Any]  # a pyarrow.parquet.ParquetFile that reads INT96 in this unit
Ticks = dict[str, NDArray[np.int64]]


def unit_of(paths: Sequence[Path], open: Open) -> str:
    """Chooses the unit in which all INT96 times of the files are exact: nanoseconds, or for times that those do not
    reach (they do 1677 to 2262) microseconds. Raises InvalidArgument, naming file and column, where neither is."""
    unit = "ns"
    for path in paths:
        coarse = _ticks(path, open, "ms")  # which a day of 32 bits never overflows
        fine = _ticks(path, open, "ns") if coarse else {}
        if any((fine[name] // 1_000_000 != moments).any() for name, moments in coarse.items()):
            unit = "us"
    if unit == "us":
        for path in paths:
            _check_micros(path, open)
    return unit


def _check_micros(path: Path, open: Open) -> None:
    coarse, micros, fine = (_ticks(path, open, unit) for unit in ("ms", "us", "ns"))
    for name, moments in micros.items():
        if (moments // 1000 != coarse[name]).any():
            raise InvalidArgument(f"{path.name}: column {name!r} of INT96 holds times outside the years 1 to 9999")
        # Both sides overflow alike, so their difference is right for every time.
        if (fine[name] != moments * 1000).any():
            raise InvalidArgument(
                f"{path.name}: column {name!r} of INT96 needs nanoseconds, and holds times outside 1677 to 2262 (or "
                "another file does), which can't be kept together: write it as a timestamp of microseconds, or as text"
            )


def _ticks(path: Path, open: Open, unit: str) -> Ticks:
    """The columns of INT96, a missing time as 0."""
    with open(path, unit) as file:
        fields = [file.schema.column(place) for place in range(len(file.schema))]
        names = [field.path for field in fields if field.physical_type == "INT96" and field.path == field.name]
        if not names:
            return {}
        table = file.read(columns=names, use_threads=False)
        return {name: table[name].cast("int64").fill_null(0).to_numpy() for name in names}
