"""Which bodies the paths read by their type: the gateway's, and control's."""

from pathlib import Path

from tests.worlds.gateways import scene

ROWS = b'{"instances": [[1, 2, 3, 4]]}'
READ = (
    *("application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"),
    *("application/octet-stream", "application/x-www-form-urlencoded", None),
)
MLFLOW = "/endpoints/m/invocations"
REFUSED = ("application/xml", "text/html", "multipart/form-data; boundary=a", "image/gif", "application/grpc")


async def test_what_is_no_json_and_no_row_is_refused_with_what_is_read(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for kind in REFUSED:
            for path in (
                "/v1/models/m:predict",
                "/v2/models/m/infer",
                "/v1/embeddings",
                "/v2/models/m/generate",
                MLFLOW,
            ):
                answer = await http.post(path, content=ROWS, headers={"content-type": kind})
                assert answer.status_code == 415, (kind, path)
                assert kind.partition(";")[0] in answer.text
                assert "application/json" in answer.text
        csv = await http.post("/v2/models/m/infer", content=b"a,b", headers={"content-type": "text/csv"})
        assert csv.status_code == 415
        table = await http.post(MLFLOW, content=b"a,b,c,d\n1,2,3,4\n", headers={"content-type": "text/csv"})
        assert (table.status_code, table.json()) == (200, {"predictions": [[3.0, 5.0, 7.0, 9.0]]})


async def test_json_is_read_by_every_name_it_has(tmp_path: Path) -> None:
    infer = b'{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}'
    async with scene(tmp_path) as at, at.client() as http:
        for kind in READ:
            headers = {} if kind is None else {"content-type": kind}
            answer = await http.post("/v1/models/m:predict", content=ROWS, headers=headers)
            assert answer.json() == {"predictions": [[3.0, 5.0, 7.0, 9.0]]}, kind
            assert (await http.post("/v2/models/m/infer", content=infer, headers=headers)).status_code == 200, kind
