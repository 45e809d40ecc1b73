"""Who gets which GPU."""

import pytest

from bms.core.errors import InvalidArgument, ResourceExhausted
from bms.core.workloads.devices import Device, DeviceShare, assign, free_memory
from bms.core.workloads.resources import Resources

DEVICES = [
    Device(index=n, uuid=uuid, name="x", memory=memory) for n, (uuid, memory) in enumerate((("a", 80), ("b", 40)))
]


@pytest.mark.parametrize(
    ("taken", "count", "memory", "chosen"),
    [
        ([], 1, 0, ["b:40"]),
        ([], 2, 0, ["b:40", "a:80"]),
        ([("b", 1)], 1, 0, ["a:80"]),
        ([], 1, 50, ["a:50"]),
        ([("a", 45)], 1, 30, ["a:30"]),
        ([("a", 45)], 1, 36, ["b:36"]),
        ([("gone", 45)], 2, 40, ["b:40", "a:40"]),
    ],
)
def test_the_least_room_that_is_enough_is_taken_first(
    taken: list[tuple[str, int]], count: int, memory: int, chosen: list[str]
) -> None:
    shares = assign(DEVICES, [DeviceShare(uuid=uuid, memory=used) for uuid, used in taken], count, memory)
    assert [f"{share.uuid}:{share.memory}" for share in shares] == chosen


@pytest.mark.parametrize(
    ("taken", "count", "memory", "words"),
    [
        ([], 3, 0, "3 GPUs to itself asked for and 2 can be given"),
        ([("a", 1)], 2, 0, "and 1 can be given"),
        (
            [],
            1,
            81,
            "with 81 B free asked for and none can be given now .free memory by device: 0: 80 B of 80 B, 1: 40 B",
        ),
    ],
)
def test_what_can_not_be_given_is_refused_with_what_is_free(
    taken: list[tuple[str, int]], count: int, memory: int, words: str
) -> None:
    with pytest.raises(ResourceExhausted, match=words):
        assign(DEVICES, [DeviceShare(uuid=uuid, memory=used) for uuid, used in taken], count, memory)


def test_without_devices_it_is_said_what_to_do() -> None:
    with pytest.raises(ResourceExhausted, match="offers no GPU: ask for gpu=0"):
        assign([], [], 1, 0)


def test_free_memory_is_what_nobody_was_given() -> None:
    assert free_memory(DEVICES, [DeviceShare(uuid="a", memory=30), DeviceShare(uuid="a", memory=20)]) == {
        "a": 30,
        "b": 40,
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gpu_memory": 5}, "without gpu"),
        ({"gpu": 1, "gpu_memory": -1}, "gpu_memory is -1"),
        ({"processes": 0}, "processes is 0"),
        ({"disk": 5}, "disk is 5"),
    ],
)
def test_resources_that_mean_nothing_are_named(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Resources(**wrong)
