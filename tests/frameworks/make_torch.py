"""Trains and saves PyTorch models, one folder each, and breaks some: run where torch and safetensors are installed.

Good ones lie at the top: the artifact in `model`, what PyTorch answers to rows it was not trained on in `expected.npz`.
Bad ones lie below `refused`; below `saved` what people have of torch.save, a file each, with `nets.py`, the code that
made their models, and what these answer in `expected.npz`.
"""

import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"
TRAINED = 300  # rows; the others are held out
CODE = '''"""Digits."""

import torch
from shared import hidden


class Model(torch.nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.hidden, self.last = hidden(width), torch.nn.Linear(width, 10)

    def forward(self, x):
        scores = self.last(self.hidden(x))
        return {"logits": scores, "probabilities": torch.softmax(scores, -1)}
'''
SHARED = '''"""What the model's code imports of its own."""

import torch


def hidden(width):
    return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(0.2))
'''
NETS = '''"""What a project of three models has."""

import torch


class Digits(torch.nn.Sequential):
    def __init__(self):
        layers = torch.nn.Linear(64, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.5)
        super().__init__(*layers, torch.nn.Linear(16, 10))


class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.last = torch.nn.Embedding(50, 8), torch.nn.Linear(8, 3)

    def forward(self, ids):
        return self.last(self.embedding(ids).mean(1))


class Pictures(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
        self.last = torch.nn.Linear(4, 2)

    def forward(self, pixels):
        return self.last(self.body(pixels).mean((2, 3)))


class Series(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.last = torch.nn.GRU(5, 8, batch_first=True), torch.nn.Linear(8, 1)

    def forward(self, steps):
        return self.last(self.body(steps)[0][:, -1])
'''
NEEDS = {"signatures": {"serving_default": {"inputs": [{"name": "x", "dtype": "FP32", "shape": [None, 64]}]}}}


class Bites:
    """A pickle that acts when it is opened."""

    def __reduce__(self):
        return (os.mkdir, ("bitten",))


class Network(torch.nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.hidden = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(0.2))
        self.last = torch.nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.last(self.hidden(x))
        return {"logits": scores, "probabilities": torch.softmax(scores, -1)}


class Mixes(torch.nn.Module):
    """A row's answer depends on the others."""

    def forward(self, x):
        return x - x.mean(0)


def main(root):
    torch.manual_seed(5)
    with np.load(DIGITS) as data:
        x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    network = trained(x[:TRAINED], y[:TRAINED])
    with torch.inference_mode():
        answers = {key: value.numpy() for key, value in network(x[TRAINED:]).items()}
    example = (x[:3],)
    for name in ("export", "automatic", "script", "code", "two_inputs"):
        (root / name / "model").mkdir(parents=True)
    for name in ("export", "automatic", "script", "code"):
        np.savez(root / name / "expected.npz", x=x[TRAINED:].numpy(), y=y[TRAINED:].numpy(), **answers)
    rows = {"x": {0: torch.export.Dim("rows", min=1)}}
    program = torch.export.export(network, example, dynamic_shapes=rows)
    torch.export.save(program, root / "export" / "model" / "model.pt2")
    left = torch.export.export(network, example, dynamic_shapes={"x": {0: torch.export.Dim.AUTO}})  # two at least
    torch.export.save(left, root / "automatic" / "model" / "model.pt2")
    torch.jit.script(network).save(str(root / "script" / "model" / "model.pt"))
    code(root / "code" / "model", network)
    two_inputs(root / "two_inputs" / "model")
    refused(root / "refused", root, network, x)
    saved(root / "saved")


