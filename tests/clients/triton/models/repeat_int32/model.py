import time


class Model:
    """Answers a part for each value of IN, waiting DELAY milliseconds before each."""

    signature = {
        "inputs": ["IN INT32 [-1]", "DELAY UINT32 [-1]", "WAIT UINT32 [1]"],
        "outputs": ["OUT INT32 [1]", "IDX UINT32 [1]"],
        "batched": False,
    }

    def predict(self, inputs):
        for index, (value, delay) in enumerate(zip(inputs["IN"], inputs["DELAY"], strict=True)):
            time.sleep(min(int(delay), 20) / 1000)
            yield {"OUT": value.reshape(1), "IDX": inputs["WAIT"] * 0 + index}
