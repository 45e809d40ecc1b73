"""Refuses models that change their own state each time they run, as in training: answers would depend on earlier
requests."""

from itertools import chain
from typing import Any

from bms.adapters.runtimes.servables.called import CalledServable
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig


def check_steady(servable: CalledServable, module: Any, config: ServableConfig) -> None:
    """Runs the servable of `module` once more on each of its examples. Raises FailedPrecondition naming the parameters
    and buffers that this changed; what was only filled in at the first runs, as caches are, does not count. What a
    verification has proved is not tried anew."""
    if config.proved:
        return
    before = _versions(module)
    for name, inputs in servable.examples.items():
        servable.infer(name, inputs)
    changed = [name for name, version in _versions(module).items() if before.get(name) != version]
    if changed:
        names = ", ".join(map(repr, changed[:5]))
        raise FailedPrecondition(
            f"the model changes {names} each time it runs, so that an answer depends on who asked before: save it "
            "after model.eval(), and without a state that its forward keeps"
        )


def _versions(module: Any) -> dict[str, tuple[int, int]]:
    """Of every tensor a number that PyTorch raises when it is written to, and where it lies."""
    tensors = chain(module.named_parameters(), module.named_buffers())
    return {name: (tensor._version, tensor.data_ptr()) for name, tensor in tensors}
