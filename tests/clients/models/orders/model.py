import numpy as np


class Model:
    signature = {
        "inputs": [
            {"name": "price", "dtype": "FP64", "shape": [None], "column": {"type": "number"}},
            {"name": "pieces", "dtype": "INT64", "shape": [None], "column": {"type": "integer"}},
            {"name": "name", "dtype": "BYTES", "shape": [None], "column": {"type": "text", "optional": True}},
        ],
        "outputs": ["total FP64 [-1]", "told BYTES [-1]"],
    }

    def predict(self, inputs):
        total = inputs["price"] * inputs["pieces"]
        told = [f"{name.decode()}: {sum:g}" for name, sum in zip(inputs["name"], total, strict=True)]
        return {"total": total, "told": np.array(told, dtype=object)}
