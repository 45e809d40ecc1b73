import uuid


class Model:
    """Adds up what a sequence brings. OUTPUT is one more for the first step, as with Triton's example."""

    signature = {
        "inputs": ["INPUT INT32 [1, 1]"],
        "outputs": ["OUTPUT INT32 [1, 1]", "SUM INT32 [1, 1]", "WHERE BYTES [1]"],
        "sequences": {"most": 3, "idle_s": 3.0},
    }

    def load(self):
        self.here = uuid.uuid4().hex

    def step(self, inputs, sequence):
        given = inputs["INPUT"]
        sequence.state["sum"] = sequence.state.get("sum", 0 * given) + given
        return {"OUTPUT": given + int(sequence.start), "SUM": sequence.state["sum"], "WHERE": [self.here]}
