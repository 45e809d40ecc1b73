"""FastAPI on uvicorn, written by hand: as its documentation teaches it, and tuned. No key, no metering, no batching."""

from collections.abc import Mapping, Sequence

from measuring.models import IMAGE, ROW
from measuring.requests import Target, named_json, raw_tensor

from systems.peer import Peer


class FastApi(Peer):
    name = "fastapi"
    requirements: tuple[str, ...] = ("fastapi", "uvicorn[standard]", "onnxruntime", "numpy")
    shown: tuple[str, ...] = ("fastapi", "uvicorn", "pydantic", "onnxruntime")
    settings = "pydantic models in and out, async handlers, one uvicorn worker with uvloop and httptools"
    app = "fastapi_app:app"

    def command(self) -> Sequence[str]:
        start = [str(self.python), "-m", "uvicorn", self.app, "--port", str(self.port), "--log-level", "error"]
        return [*start, "--no-access-log", "--loop", "uvloop", "--http", "httptools"]

    def targets(self) -> Mapping[str, Target]:
        row = named_json(self.port, "/digits", ROW)
        heads = row._replace(fresh=True)
        return {"row-json": row, "row-heads": heads, "image-json": named_json(self.port, "/pooled", IMAGE)}


class FastApiRaw(FastApi):
    name = "fastapi-raw"
    requirements = (*FastApi.requirements, "orjson")
    shown = (*FastApi.shown, "orjson")
    settings = "bodies as bytes, orjson both ways, no validation; one uvicorn worker with uvloop and httptools"
    app = "fastapi_raw_app:app"

    def targets(self) -> Mapping[str, Target]:
        row = named_json(self.port, "/digits/json", ROW)
        return {
            "row-json": row,
            "row-heads": row._replace(fresh=True),
            "row-binary": raw_tensor(self.port, "/digits/raw", ROW),
            "image-json": named_json(self.port, "/pooled/json", IMAGE),
            "image-binary": raw_tensor(self.port, "/pooled/raw", IMAGE),
        }
