"""Limits and checks of a deployment's batching options."""

from collections.abc import Mapping

from msgspec import structs

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import ENGINES, Batching

MOST_ROWS = 65_536
MOST_SIZES = 32
_SECONDS = (("max_wait_s", 0.0, 10.0), ("objective_s", 0.001, 60.0))


def within(batching: Batching, signatures: Mapping[str, Signature]) -> Batching:
    """The options with no more rows in a run than the version allows."""
    most = min([one.max_batch_size for one in signatures.values() if one.max_batch_size], default=0)
    if not most:
        return batching
    sizes = tuple([size for size in batching.sizes if size <= most])
    if batching.sizes and not sizes:
        sizes = (most,)
    return structs.replace(batching, max_rows=min(batching.max_rows, most), sizes=sizes)


def rows_together(batching: Batching, runtime: str, signatures: Mapping[str, Signature]) -> int:
    """How many rows of several requests may run together. With an engine none do: each request is sent by itself, so
    that it can be cancelled by itself."""
    return 1 if runtime in ENGINES else within(batching, signatures).rows_together


def check_batching(batching: Batching) -> None:
    """Checks batching options. Raises InvalidArgument naming the first field that is out of range, and its range."""
    if not 1 <= batching.max_rows <= MOST_ROWS:
        raise InvalidArgument(f"batching is out of range: max_rows is 1 to {MOST_ROWS}, not {batching.max_rows}")
    for name, low, high in _SECONDS:
        if not low <= (value := getattr(batching, name)) <= high:
            raise InvalidArgument(f"batching is out of range: {name} is {low:g} to {high:g} seconds, not {value:g}")
    sizes = batching.sizes
    if not sizes:
        return
    if len(sizes) > MOST_SIZES or sizes[0] < 1 or sizes[-1] > MOST_ROWS or sorted(set(sizes)) != list(sizes):
        raise InvalidArgument(
            f"batching.sizes is {list(sizes[:40])}, expected at most {MOST_SIZES} numbers of rows from 1 to "
            f"{MOST_ROWS}, each larger than the one before"
        )
