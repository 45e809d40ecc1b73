"""Saves a PyTorch module by MLflow as its newest release writes it, a program of torch.export: `pt2/model`.

What MLflow answers is `pt2/expected.npz`.
"""

import os
import sys
import warnings
from pathlib import Path

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
warnings.simplefilter("ignore")

import mlflow.pytorch  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402


def main(root):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    rows = np.random.default_rng(0).random((5, 4), np.float32)
    signature = infer_signature(rows, network(torch.from_numpy(rows)).detach().numpy())
    place = root / "pt2"
    place.mkdir()
    packages = ["mlflow==3.17.2", "torch==2.13.0"]
    mlflow.pytorch.save_model(
        network, str(place / "model"), input_example=rows, signature=signature, pip_requirements=packages
    )
    assert (place / "model" / "data" / "model.pt2").exists()
    told = mlflow.pyfunc.load_model(str(place / "model")).predict(rows)
    np.savez(place / "expected.npz", input=rows, output=told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
