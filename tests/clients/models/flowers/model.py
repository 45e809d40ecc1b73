import numpy as np

CENTRES = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]], np.float32)


class Model:
    signature = {
        "inputs": ["x FP32 [-1, 4]"],
        "outputs": ["scores FP32 [-1, 3]"],
        "method": "classify",
        "scores": "scores",
        "labels": ["0", "1", "2"],
    }

    def predict(self, inputs):
        near = np.exp(-np.square(inputs["x"][:, None] - CENTRES).sum(axis=2))
        return {"scores": (near + 1e-6) / (near + 1e-6).sum(axis=1, keepdims=True)}

    def explain(self, inputs):
        return {"away": np.abs(inputs["x"] - CENTRES[1])}
