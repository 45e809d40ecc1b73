"""Recognises files of CatBoost's `save_model` by their first bytes, without CatBoost."""

import json
import os
import re
from typing import Literal

from bms.adapters.runtimes.artifacts.model_file import top_files

SUFFIXES = (".cbm", ".cb", ".json", ".bin", ".model")
_MAGIC = b"CBM1"
_HEAD = 8  # bytes: the magic, and the size of the first part, little-endian
_LOOKED_AT = 4096
_JSON = re.compile(rb'\s*\{\s*"(ctr_data|features_info)"\s*:\s*\{')
# How its exports begin, which are no models that CatBoost loads again; their words are its exporters' own.
_EXPORTS = {
    "pmml": re.compile(rb'<PMML\b.*<Application\s+name="CatBoost"', re.DOTALL),
    "coreml": re.compile(rb"Mr\. Catboost Dumper"),
    "cpp": re.compile(rb"struct CatboostModel\b|ECatboostCPPExportModelCtrType"),
    "python": re.compile(rb"class catboost_model(_ctr)?\("),
}


def format_of(path: str) -> Literal["catboost", "catboost-json"] | None:
    """The format; None for anything else, a binary file included that ends before its first part does."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
        size = os.path.getsize(path)
    except OSError:
        return None
    if head.startswith(_MAGIC):
        return "catboost" if 0 < int.from_bytes(head[4:_HEAD], "little") <= size - _HEAD else None
    return "catboost-json" if _JSON.match(head) else None


def check_json(path: str) -> None:
    """Raises ValueError unless the file is JSON to its end: CatBoost takes what it can read of one that is cut off."""
    with open(path, "rb") as file:
        try:
            json.load(file)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deep") from error


def exported_as(directory: str) -> str | None:
    """Recognises other exports: "pmml", "coreml", "cpp" or "python" where the one file at the top is such an export of
    CatBoost's."""
    files = list(top_files(directory))
    if len(files) != 1:
        return None
    try:
        with open(files[0], "rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError:
        return None
    return next((name for name, words in _EXPORTS.items() if words.search(head)), None)