def saved(root):
    root.mkdir()
    (root / "nets.py").write_text(NETS)
    sys.path.insert(0, str(root))
    import nets

    models = {kind: getattr(nets, kind)() for kind in ("Digits", "Words", "Pictures", "Series")}
    rows = {
        "Digits": torch.randn(5, 64),
        "Words": torch.randint(0, 50, (5, 16)),
        "Pictures": torch.randn(5, 3, 224, 224),
        "Series": torch.randn(5, 16, 5),
    }
    with torch.no_grad():
        for kind, model in models.items():
            model(rows[kind] + 1 if kind == "Digits" else rows[kind])  # BatchNorm learns what is usual
            answers = model.eval()(rows[kind])
            np.savez(root / f"{kind}.npz", rows=rows[kind].numpy(), output=answers.numpy())
            model.train()  # as it is when people save it
    digits, words, pictures, series = models.values()
    torch.save(digits, root / "Digits.pth")
    torch.save({"model": digits, "epoch": 3}, root / "Digits-in-a-checkpoint.pt")
    torch.save(words.state_dict(), root / "Words.pth")
    torch.save(words.state_dict(), root / "Words-before-1.6.pt", _use_new_zipfile_serialization=False)
    torch.save(digits, root / "Digits-before-1.6.pkl", _use_new_zipfile_serialization=False)
    lightning = {"state_dict": series.state_dict(), "epoch": 3, "hyper_parameters": {"when": Path("here")}}
    torch.save(lightning, root / "Series.ckpt")
    optimizer = torch.optim.Adam(pictures.parameters())
    optimizer.state = {weight: {"step": torch.ones(()), "exp_avg": weight.detach()} for weight in pictures.parameters()}
    states = {"model_state_dict": pictures.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "loss": 0.1}
    torch.save({"epoch": 3, **states}, root / "Pictures.pth.tar")
    split = {f"module.{name}": value for name, value in words.state_dict().items()}
    torch.save(split, root / "Words-of-DataParallel.bin")


def trained(x, y):
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x)["logits"], y).backward()
        optimizer.step()
    return network.eval()


def code(folder, network):
    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(CODE)
    (folder / "shared.py").write_text(SHARED)
    (folder / "config.json").write_text(json.dumps({"width": 32}))
    (folder / "bms.json").write_text(json.dumps(NEEDS))
    safetensors.torch.save_model(network, str(folder / "model.safetensors"))


