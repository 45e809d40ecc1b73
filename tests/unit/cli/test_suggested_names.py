"""The name that a path suggests is the file's, as it is."""

from pathlib import Path

import pytest

from bms.cli.options.version import name_for
from bms.core.errors import InvalidArgument
from bms.core.ids import check_public_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("simple_string", "simple_string"),
        ("MyModel.onnx", "MyModel"),
        ("Iris Model.tar.gz", "Iris-Model"),
        ("_private_.pt", "private"),
        ("größe.onnx", "gr-e"),
    ],
)
def test_case_and_underscores_stay(path: str, name: str) -> None:
    assert check_public_name("model", name_for(Path(path))) == name


def test_a_path_without_letters_is_asked_for_a_name() -> None:
    with pytest.raises(InvalidArgument, match="give one with --name"):
        name_for(Path("模型.onnx"))
