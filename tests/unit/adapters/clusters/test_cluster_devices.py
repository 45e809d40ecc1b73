"""What NVIDIA's driver says, read."""

from bms.adapters.clusters.resources.devices import minors, nodes, parse, variables
from bms.core.workloads.devices import Device

SAID = """0, GPU-1111, 143771, NVIDIA H200
1, GPU-2222, 24576, NVIDIA A10, rev 2
2, GPU-3333, [N/A], NVIDIA GB10
"""
FACTS = "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-1111\nBus Location: \t 0000:dc:00.0\nDevice Minor: \t 5\n"


def test_devices_are_read_with_the_number_of_their_file() -> None:
    one, two = parse(SAID, minors([FACTS, "Model: x\n", ""]))
    assert one == Device(index=0, uuid="GPU-1111", name="NVIDIA H200", memory=143771 * 2**20, nodes=("/dev/nvidia5",))
    assert (two.name, two.nodes) == ("NVIDIA A10, rev 2", ("/dev/nvidia1",))


def test_an_owner_gets_the_drivers_files_too_and_nobody_else_any() -> None:
    one, two = parse(SAID, {})
    assert nodes([one])[:3] == ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm")
    assert "/dev/nvidia1" not in nodes([one])
    assert nodes([]) == ()
    assert variables([one, two])["CUDA_VISIBLE_DEVICES"] == "GPU-1111,GPU-2222"
    assert variables([]) == {"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void"}
