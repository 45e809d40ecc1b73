"""tritonclient asks a platform, in a process of its own: `triton_asks.py WIRES URL MODEL SIGNATURE INPUTS ANSWERS`.

WIRES is grpc, or json, binary, or both with a comma. INPUTS is an .npz of inputs by name; ANSWERS a folder where it
writes an .npz of outputs by name for each wire, named as the wire. The key is read from standard input. An empty
SIGNATURE leaves the choice to the platform.
"""

import sys

import numpy as np


def main(wires: str, url: str, model: str, signature: str, inputs: str, answers: str) -> None:
    key = sys.stdin.readline().strip()
    for wire in wires.split(","):
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
    main(*sys.argv[1:])
