"""MLflow's own clients ask a platform, `asks_mlflow.py URL KEY FOLDER`, and MLflow's own server is asked the same.

FOLDER has the models as MLflow saved them, each served under its name. A line of JSON for each thing that was tried:
what was got, and what `mlflow.pyfunc.scoring_server` says to it, or the model's own `predict`.
"""

import base64
import json
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
warnings.simplefilter("ignore")

import mlflow.pyfunc  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import requests  # noqa: E402
from mlflow.deployments import get_deploy_client  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.pyfunc import scoring_server  # noqa: E402
from mlflow.pyfunc.scoring_server.client import ScoringServerClient  # noqa: E402
from sklearn.datasets import load_wine  # noqa: E402

JSON, CSV = "application/json", "text/csv"
WINE = load_wine(as_frame=True).data.iloc[[0, 100]].reset_index(drop=True)
DATES = {"dataframe_split": {"columns": ["at"], "data": [["2026-12-31T12:00:00"], ["2024-02-28T00:00:00"]]}}
LONG = base64.encodebytes(bytes(range(150, 250))).decode()
RECORDS = [{"a": 0.25, "b": 0.5}, {"a": 0.75, "b": 0.5}]
BODIES: dict[str, list[tuple[str, Any]]] = {
    "sklearn": [
        (JSON, {"dataframe_split": WINE.to_dict(orient="split")}),
        (JSON, {"dataframe_records": WINE.to_dict(orient="records")}),
        (JSON, {"inputs": WINE.to_dict(orient="list")}),
        (JSON, {"instances": WINE.to_dict(orient="records")}),
        (CSV, WINE.to_csv(index=False)),
        (CSV, WINE.to_csv()),  # with an index
        (JSON, {"dataframe_split": WINE.assign(colour="red").to_dict(orient="split")}),
        (JSON, {"inputs": WINE.assign(colour="red").to_dict(orient="list")}),
        ("text/csv; charset=utf-8", WINE[list(reversed(WINE.columns))].to_csv(index=False)),
        ("application/json; charset=UTF-8", {"dataframe_split": WINE.to_dict(orient="split"), "params": {}}),
    ],
    "lightgbm_classifier": [(JSON, {"dataframe_records": RECORDS}), (JSON, {"inputs": RECORDS})],
    "statsmodels": [(JSON, {"dataframe_records": RECORDS})],
    "xgboost_classifier": [
        (JSON, {"inputs": WINE.to_numpy().tolist()}),
        (JSON, {"instances": WINE.to_numpy().tolist()}),
        (JSON, {"dataframe_split": WINE.to_dict(orient="split")}),
        (JSON, {"dataframe_records": WINE.to_dict(orient="records")}),
    ],
    "tensors": [
        (JSON, {"dataframe_split": {"columns": ["t", "n"], "data": [["a", 1.5], ["b", 2.5]]}}),
        (JSON, {"dataframe_records": [{"n": 1.5, "t": "a"}]}),
        (JSON, {"dataframe_records": [{"n": 1.5, "t": "a", "u": 3}]}),
        (JSON, {"inputs": {"n": [[1.5]], "t": [["a"]]}}),
    ],
    "lightgbm": [(JSON, {"inputs": WINE.to_numpy().tolist()})],
    "onnx": [(JSON, {"inputs": {"x": np.eye(64)[:2].tolist()}}), (JSON, {"instances": [{"x": [1.0] * 64}]})],
    "optional": [(JSON, {"dataframe_records": [{"a": 1.0, "bonus": 5}]})],
    "dates": [(JSON, DATES)],  # of CSV with date-times MLflow's own server can't read any
    "hinted": [(JSON, {"inputs": ["wéll", ""]})],
    "maps": [(JSON, {"inputs": [{"a": 1}, {"b": 3, "c": 4}, {"x": 7}]})],
    "messages": [(JSON, {"inputs": [{"role": "user", "parts": [1, 2]}, {"role": "you", "parts": [], "note": "!"}]})],
    "framed": [(JSON, {"dataframe_split": {"columns": ["b", "a"], "data": [[3, 1], [4, 2]]}})],
    "nested": [
        (JSON, {"dataframe_split": {"columns": ["values"], "data": [[[1.0, 2.5]], [[3.0]]]}}),
        (JSON, {"dataframe_records": [{"values": [1.0, 2.5]}, {"values": []}]}),
    ],
    "turns": [  # bytes, as the client of MLflow writes them and as shells do
        (JSON, {"dataframe_split": {"columns": ["raw", "name"], "data": [[LONG, "YQ=="], ["YWI=", "b"]]}}),
        (JSON, {"dataframe_records": [{"raw": LONG.replace("\n", ""), "name": "c"}]}),
        (JSON, {"inputs": {"raw": [LONG], "name": ["d"]}}),  # where they are not in base64
    ],
    "parameters": [
        (JSON, {"inputs": [[1.0, 2.0], [3.0, None]]}),
        (JSON, {"inputs": [[1.0, 2.0]], "params": {"times": 10}}),
        (JSON, {"instances": [[1.0, 2.0]], "params": None}),
        (JSON, {"dataframe_split": {"columns": ["b", "a"], "data": [[1.0, 2.0], [3.0, 4.0]]}}),
        (JSON, {"dataframe_records": [{"b": 1.0, "a": 2.0}, {"a": 4.0, "b": 3.0}], "params": {"times": 2}}),
    ],
    "told": [
        (JSON, {"dataframe_records": [{"a": 1}, {"a": 2}]}),
        (
            JSON,
            {
                "dataframe_records": [{"a": 1}],
                "params": {
                    "by": 2,
                    "few": [3, 4],
                    "how": {"deep": 5},
                    "bold": False,
                    "when": "2026-03-01",
                    "word": "ö",
                },
            },
        ),
        (JSON, {"inputs": {"a": [1, 2]}, "params": {"times": 4}}),
    ],
}
REFUSED: dict[str, list[tuple[str, Any]]] = {
    "sklearn": [
        (JSON, {"dataframe_records": [{"alcohol": 1.0}]}),
        (JSON, []),
        (JSON, {"messages": [{"role": "user", "content": "hello"}]}),
        (JSON, "{"),
        (CSV, "alcohol\n1\n"),
        ("text/csv; charset=latin-1", "alcohol\n1\n"),
    ],
    "parameters": [(JSON, {"dataframe_records": [{"a": 1.0, "b": 2.0, "c": 3.0}]})],
    "tensors": [(JSON, {"dataframe_records": [{"n": 1.5, "u": "a"}]})],
    "told": [(JSON, {"inputs": {"a": [1]}, "params": {"by": "far"}})],
    "dates": [(JSON, {"dataframe_split": {"columns": ["at"], "data": [["yesterday"]]}})],
    "messages": [(JSON, {"inputs": [{"role": "user"}]})],
}
# What MLflow's server reads for tables alone, and the JSON that says the same.
IN_CSV: dict[str, tuple[str, Any]] = {
    "xgboost_classifier": (WINE.to_csv(index=False), {"inputs": WINE.to_numpy().tolist()}),
    "tensors": ("t,n\na,1.5\nb,2.5\n", {"inputs": {"n": [[1.5], [2.5]], "t": [["a"], ["b"]]}}),
}
# What MLflow's server leaves out, with a line in its log.
LEFT_OUT: dict[str, tuple[str, Any]] = {
    "told": (JSON, {"inputs": {"a": [1]}, "params": {"speed": 1}}),
    "sklearn": (JSON, {"dataframe_split": WINE.to_dict(orient="split"), "params": {"speed": 1}}),
}


