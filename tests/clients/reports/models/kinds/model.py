import numpy as np


class Refused(Exception):
    status_code = 422


class Model:
    signatures = {
        "serving_default": {
            "inputs": ["x FP32 [-1, 4]"],
            "outputs": ["scores FP32 [-1, 4]"],
            "method": "classify",
            "scores": "scores",
            "labels": ["a", "b", "c", "d"],
        },
        "flags": {"inputs": ["flag BOOL [-1]"], "outputs": ["flipped BOOL [-1]"]},
        "text": {"inputs": ["text BYTES [-1]"], "outputs": ["said BYTES [-1]"]},
        "wrapped": {"inputs": ["wrapped BYTES [-1, 1]"], "outputs": ["sizes INT64 [-1, 1]"]},
        "halved": {"inputs": ["n INT32 [-1, 2]"], "outputs": ["half FP64 [-1, 2]"]},
    }

    def predict(self, inputs):
        if "flag" in inputs:
            return {"flipped": ~inputs["flag"]}
        if "text" in inputs:
            if b"refuse" in inputs["text"]:
                raise Refused("one of these texts is refused")
            return {"said": inputs["text"]}
        if "wrapped" in inputs:
            return {"sizes": np.array([[len(text)] for text in inputs["wrapped"][:, 0]], np.int64)}
        if "n" in inputs:
            return {"half": inputs["n"] / 2}
        return {"scores": inputs["x"]}