class Gate(torch.nn.Module):
    """Two inputs, one of integers, one changed in place; answers with a tuple."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(8, 4)

    def forward(self, index, shift, scale: float = 2.0):
        row = self.table(index)
        return shift.add_(row).mul_(scale), row


def two_inputs(folder):
    rows = torch.export.Dim("rows", min=1)
    example = (torch.zeros(3, dtype=torch.int64), torch.zeros(3, 4))
    shapes = {"index": {0: rows}, "shift": {0: rows}, "scale": None}
    program = torch.export.export(Gate().eval(), example, {"scale": 3.0}, dynamic_shapes=shapes)
    torch.export.save(program, folder / "model.pt2")


def refused(root, good, network, x):
    pt2, script = good / "export" / "model" / "model.pt2", good / "script" / "model" / "model.pt"
    program(root, pt2)
    save(root / "state", "model.pt", lambda path: torch.save(network.state_dict(), path))
    save(root / "bites", "model.pth", lambda path: torch.save(Bites(), path))
    save(root / "state_as_pt2", "model.pt2", lambda path: torch.save(network.state_dict(), path))
    save(root / "pt2_as_pt", "model.pt", lambda path: shutil.copy(pt2, path))
    whole = pt2.read_bytes()
    save(root / "torn_pt2", "model.pt2", lambda path: path.write_bytes(whole[: len(whole) // 2]))
    save(root / "garbled_pt2", "model.pt2", lambda path: path.write_bytes(b"this is a text\n" * 99))
    mixed = torch.export.export(Mixes(), (x[:2],), dynamic_shapes={"x": {0: torch.export.Dim("rows", min=2)}})
    save(root / "two_rows", "model.pt2", lambda path: torch.export.save(mixed, path))
    scripts(root, script)
    codes(root, good / "code" / "model")


def program(root, good):
    """Archives that bite whoever gives them to torch.export.load, and some that are merely wrong."""
    bite = pickled(Bites())
    rebuilt(root / "pickled_weight", good, weights=says_pickled, entries={"data/weights/weight_0": bite})
    opaque = {
        "config": {"c": {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}}
    }
    rebuilt(
        root / "opaque_object",
        good,
        entries={
            "data/constants/model_constants_config.json": json.dumps(opaque).encode(),
            "data/constants/opaque_obj_0": pickle.dumps(Bites()),
        },
    )
    rebuilt(root / "pickled_example", good, entries={"data/sample_inputs/model.pt": bite})
    rebuilt(root / "legacy_weights", good, entries={"data/weights/model.pt": bite})
    evil = "__import__('os').mkdir('bitten') or Symbol('s77', positive=True, integer=True)"
    rebuilt(root / "size_as_code", good, text=lambda source: replaced_sizes(source, evil))
    softmax = "torch.ops.aten.softmax.int"
    rebuilt(root / "reaches_python", good, text=lambda source: source.replace(softmax, "torch.os.mkdir"))
    rebuilt(root / "reads_files", good, text=lambda source: source.replace(softmax, "torch.ops.aten.from_file"))
    rebuilt(root / "name_as_code", good, text=lambda source: source.replace('"name": "x"', '"name": "x=print(1)"'))
    rebuilt(root / "native_code", good, entries={"data/aotinductor/model/a.so": b"\x7fELF"})
    rebuilt(root / "outside", good, entries={"../../outside": b"1"})
    twice = root / "twice"
    rebuilt(twice, good)
    with zipfile.ZipFile(twice / "model.pt2", "a") as archive:
        archive.writestr(next(name for name in archive.namelist() if name.endswith("models/model.json")), b"{}")


def replaced_sizes(source, evil):
    parsed = json.loads(source)

    def walk(value):
        for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
            if key == "expr_str":
                value[key] = evil
            elif isinstance(inner, dict | list):
                walk(inner)

    walk(parsed)
    return json.dumps(parsed)


def says_pickled(lists):
    next(iter(lists["config"].values()))["use_pickle"] = True


def rebuilt(folder, good, *, entries=None, text=None, weights=None):
    """A copy of an archive, entries of it replaced or added."""
    folder.mkdir(parents=True)
    entries = dict(entries or {})
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(folder / "model.pt2", "w") as new:
        for info in old.infolist():
            base, _, inner = info.filename.partition("/")
            content = entries.pop(inner, None) or old.read(info)
            if text is not None and inner == "models/model.json":
                content = text(content.decode()).encode()
            if weights is not None and inner.endswith("weights_config.json"):
                lists = json.loads(content)
                weights(lists)
                content = json.dumps(lists).encode()
            new.writestr(zipfile.ZipInfo(info.filename), content)
        for inner, content in entries.items():
            new.writestr(inner if inner.startswith("..") else f"{base}/{inner}", content)


def pickled(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Saves(torch.nn.Module):
    def forward(self, x):
        torch.save(x, "bitten")
        return x


class Maps(torch.nn.Module):
    def forward(self, x):
        return x + torch.from_file("/etc/hostname", False, 1, dtype=torch.uint8)


def scripts(root, good):
    save(root / "script_saves", "model.pt", lambda path: torch.jit.script(Saves()).save(str(path)))
    save(root / "script_maps", "model.pt", lambda path: torch.jit.script(Maps()).save(str(path)))
    whole = good.read_bytes()
    save(root / "torn_script", "model.pt", lambda path: path.write_bytes(whole[: len(whole) - 300]))
    folder = root / "script_class"
    folder.mkdir()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(folder / "model.pt", "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename.endswith(".py"):
                content += b"\ndef more(store: __torch__.torch.classes.dist_c10d.Store) -> None:\n  pass\n"
            new.writestr(info.filename, content)


def codes(root, good):
    for name in ("code_pickle", "code_lacks", "code_fails", "code_no_module", "code_of_transformers", "code_garbled"):
        shutil.copytree(good, root / name)
    torch.save(Bites(), root / "code_pickle" / "model.safetensors")
    weights = safetensors.torch.load_file(good / "model.safetensors")
    weights.pop("last.bias")
    safetensors.torch.save_file(weights, root / "code_lacks" / "model.safetensors")
    (root / "code_fails" / "model.py").write_text(
        "import absent_package\n\n\nclass Model:\n    def forward(self, x): ...\n"
    )
    (root / "code_no_module" / "model.py").write_text("def build(config):\n    return config\n")
    (root / "code_of_transformers" / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    (root / "code_garbled" / "model.py").write_text("class Model(\n")


def save(folder, name, write):
    folder.mkdir(parents=True)
    write(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
