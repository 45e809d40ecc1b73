"""Lists this machine's GPUs as NVIDIA's driver reports them; none where there is no driver."""

import glob
import logging
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

from bms.core.workloads.devices import Device

_ASKED = "index,uuid,memory.total,name"
_PATIENCE_S = 20.0
_FACTS = "/proc/driver/nvidia/gpus/*/information"
_OF_ALL = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
_log = logging.getLogger(__name__)


class NvidiaDevices:
    """The GPUs that `nvidia-smi` lists."""

    def list(self) -> tuple[Device, ...]:
        """Lists the GPUs; blocks for as long as the driver takes, seconds on some machines."""
        program = shutil.which("nvidia-smi")
        if program is None or not os.path.exists(_OF_ALL[0]):
            return ()
        command = [program, f"--query-gpu={_ASKED}", "--format=csv,noheader,nounits"]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True).stdout
        except (OSError, subprocess.SubprocessError) as error:
            _log.warning("GPUs can't be listed, so none is offered: %s", error)
            return ()
        return tuple(parse(said, minors(_read(path) for path in sorted(glob.glob(_FACTS)))))


def parse(said: str, minor: Mapping[str, int]) -> Iterable[Device]:
    """Parses lines `index, uuid, MiB, name` to devices; `minor` numbers of their files by uuid, else the index is
    taken."""
    for line in said.splitlines():
        index, uuid, mebibytes, name = (part.strip() for part in line.split(",", 3))
        if not mebibytes.isdigit():  # "[N/A]": of a device that shares the machine's memory
            _log.warning("GPU %s does not say how much memory it has, so it is not offered", uuid)
            continue
        node = f"/dev/nvidia{minor.get(uuid, int(index))}"
        yield Device(index=int(index), uuid=uuid, name=name, memory=int(mebibytes) * 2**20, nodes=(node,))


def minors(texts: Iterable[str]) -> dict[str, int]:
    """Reads the minor numbers of the devices' files by uuid, from the driver's information files."""
    found = {}
    for text in texts:
        facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        if "GPU UUID" in facts and facts.get("Device Minor", "").isdigit():
            found[facts["GPU UUID"]] = int(facts["Device Minor"])
    return found


def nodes(own: Iterable[Device]) -> tuple[str, ...]:
    """The device files that a workload with these devices needs; none without a device."""
    given = [node for device in own for node in device.nodes]
    return (*given, *_OF_ALL, *sorted(glob.glob("/dev/nvidia-caps/*"))) if given else ()


def variables(own: Iterable[Device]) -> dict[str, str]:
    """The environment variables that show a workload only its own devices."""
    named = ",".join(device.uuid for device in own)
    return {"CUDA_VISIBLE_DEVICES": named, "NVIDIA_VISIBLE_DEVICES": named or "void"}


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
