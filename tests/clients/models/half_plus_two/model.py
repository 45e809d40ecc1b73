class Model:
    signatures = {
        "serving_default": {"inputs": ["x FP32 [-1]"], "outputs": ["y FP32 [-1]"]},
        "tensorflow/serving/regress": {"inputs": ["x FP32 [-1]"], "outputs": ["y FP32 [-1]"], "method": "regress"},
    }

    def predict(self, inputs):
        return {"y": inputs["x"] / 2 + 2}