class Asking:
    def __init__(self, url: str, key: str, folder: Path) -> None:
        self.url, self.key, self.folder = url, key, folder
        self.host, _, self.port = url.removeprefix("http://").partition(":")

    @cache  # noqa: B019 - it lives as long as the process
    def model(self, name: str) -> Any:
        return mlflow.pyfunc.load_model(str(self.folder / name / "model"))

    def mlflows(self, name: str, kind: str, body: Any) -> tuple[int, Any]:
        """What MLflow's own server answers."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        model = self.model(name)
        try:
            told = scoring_server.invocations(data, kind, model, model.metadata.get_input_schema())
        except MlflowException as error:
            return error.get_http_status_code(), json.loads(error.serialize_as_json())
        return told.status, json.loads(told.response) if told.mimetype == JSON else told.response

    def ours(self, name: str, kind: str, body: Any) -> tuple[int, Any]:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"content-type": kind, "authorization": f"Bearer {self.key}"}
        answer = requests.post(f"{self.url}/endpoints/{name}/invocations", data=data, headers=headers, timeout=60)
        return answer.status_code, answer.json()

    def scoring(self, name: str) -> ScoringServerClient:
        """A client that knows a host and a port: the key stands in the URL."""
        return ScoringServerClient(f"any:{self.key}@{self.host}", f"{self.port}/endpoints/{name}")


def tell(what: str, got: Any, wanted: Any) -> None:
    print(json.dumps({"what": what, "got": got, "wanted": wanted}), flush=True)


def frame_of(answer: Any) -> Any:
    return answer.get_predictions().to_dict(orient="list")


def clients(asking: Asking) -> None:
    wine = asking.scoring("sklearn")
    wine.ping()
    wine.wait_server_ready(timeout=5)
    tell("version", wine.get_version(), mlflow.__version__)
    told = asking.model("sklearn").predict(WINE)
    tell("frame", wine.invoke(WINE)["predictions"], told.tolist())
    tell("frame, as predictions", frame_of(wine.invoke(WINE)), {0: told.tolist()})
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    squares, model = asking.scoring("parameters"), asking.model("parameters")
    tell("array", squares.invoke(x)["predictions"], model.predict(x).tolist())
    tell("parameters", squares.invoke(x, {"times": 7})["predictions"], model.predict(x, {"times": 7}).tolist())
    numbered = pd.DataFrame(x)
    tell("frame without names", squares.invoke(numbered)["predictions"], model.predict(numbered.to_numpy()).tolist())
    texts = asking.scoring("hinted").invoke(["wéll", ""])
    tell("list", texts["predictions"], asking.model("hinted").predict(["wéll", ""]))
    try:
        asking.scoring("nothing").ping()
    except Exception as error:  # noqa: BLE001 - what it raises is a plain Exception
        tell("ping of nothing", str(error), "ping failed (error code 404)")
    inputs = {"dataframe_split": WINE.to_dict(orient="split")}
    os.environ["MLFLOW_TRACKING_TOKEN"] = asking.key
    gateway = get_deploy_client(asking.url)
    tell("deployment client", gateway.predict(endpoint="sklearn", inputs=inputs), {"predictions": told.tolist()})
    os.environ |= {"DATABRICKS_HOST": asking.url, "DATABRICKS_TOKEN": asking.key}
    workspace = get_deploy_client("databricks")
    answer = dict(workspace.predict(endpoint="sklearn", inputs=inputs))
    tell("databricks client", answer, {"predictions": told.tolist()})
    endpoints(asking, gateway, workspace)


def endpoints(asking: Asking, gateway: Any, workspace: Any) -> None:
    """What the deployment clients list, and what they are told of one."""
    listed = gateway.list_endpoints()
    names = sorted(one.name for one in listed)
    tell("endpoints listed", [name in names for name in BODIES], [True] * len(BODIES))
    one = gateway.get_endpoint("sklearn")
    told = [one.name, one.model.name, one.endpoint_url]
    tell("endpoint", told, ["sklearn", "sklearn", f"{asking.url}/endpoints/sklearn/invocations"])
    try:
        gateway.get_endpoint("nothing")
    except requests.HTTPError as error:
        tell("endpoint of nothing", "no deployment 'nothing'" in str(error), True)
    listed = workspace.list_endpoints()
    tell("databricks endpoints listed", sorted(one["name"] for one in listed), names)
    one = workspace.get_endpoint("sklearn")
    (served,) = one["config"]["served_entities"]
    told = [one["state"]["ready"], served["entity_name"], served["entity_version"]]
    tell("databricks endpoint", told, ["READY", "sklearn", "1"])


def main(url: str, key: str, folder: str) -> None:
    asking = Asking(url, key, Path(folder))
    for name, bodies in BODIES.items():
        for number, (kind, body) in enumerate(bodies):
            tell(f"{name} {number}", asking.ours(name, kind, body), asking.mlflows(name, kind, body))
    for name, bodies in REFUSED.items():
        for number, (kind, body) in enumerate(bodies):
            status, told = asking.ours(name, kind, body)
            wanted, _ = asking.mlflows(name, kind, body)
            tell(f"refused: {name} {number}", [status, told], [wanted])
    for name, (csv, body) in IN_CSV.items():
        tell(f"in CSV: {name}", asking.ours(name, CSV, csv), asking.mlflows(name, JSON, body))
    for name, (kind, body) in LEFT_OUT.items():
        status, _ = asking.mlflows(name, kind, body)
        tell(f"left out: {name}", asking.ours(name, kind, body), status)
    clients(asking)


if __name__ == "__main__":
    main(*sys.argv[1:])
