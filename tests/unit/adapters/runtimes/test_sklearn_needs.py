"""Which packages a scikit-learn model's file shows that it needs, with nothing of it run."""

import bz2
import gzip
import json
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.recognition import recognise
from bms.adapters.runtimes.sklearn.requirements import needs_of

NAMED = pickle.dumps({"feature_names_in_": np.array(["age"]), "coef_": np.zeros(100_000)})
PLAIN = pickle.dumps({"coef_": np.zeros(10)})


def same(content: bytes) -> bytes:
    return content


@pytest.mark.parametrize("pack", [same, zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_names_of_a_frame_mean_pandas_however_a_pickle_is_packed(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    for content, needed in ((NAMED, ("pandas",)), (PLAIN, ())):
        (tmp_path / "model.joblib").write_bytes(pack(content))
        found = recognise(str(tmp_path), allow_pickle=True)
        assert (found.runtime, found.requirements) == ("sklearn", ("scikit-learn", *needed))


def test_names_are_found_where_parts_of_the_file_meet(tmp_path: Path) -> None:
    for before in ((1 << 20) - 5, (1 << 20) - 18, 2 * (1 << 20) - 1):
        path = tmp_path / "model.pkl"
        path.write_bytes(b"\x80\x04" + bytes(before - 2) + b"feature_names_in_")
        assert needs_of(str(path), "pickle") == ("pandas",)


def test_libraries_within_a_pickle_are_needed_with_what_they_take(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(["lightgbm.sklearn", "xgboost.sklearn"]))
    assert needs_of(str(path), "pickle") == ("lightgbm", "pandas", "xgboost-cpu")


def test_a_skops_files_schema_is_looked_at(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps({"content": {"feature_names_in_": {}}}))
    assert recognise(str(tmp_path), allow_pickle=True).requirements == ("scikit-learn", "skops", "pandas")


def test_what_unpacks_to_far_more_than_it_is_costs_no_memory_and_broken_files_need_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(bz2.compress(bytes(40 << 20)) + b"rest")
    assert needs_of(str(path), "joblib") == ()
    for content in (b"\x78\x9cgarbage", b"BZhgarbage", b"\xfd7zXZgarbage", b"\x1f\x8b"):
        path.write_bytes(content)
        assert needs_of(str(path), "joblib") == ()
    path.write_bytes(b"PK")
    assert needs_of(str(path), "skops") == ()
