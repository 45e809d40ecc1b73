"""MLServer's codecs write requests and read answers, httpx carries them: `asks_mlserver.py URL KEY`."""

import datetime
import sys

import httpx
import numpy as np
import pandas as pd
from mlserver import codecs
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, RequestOutput

from tests.clients.telling import Teller

IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
PIXEL = b"\x89PNG not quite"


def main(url: str, key: str) -> None:
    tell = Teller()
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, trust_env=False) as client:

        def infer(model: str, request: InferenceRequest) -> InferenceResponse:
            answer = client.post(f"/v2/models/{model}/infer", json=request.model_dump(mode="json"))
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.status_code} {answer.json()['error']}")
            return InferenceResponse.model_validate(answer.json())

        def outputs(model: str, request: InferenceRequest) -> dict[str, object]:
            return {each.name: codecs.NumpyCodec.decode_output(each).tolist() for each in infer(model, request).outputs}

        def of(*inputs: RequestInput, **more: object) -> InferenceRequest:
            return InferenceRequest(inputs=list(inputs), **more)

        asked = codecs.NumpyRequestCodec.encode_request(np.array(IRIS))
        tell.now("numpy request", lambda: outputs("mixed", asked))
        tell.now("numpy answer", lambda: codecs.NumpyRequestCodec.decode_response(infer("mixed", asked)).tolist())
        one = codecs.NumpyCodec.encode_input("x", np.array(IRIS, np.float32))
        tell.now("numpy input", lambda: outputs("mixed", of(one, outputs=[RequestOutput(name="y")], id="7")))
        left, right = (codecs.NumpyCodec.encode_input(f"input-{at}", np.array([at, 2])) for at in (1, 2))
        tell.now("vectors", lambda: outputs("mixed", of(left, right)))
        texts = codecs.StringRequestCodec.encode_request(["a", "bcd"], use_bytes=False)
        tell.now("string request", lambda: outputs("mixed", texts))
        tell.now("string request of bytes", lambda: outputs("mixed", codecs.StringRequestCodec.encode_request(["bé"])))
        pixels = codecs.Base64Codec.encode_input("input-1", [PIXEL], use_bytes=False)
        tell.now("base64", lambda: outputs("mixed", of(pixels)))
        when = codecs.DatetimeCodec.encode_input("input-1", [datetime.datetime(2026, 11, 30)], use_bytes=False)
        tell.now("datetime", lambda: outputs("mixed", of(when)))
        frame = pd.DataFrame({"pieces": [3, 4], "price": [1.5, 2.5], "name": pd.Series(["a", "b"], dtype=object)})
        written = codecs.PandasCodec.encode_request(frame, use_bytes=False)
        tell.now("frame", lambda: codecs.PandasCodec.decode_response(infer("orders", written)).to_dict("list"))
        gaps = pd.DataFrame({"pieces": [3, 4], "price": [1.5, np.nan], "name": pd.Series(["a", True], dtype=object)})
        told = codecs.PandasCodec.encode_request(gaps, use_bytes=False)
        tell.now("a column of texts and truth values", lambda: outputs("orders", told))
        flowers = pd.DataFrame(IRIS, columns=["sepal length", "sepal width", "petal length", "petal width"])
        tell.now("frame for a matrix", lambda: outputs("mixed", codecs.PandasCodec.encode_request(flowers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
