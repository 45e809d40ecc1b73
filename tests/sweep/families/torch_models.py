"""Makes small PyTorch models, each as an exported program, scripted, traced, and as code with weights, and writes what
the module itself answers to each of sixteen calls.

Below `exported`, `scripted`, `traced` and `code`, for each a folder `NAME/` with `model/` and `calls.npz`: arrays
"NUMBER/in/TENSOR" and, unless it answers something else each time or keeps state, "NUMBER/out/TENSOR". Runs in the
library's own environment: no import of ours. Argument: the folder.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

F = torch.nn.functional
CALLS = 16
STEPS, FEATURES, WORDS = 6, 4, 30
CHANCE = np.random.default_rng(5)
TYPES = {"float32": "FP32", "int64": "INT64"}
CODE = """
import importlib.util
import sys

found = importlib.util.spec_from_file_location("torch_models", {script!r})
torch_models = importlib.util.module_from_spec(found)
found.loader.exec_module(torch_models)


def build(config):
    return torch_models.module({name!r})
"""


def sizes(*shape):
    return [(2 if number % 5 == 4 else 1, *shape) for number in range(CALLS)]


def floats(*shape):
    """Sixteen calls of one row or two, of several magnitudes."""
    drawn = [CHANCE.standard_normal(size) * 10.0 ** (number % 4 - 1) for number, size in enumerate(sizes(*shape))]
    return [one.astype("f4") for one in drawn]


def lengths():
    return [np.full(size, 1 + number % STEPS, "i8") for number, size in enumerate(sizes())]


def ids(*shape):
    return [CHANCE.integers(0, WORDS, size) for size in sizes(*shape)]


TABLE = {"x": floats(FEATURES)}
SERIES = {"x": floats(STEPS, FEATURES)}
LENGTHS = {"x": SERIES["x"], "lengths": lengths()}


class Dense(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = torch.nn.Linear(FEATURES, 8), torch.nn.Linear(8, 3)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x):
        return torch.softmax(self.last(self.drop(torch.relu(self.first(x)))), -1)


class Image(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)
        self.last = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.last(torch.relu(self.norm(self.conv(x))).mean(dim=[2, 3]))


class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.last = torch.nn.Embedding(WORDS, 8, padding_idx=0), torch.nn.Linear(8, 3)

    def forward(self, x):
        seen = (x != 0).unsqueeze(-1)
        return self.last((self.embedding(x) * seen).sum(1) / seen.sum(1).clamp(min=1))


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.GRU(FEATURES, 8, batch_first=True)

    def forward(self, x):
        return self.body(x)[0][:, -1]


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key = torch.nn.Linear(FEATURES, 8), torch.nn.Linear(FEATURES, 8)
        self.norm = torch.nn.LayerNorm(FEATURES)

    def forward(self, x):
        scores = torch.softmax(torch.matmul(self.query(x), self.key(x).transpose(1, 2)) / 8, -1)
        return self.norm(torch.matmul(scores, x))


class NormAsTrained(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(FEATURES)

    def forward(self, x):
        return self.norm(x)


class UpToLengths(torch.nn.Module):
    def forward(self, x, lengths):
        seen = (torch.arange(x.size(1)).unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(-1)
        return (x * seen).sum(1) / lengths.unsqueeze(1)


class SortedInARow(torch.nn.Module):
    def forward(self, x):
        return torch.sort(x, 1)[0][:, :3]


class UnitRows(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.normalize(x + 0.1, dim=-1)


class NormOverRows(torch.nn.Module):
    """Batch normalisation by the rows at hand."""

    def forward(self, x):
        return (x - x.mean(0, keepdim=True)) / torch.sqrt(x.var(0, unbiased=False, keepdim=True) + 0.1)


class SoftmaxOverRows(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, 0)


class Centred(torch.nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class ScaledByLargest(torch.nn.Module):
    def forward(self, x):
        return x / (x.abs().max() + 1)


class QuantisedByRange(torch.nn.Module):
    """To 8 bits over the range of all rows, as dynamic quantisation does."""

    def forward(self, x):
        step = (x.max() - x.min()).clamp(min=1e-6) / 255
        return torch.round((x - x.min()) / step) * step + x.min()


class RunningSum(torch.nn.Module):
    def forward(self, x):
        return torch.cumsum(x, 0)


class NeighboursRow(torch.nn.Module):
    def forward(self, x):
        return x + torch.roll(x, 1, 0)


class LastRowFirst(torch.nn.Module):
    def forward(self, x):
        return torch.flip(x, [0])


class SortedRows(torch.nn.Module):
    def forward(self, x):
        return torch.sort(x, 0)[0]


class SimilarRows(torch.nn.Module):
    def forward(self, x):
        return torch.matmul(torch.softmax(torch.matmul(x, x.t()) / 10, -1), x)


class PaddedToTheLongest(torch.nn.Module):
    def forward(self, x, lengths):
        seen = (torch.arange(x.size(1)) < lengths.max()).unsqueeze(0).unsqueeze(-1)
        return (x * seen).sum(1) / lengths.max()


class CutToTheShortest(torch.nn.Module):
    def forward(self, x, lengths):
        seen = (torch.arange(x.size(1)) < lengths.min()).unsqueeze(0).unsqueeze(-1)
        return (x * seen).sum(1)


class MeanOfBatchWithin(torch.nn.Module):
    """The rows' features, and whether each is above what the batch has on the whole."""

    def forward(self, x):
        return x, (x > x.mean()).float()


