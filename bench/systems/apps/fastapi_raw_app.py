"""FastAPI tuned by hand: bodies as bytes, orjson both ways, no validation but what the model itself does."""

import bench_models
import numpy as np
import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()
servables = {name: bench_models.load(name) for name in bench_models.PATHS}
shapes = {name: [-1, *servable.session.get_inputs()[0].shape[1:]] for name, servable in servables.items()}


@app.post("/{model}/json")
async def predict_json(model: str, request: Request) -> Response:
    x = np.array(orjson.loads(await request.body())["x"], dtype=np.float32)
    answer = orjson.dumps(servables[model].run(x), option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(answer, media_type="application/json")


@app.post("/{model}/raw")
async def predict_raw(model: str, request: Request) -> Response:
    x = np.frombuffer(await request.body(), dtype=np.float32).reshape(shapes[model])
    answer = b"".join(each.tobytes() for each in servables[model].run(x).values())
    return Response(answer, media_type="application/octet-stream")
