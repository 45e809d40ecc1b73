class Model:
    signature = {"inputs": ["INPUT0 BYTES [-1, 16]"], "outputs": ["OUTPUT0 BYTES [-1, 16]"], "max_batch_size": 8}

    def predict(self, inputs):
        return {"OUTPUT0": inputs["INPUT0"]}
