"""Trains and saves MXNet models, one folder each, and breaks some: run where mxnet is installed.

Good ones lie at the top: the artifact in `model`, what MXNet answers to rows it was not trained on in `expected.npz`.
Bad ones lie below `refused`.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import mxnet as mx
import numpy as np

DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"
TRAINED = 300  # rows; the others are held out


def main(root):
    mx.random.seed(3)
    np.random.seed(3)
    with np.load(DIGITS) as data:
        x, y = data["x"], data["y"]
    gluon(root / "gluon", x, y)
    module(root / "module", x, y)
    for operator in ("SequenceMask", "SequenceLast", "SequenceReverse"):
        lengths(root / operator, operator)
    refused(root / "refused", root / "gluon" / "model")


def gluon(folder, x, y):
    """Its symbol does not tell the shape of what it takes."""
    (folder / "model").mkdir(parents=True)
    network = mx.gluon.nn.HybridSequential()
    network.add(mx.gluon.nn.Dense(32, activation="relu"), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Dense(10))
    network.initialize(mx.init.Xavier())
    network.hybridize()
    trainer = mx.gluon.Trainer(network.collect_params(), "adam", {"learning_rate": 0.01})
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    rows, labels = mx.nd.array(x[:TRAINED]), mx.nd.array(y[:TRAINED])
    for _ in range(60):
        with mx.autograd.record():
            error = loss(network(rows), labels)
        error.backward()
        trainer.step(TRAINED)
    answer = network(mx.nd.array(x[TRAINED:])).asnumpy()
    network.export(str(folder / "model" / "digits"))
    symbol = mx.sym.load(str(folder / "model" / "digits-symbol.json"))
    np.savez(folder / "expected.npz", data=x[TRAINED:], y=y[TRAINED:], **{symbol.list_outputs()[0]: answer})


def module(folder, x, y):
    """Its symbol tells the shape, and ends in a loss, which takes labels."""
    (folder / "model").mkdir(parents=True)
    data = mx.sym.Variable("data", shape=(0, 64))
    hidden = mx.sym.Activation(mx.sym.FullyConnected(data, num_hidden=32, name="hidden"), act_type="relu")
    scores = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=10, name="last"), name="softmax")
    made = mx.mod.Module(scores, label_names=["softmax_label"])
    rows = mx.io.NDArrayIter(x[:TRAINED], y[:TRAINED].astype(np.float32), 50, shuffle=True)
    made.fit(
        rows, optimizer="adam", optimizer_params={"learning_rate": 0.01}, num_epoch=20, initializer=mx.init.Xavier()
    )
    held_out = mx.io.NDArrayIter(x[TRAINED:], y[TRAINED:].astype(np.float32), 50)
    answer = made.predict(held_out).asnumpy()
    made.save_checkpoint(str(folder / "model" / "digits"), 20)
    np.savez(folder / "expected.npz", data=x[TRAINED:], y=y[TRAINED:], softmax_output=answer)


def lengths(folder, operator):
    """Steps lie along the first axis, as MXNet has them by itself; rows come first."""
    (folder / "model").mkdir(parents=True)
    series = mx.sym.broadcast_mul(mx.sym.Variable("series", shape=(0, 6, 2)), mx.sym.Variable("scale", shape=(1, 1, 2)))
    steps = mx.sym.swapaxes(series, dim1=0, dim2=1)
    made = getattr(mx.sym, operator)(steps, mx.sym.Variable("lengths", shape=(0,)), use_sequence_length=True)
    made = made if operator == "SequenceLast" else mx.sym.swapaxes(made, dim1=0, dim2=1)
    made.save(str(folder / "model" / "lengths-symbol.json"))
    mx.nd.save(str(folder / "model" / "lengths-0000.params"), {"arg:scale": mx.nd.ones((1, 1, 2))})


def refused(root, good):
    symbol = json.loads((good / "digits-symbol.json").read_text())
    params = (good / "digits-0000.params").read_bytes()
    operators = {"custom": "Custom", "native": "_Native", "reads_files": "_cvimread"}
    for name, operator in operators.items():
        changed = json.loads(json.dumps(symbol))
        next(node for node in changed["nodes"] if node["op"] == "Activation")["op"] = operator
        copied(root / name, good)["symbol"].write_text(json.dumps(changed))
    inner = json.loads(json.dumps(symbol))
    next(node for node in inner["nodes"] if node["op"] == "Activation")["op"] = "Custom"
    outer = json.loads(json.dumps(symbol))
    outer["nodes"][-1]["subgraphs"] = [inner]
    copied(root / "custom_within", good)["symbol"].write_text(json.dumps(outer))
    copied(root / "torn", good)["params"].write_bytes(params[: len(params) // 2])
    at = params.index(struct.pack("<I", 0xF993FAC9)) + 8
    dimensions = struct.unpack_from("<i", params, at)[0]
    vast = struct.pack(f"<i{dimensions}q", dimensions, *[1 << 40] * dimensions)
    copied(root / "vast", good)["params"].write_bytes(params[:at] + vast + params[at + len(vast) :])
    copied(root / "garbled", good)["symbol"].write_text("this is a text\n" * 99)
    copied(root / "unknown_operator", good)["symbol"].write_text(json.dumps(symbol).replace("FullyConnected", "Shell"))
    copied(root / "pointing_nowhere", good)["symbol"].write_text(json.dumps({**symbol, "heads": [[99, 0, 0]]}))
    two = copied(root / "two_epochs", good)["params"]
    shutil.copy(two, two.with_name("digits-0001.params"))


def copied(folder, good):
    """The files of a copy."""
    shutil.copytree(good, folder)
    return {"symbol": folder / "digits-symbol.json", "params": folder / "digits-0000.params"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
