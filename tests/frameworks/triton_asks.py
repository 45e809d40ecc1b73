"""tritonclient asks platforms, in a process of its own: a line of JSON for each question, a line for what came of it.

A question is what `ask_all` takes. The line that answers it is empty, or a text of JSON that says why it has no answer.
"""

import json
import sys
import traceback

import numpy as np


def main() -> None:
    for line in sys.stdin:
        try:
            ask_all(**json.loads(line))
        except Exception:  # noqa: BLE001 - whatever it is, who asked is to be told
            print(json.dumps(traceback.format_exc()), flush=True)
        else:
            print(flush=True)


def ask_all(wires: list[str], url: str, key: str, model: str, signature: str, inputs: str, answers: str) -> None:
    """Wires are grpc, or json and binary. `inputs` is an .npz of inputs by name; `answers` a folder where an .npz of
    outputs by name is written for each wire, named as the wire. An empty signature leaves the choice to the platform.
    """
    for wire in wires:
        ask(wire, url, key, model, signature, inputs, f"{answers}/{wire}.npz")


def ask(protocol: str, url: str, key: str, model: str, signature: str, inputs: str, answers: str) -> None:
    if protocol == "grpc":
        import tritonclient.grpc as triton
    else:
        import tritonclient.http as triton
    from tritonclient.utils import np_to_triton_dtype

    headers = {"authorization": f"Bearer {key}"}
    given = []
    with np.load(inputs) as arrays:
        for name in arrays.files:
            array = arrays[name]
            if array.dtype.kind in "SU":
                array = (
                    np.char.encode(array, "utf-8").astype(object) if array.dtype.kind == "U" else array.astype(object)
                )
            one = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            one.set_data_from_numpy(array, *([] if protocol == "grpc" else [protocol == "binary"]))
            given.append(one)
    client = triton.InferenceServerClient(url)
    wanted = client.get_model_metadata(model, headers=headers)
    listed = wanted.outputs if protocol == "grpc" else wanted["outputs"]
    names = [one.name if protocol == "grpc" else one["name"] for one in listed]
    more = {"parameters": {"signature_name": signature}} if signature else {}
    outputs = None
    if protocol != "grpc" and not signature:  # else: as the platform likes, which is JSON for what fits
        outputs = [triton.InferRequestedOutput(name, binary_data=protocol == "binary") for name in names]
    answer = client.infer(model, given, outputs=outputs, headers=headers, **more)
    response = answer.get_response()
    told = response.outputs if protocol == "grpc" else response["outputs"]
    named = [one.name if protocol == "grpc" else one["name"] for one in told]
    np.savez(answers, **{name: _plain(answer.as_numpy(name)) for name in named})
    client.close()


def _plain(array: np.ndarray) -> np.ndarray:
    """Texts as fixed-width bytes, which need no pickle."""
    if array.dtype.kind != "O":
        return array
    flat = [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]
    return np.array(flat, dtype=np.bytes_).reshape(array.shape)


if __name__ == "__main__":
    main()
