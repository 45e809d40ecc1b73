"""Asks every model that `huggingface_models.py` made, each text alone and all in one call. Runs in the libraries' own
environment, with ours on its path; writes by name {"alone", "together", "company"}, or {"refused": reason}."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.huggingface import runtime as huggingface
from bms.core.errors import BmsError
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable

ANSWERS = {"embedding", "scores", "value"}


def ask(servable: Servable, texts: Sequence[str]) -> list[list[float]]:
    given = np.empty(len(texts), dtype=object)
    given[:] = [text.encode() for text in texts]
    answers = servable.infer("serving_default", {"text": given})
    (name,) = ANSWERS & set(answers)
    rows: list[list[float]] = answers[name].tolist()
    return rows


def asked(directory: Path, texts: Sequence[str], kept: list[str]) -> dict[str, Any]:
    try:
        servable = open_servable(ServableConfig(runtime="huggingface", directory=str(directory), model="m", version=1))
    except BmsError as error:
        return {"refused": error.message}
    told: dict[str, Any] = {"company": kept[-1]}
    told["alone"] = [ask(servable, [text])[0] for text in texts]
    told["together"] = ask(servable, texts)
    servable.close()
    return told


def main(root: Path) -> None:
    kept: list[str] = []
    decide = huggingface.batch_independence_of

    def noted(*given: Any) -> Any:
        kept.append(decide(*given))
        return kept[-1]

    huggingface.batch_independence_of = noted
    found = {}
    for file in sorted(root.glob("*.json")):
        said = json.loads(file.read_text())
        found[file.name.removesuffix(".json")] = asked(root / file.name.removesuffix(".json"), said["texts"], kept)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