class FirstRowOnly(torch.nn.Module):
    def forward(self, x):
        return x[:1]


class RowsTwice(torch.nn.Module):
    def forward(self, x):
        return torch.cat([x, x])


class SumOfRows(torch.nn.Module):
    def forward(self, x):
        return x.sum(0, keepdim=True)


class DropsRows(torch.nn.Module):
    def forward(self, x):
        return x[x[:, 0] > 0]


class DropsOut(torch.nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, training=True)


class AddsNoise(torch.nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class CountsCalls(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls.add_(1)
        return x * self.calls


class CountsInAnAttribute(torch.nn.Module):
    """Which only scripts keep: a trace and a program have its first value built in."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class FillsACache(torch.nn.Module):
    """At the first runs only: the answers are always the same."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.zeros(FEATURES))

    def forward(self, x):
        if bool(self.table[0] == 0):
            self.table.add_(torch.arange(1, 5))
        return x * self.table


class KeepsAverage(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("average", torch.zeros(FEATURES))

    def forward(self, x):
        self.average.mul_(0.9).add_(x.mean(0) * 0.1)
        return x - self.average


class NormLeftTraining(torch.nn.Module):
    """As somebody exports who forgot model.eval()."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(FEATURES)

    def forward(self, x):
        return self.norm(x)


INDEPENDENT = {
    Dense: TABLE,
    Image: {"x": floats(3, 8, 8)},
    Words: {"x": ids(STEPS)},
    Recurrent: SERIES,
    Attention: SERIES,
    NormAsTrained: TABLE,
    UpToLengths: LENGTHS,
    SortedInARow: TABLE,
    UnitRows: TABLE,
}
DEPENDENT = {
    **dict.fromkeys((NormOverRows, SoftmaxOverRows, Centred, ScaledByLargest, QuantisedByRange, RunningSum), TABLE),
    **dict.fromkeys((NeighboursRow, LastRowFirst, SortedRows, SimilarRows, MeanOfBatchWithin), TABLE),
    **dict.fromkeys((PaddedToTheLongest, CutToTheShortest), LENGTHS),
    **dict.fromkeys((FirstRowOnly, RowsTwice, SumOfRows, DropsRows), TABLE),
}
UNSTEADY = dict.fromkeys((DropsOut, AddsNoise, CountsCalls, KeepsAverage, NormLeftTraining), TABLE)
ONLY = {CountsInAnAttribute: ("scripted", "code"), FillsACache: ("scripted", "code")}  # which can't be had otherwise
UNSTEADY[CountsInAnAttribute] = INDEPENDENT[FillsACache] = TABLE
TAKEN = INDEPENDENT | DEPENDENT | UNSTEADY


def module(name):
    """One of the above by its name, always with the same weights."""
    torch.manual_seed(7)
    (kind,) = [kind for kind in TAKEN if kind.__name__ == name]
    made = kind().eval()
    for name, buffer in made.named_buffers():
        if "running" in name:  # as if it had been trained
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return made.train(kind is NormLeftTraining)


def calls_of(made, taken, *, constant):
    calls = {}
    for number in range(CALLS):
        calls |= {f"{number}/in/{name}": rows[number] for name, rows in taken.items()}
        if constant:
            given = [torch.tensor(rows[number]) for rows in taken.values()]
            answer = made(*given)
            several = answer if isinstance(answer, tuple) else [answer]
            names = [f"output_{at}" for at in range(len(several))] if isinstance(answer, tuple) else ["output"]
            calls |= {f"{number}/out/{name}": one.numpy() for name, one in zip(names, several, strict=True)}
    return calls


def signature(taken):
    inputs = [
        {"name": name, "dtype": TYPES[str(rows[0].dtype)], "shape": [None, *rows[0].shape[1:]]}
        for name, rows in taken.items()
    ]
    return json.dumps({"signatures": {"serving_default": {"inputs": inputs}}})


def saved(root, kind, taken):
    name = kind.__name__
    example = tuple(torch.tensor(np.concatenate(rows[:3])) for rows in taken.values())
    rows = torch.export.Dim("rows", min=1)
    for form in ONLY.get(kind, ("exported", "scripted", "traced", "code")):
        folder = root / form / name
        (folder / "model").mkdir(parents=True)
        # Of a script and of code, evaluation is asked for; a program and a trace are as they were when they were made.
        late = kind is NormLeftTraining and form in ("scripted", "code")
        calls = calls_of(module(name).eval() if late else module(name), taken, constant=late or kind not in UNSTEADY)
        np.savez(folder / "calls.npz", **calls)
        file = folder / "model" / "model.pt"
        if form == "exported":
            program = torch.export.export(module(name), example, dynamic_shapes=[{0: rows} for _ in example])
            torch.export.save(program, file.with_suffix(".pt2"))
            continue
        (folder / "model" / "bms.json").write_text(signature(taken))
        if form == "scripted":
            torch.jit.script(module(name)).save(str(file))
        elif form == "traced":
            torch.jit.trace(module(name), example, check_trace=False).save(str(file))
        else:
            (folder / "model" / "model.py").write_text(CODE.format(script=str(root / Path(__file__).name), name=name))
            safetensors.torch.save_model(module(name), str(folder / "model" / "model.safetensors"))


def main(root):
    warnings.simplefilter("ignore")
    shutil.copy(__file__, root)  # the checkout that this is of may be gone when the models are used again
    with torch.no_grad():
        for kind, taken in TAKEN.items():
            saved(root, kind, taken)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
