class Model:
    """Says the words of what it is told again, as many as it may."""

    signature = {
        "inputs": ["text_input BYTES [1]", "max_tokens INT32? [1]"],
        "outputs": ["text_output BYTES [1]"],
        "batched": False,
    }

    def predict(self, inputs):
        words = inputs["text_input"][0].decode().split()
        most = int(inputs["max_tokens"][0]) if "max_tokens" in inputs else len(words)
        return " ".join(words[:most])
