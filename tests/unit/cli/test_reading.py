"""Short forms that people type."""

from pathlib import Path

import numpy as np
import pytest

from bms.cli.options.durations import parse_duration
from bms.cli.options.values import parse_image, parse_pairs, parse_text
from bms.cli.predict.data import read_data
from bms.cli.serving import SpecOptions, parse_targets
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.deployments import Batching, DeploymentSpec, Resources, Target
from bms.sdk.nouns.signatures import TextPreprocess


def test_lengths_of_time() -> None:
    assert [parse_duration(text) for text in ("90s", "15m", "1.5 h", "2d", "1w")] == [90, 900, 5400, 172800, 604800]
    for wrong in ("", "5", "h", "-1h", "1y"):
        with pytest.raises(InvalidArgument, match="length of time"):
            parse_duration(wrong)


def test_image_descriptions() -> None:
    image = parse_image("input=x,mode=RGB,height=8,width=9,scale=0.5,mean=0.1/0.2/0.3")
    assert (image.input, image.mode, image.height, image.width) == ("x", "RGB", 8, 9)
    assert (image.scale, image.mean) == (0.5, (0.1, 0.2, 0.3))
    for wrong in ("mode=L", "input=x,mode=L,height=tall,width=8", "x"):
        with pytest.raises(InvalidArgument):
            parse_image(wrong)


def test_pairs() -> None:
    assert parse_pairs(["a=1", "b = c=d"]) == [("a", "1"), ("b", "c=d")]
    with pytest.raises(InvalidArgument, match="NAME=VALUE"):
        parse_pairs(["=1"])


def test_targets() -> None:
    assert parse_targets(["3"]) == (Target(version=3),)
    assert parse_targets(["production"]) == (Target(alias="production"),)
    assert parse_targets(["3=90", "canary=10"]) == (Target(version=3, weight=90), Target(alias="canary", weight=10))
    with pytest.raises(InvalidArgument, match="needs its share"):
        parse_targets(["3", "4"])


def test_options_change_only_what_they_name() -> None:
    slow, two = Batching(max_wait_s=0.01), Resources(cpu=2.0)
    spec = DeploymentSpec(model="m", targets=[Target(version=1)], replicas=3, resources=two, batching=slow)
    assert SpecOptions().of(spec) == spec
    changed = SpecOptions(memory="512Mi", batch=8).of(spec)
    assert (changed.replicas, changed.resources) == (3, Resources(cpu=2.0, memory=512 * 2**20))
    assert changed.batching == Batching(max_wait_s=0.01, max_rows=8)
    adaptive = SpecOptions(batch_policy="adaptive", batch_objective_ms=20, batch_sizes="1, 4,16").of(spec)
    assert adaptive.batching == Batching(max_wait_s=0.01, policy="adaptive", objective_s=0.02, sizes=(1, 4, 16))
    assert SpecOptions(batch_wait_ms=2.5, batch_sizes="").of(spec).batching == Batching(max_wait_s=0.0025)
    with pytest.raises(InvalidArgument, match="like 1,4,16"):
        SpecOptions(batch_sizes="1;4").of(spec)


def test_data_is_json_or_a_file(tmp_path: Path) -> None:
    assert read_data("[[1, 2]]") == [[1, 2]]
    assert read_data('{"x": [1]}') == {"x": [1]}
    assert read_data('{"instances": [[1]]}') == [[1]]
    assert read_data("3.5") == 3.5
    (tmp_path / "a.json").write_text('{"inputs": {"x": [1]}}')
    assert read_data(str(tmp_path / "a.json")) == {"x": [1]}
    np.save(tmp_path / "a.npy", np.eye(2))
    assert read_data(str(tmp_path / "a.npy")).shape == (2, 2)
    np.savez(tmp_path / "a.npz", x=np.eye(3))
    assert read_data(str(tmp_path / "a.npz"))["x"].shape == (3, 3)
    with pytest.raises(NotFound, match="no file"):
        read_data("absent.json")
    with pytest.raises(InvalidArgument, match="not JSON"):
        read_data("[1,")


def test_a_pickle_in_an_array_file_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidArgument, match=r"a\.npy"):
        read_data(str(tmp_path / "a.npy"))


def test_text_descriptions() -> None:
    assert parse_text("") == TextPreprocess()
    text = parse_text("max_length=128,types=token_type_ids,mask=")
    assert (text.max_length, text.types, text.mask, text.ids) == (128, "token_type_ids", "", "input_ids")
    for wrong, says in (("max_length=many", "max_length"), ("length=3", "no 'length'"), ("mask", "NAME=VALUE")):
        with pytest.raises(InvalidArgument, match=says):
            parse_text(wrong)
