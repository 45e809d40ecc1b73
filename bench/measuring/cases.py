"""What is compared: the cases, at how many connections each, and which system has which."""

from typing import NamedTuple

from measuring.machine import QUICK


class Case(NamedTuple):
    """A row is FP32 [1, 64], an image FP32 [1, 3, 224, 224].

    `connections` for the whole form; for gRPC streams of one connection. `quick` for the quick form.

    `seconds` a run of the whole form; longer where peers answer a few requests a second.
    """

    name: str
    title: str
    connections: tuple[int, ...]
    quick: tuple[int, ...]
    seconds: int = 2

    @property
    def grpc(self) -> bool:
        """Whether its `connections` are streams of one."""
        return self.name in ("row-grpc", "row-predict")

    def sizes(self) -> tuple[int, ...]:
        return self.quick if QUICK else self.connections

    def duration(self) -> int:
        return 1 if QUICK else self.seconds


CASES = (
    Case("row-json", "one row, JSON", (1, 16, 64), (1, 64)),
    Case("row-heads", "one row, JSON, fresh x-request-id", (16, 64), (64,)),
    Case("row-binary", "one row, binary", (1, 16, 64), (64,)),
    Case("row-grpc", "one row, gRPC ModelInfer", (1, 16, 64), (64,)),
    Case("row-predict", "one row, gRPC Predict of TensorFlow Serving", (1, 16, 64), (64,)),
    Case("image-json", "image, JSON (1.05 MB)", (1, 16, 64), (16,), 3),
    Case("image-binary", "image, binary (602 KB)", (1, 16, 64), (16,)),
)


def chosen(names: str) -> tuple[Case, ...]:
    """Those named, with commas between; all where none is. Raises ValueError for a name that is none of them."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {case.name: case for case in CASES}
    for name in wanted:
        if name not in known:
            raise ValueError(f"CASES: there is no case {name!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted) or CASES
