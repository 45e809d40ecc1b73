"""Every system that is compared, by name, and what it counts as."""

from collections.abc import Sequence

from systems import System
from systems.bentoml import BentoMl
from systems.bms import Bms
from systems.fastapi import FastApi, FastApiRaw
from systems.floor_http import FloorHttp
from systems.grpcio import GrpcioAio, GrpcioSync
from systems.kserve import KServe
from systems.litserve import LitServe
from systems.mlflow import MlFlow
from systems.mlserver import MlServer
from systems.prototype import Prototype
from systems.pytriton import PyTriton
from systems.ray import RayServe
from systems.triton import Triton, TritonOnnx

OURS = (Bms, FloorHttp, Prototype)
PEERS = (
    Triton,
    TritonOnnx,
    PyTriton,
    FastApi,
    FastApiRaw,
    MlServer,
    KServe,
    LitServe,
    BentoMl,
    RayServe,
    MlFlow,
    GrpcioSync,
    GrpcioAio,
)
FLOORS = (FloorHttp.name, Prototype.name)
PYTHON = tuple(peer.name for peer in (FastApi, FastApiRaw, MlServer, KServe, LitServe, BentoMl, RayServe, MlFlow))
GRPCIO = tuple(peer.name for peer in (MlServer, KServe, GrpcioSync, GrpcioAio))
TITLES = {
    "bms": "BMS",
    "floor-http": "floor: HTTP, constant",
    "prototype": "floor: bare prototype with hop",
    "triton": "Triton (wheel, Python backend)",
    "triton-onnx": "Triton + C++ ONNX Runtime",
    "pytriton": "PyTriton",
    "fastapi": "FastAPI by hand",
    "fastapi-raw": "FastAPI by hand, tuned",
    "mlserver": "MLServer",
    "kserve": "KServe",
    "litserve": "LitServe",
    "bentoml": "BentoML",
    "ray": "Ray Serve",
    "mlflow": "MLflow",
    "grpcio": "grpcio by hand, threads",
    "grpcio-aio": "grpcio by hand, asyncio",
}


def chosen(names: str) -> Sequence[System]:
    """BMS, the floors, and the peers named with commas between; all peers where none is.

    Raises ValueError for a name that is no peer.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {peer.name: peer for peer in PEERS}
    for name in wanted:
        if name not in known:
            raise ValueError(f"PEERS: there is no peer {name!r}; there are {', '.join(known)}")
    peers = [known[name] for name in wanted] or list(PEERS)
    return [made() for made in (*OURS, *peers)]
