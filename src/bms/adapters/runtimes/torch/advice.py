"""Advice for files of torch.save, which aren't served: code that exports the model with a free batch dimension."""

import os

from bms.adapters.runtimes.torch.pickle import Saved, saved

_WHY = (
    "is a pickle of torch.save, which holds no model but what the code that made it can read, and runs whatever code "
    "it holds when opened"
)
_OTHERWISE = (
    "With one row the example would fix the number of rows to one. Other ways, TorchScript and weights beside a "
    "model.py, are in docs/runtimes.md"
)
_SIZE = {"sequence": 16, "image": 224, "volume": 32}  # where nothing says one


def refusal(path: str) -> str:
    """The reason why the file is refused and, as code that runs as it is written, what to push instead."""
    name = os.path.basename(path)
    try:
        found = saved(path)
    except OSError:
        found = None
    code = "\n".join(f"    {line}" for line in (*_opening(name, found), *_exporting(found)))
    return (
        f"{name!r} {_WHY}. {_where(found)}, and push model.pt2, which takes any number of rows:\n\n{code}\n\n"
        f"{_OTHERWISE}"
    )


def _where(found: Saved | None) -> str:
    if found is None:
        return "Export the model that it belongs to, in the program that has it as `model`"
    if not found.kind:
        return "It holds weights: export their model, in the program that has it as `model`, made as for training"
    module, _, kind = found.kind[:200].rpartition(".")
    place = "in the program that defines" if module == "__main__" else f"where {module!r} can be imported, which has"
    return f"It holds a whole module: export it {place} its class {kind!r}"


def _opening(name: str, found: Saved | None) -> list[str]:
    """Lines that make `model`."""
    whole = found is not None and bool(found.kind)
    plain = found is None or (found.plain and not whole)
    key = "" if found is None or found.within is None else f"[{found.within!r}]"
    loaded = f"torch.load({name!r}, map_location='cpu', weights_only={plain}){key}"
    if whole:
        return ["import torch", f"model = {loaded}.eval()"]
    lines = ["import torch", f"weights = {loaded}"]
    for prefix in ("module.", "_orig_mod."):  # of DataParallel, of torch.compile
        if found is not None and all(tensor.startswith(prefix) for tensor in found.tensors):
            lines.append(f"weights = {{name.removeprefix({prefix!r}): value for name, value in weights.items()}}")
    return [*lines, "model.load_state_dict(weights)", "model.eval()"]


def _exporting(found: Saved | None) -> list[str]:
    return [
        f"example = ({_example(found)},)  # two rows of what forward takes: change it where yours differ",
        "rows = torch.export.Dim('rows', min=1)",
        "program = torch.export.export(model, example, dynamic_shapes=[{0: rows} for _ in example])",
        "torch.export.save(program, 'model.pt2')",
    ]


def _example(found: Saved | None) -> str:
    """A tensor for the model's first layer, as far as its weights show what that takes."""
    sizes = [] if found is None else list(found.tensors.items())
    name, size = next(((name, size) for name, size in sizes if len(size) > 1), sizes[0] if sizes else ("", (1,)))
    if found is not None and found.embeds:
        return f"torch.zeros(2, {_SIZE['sequence']}, dtype=torch.int64)"
    if "weight_ih" in name:  # of a recurrent layer
        return f"torch.randn(2, {_SIZE['sequence']}, {size[1]})"
    around = {3: (_SIZE["sequence"],), 4: (_SIZE["image"],) * 2, 5: (_SIZE["volume"],) * 3}.get(len(size), ())
    return f"torch.randn({', '.join(map(str, (2, size[min(1, len(size) - 1)], *around)))})"
