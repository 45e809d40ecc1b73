class Model:
    signature = {
        "inputs": ["INPUT0 INT32 [-1, 16]", "INPUT1 INT32? [-1, 16]"],
        "outputs": ["OUTPUT0 INT32 [-1, 16]", "OUTPUT1 INT32 [-1, 16]"],
        "max_batch_size": 8,
    }

    def predict(self, inputs):
        first, second = inputs["INPUT0"], inputs.get("INPUT1", 0)
        return {"OUTPUT0": first + second, "OUTPUT1": first - second}
