"""A spec that could never run never becomes a job."""

import msgspec
import pytest

from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.jobs.nouns import JobSpec, TreeInput
from bms.control.jobs.validation import check_job_id, check_job_name, check_spec, check_trees
from bms.core.errors import InvalidArgument, NotFound
from tests.worlds.jobs import SPEC, put_files

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "No Kind"}, "kind name"),
        ({"entry": "train.py"}, "needs a tree of code"),
        ({"entry": "task:../x"}, "not a task"),
        ({"entry": "task:train", "code": DIGEST}, "path of a file of the code"),
        ({"entry": "/train.py", "code": DIGEST}, "path of a file of the code"),
        ({"entry": "a/../../x.py", "code": DIGEST}, "path of a file of the code"),
        ({"entry": "train.py", "code": "md5:x"}, "not a digest"),
        ({"inputs": (TreeInput(name="../x", tree=DIGEST),)}, "input name"),
        ({"inputs": (TreeInput(name="x", tree="nothing"),)}, "not a digest"),
        ({"inputs": (TreeInput(name="x", tree=DIGEST),) * 2}, "same name"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 1000}, "max_attempts"),
        ({"parameters": {"x": "y" * (2 << 20)}}, "parameters"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_spec(msgspec.structs.replace(SPEC, **fields))


def test_names_and_ids() -> None:
    assert check_job_name("train digits, again") == "train digits, again"
    for wrong in ("", "x" * 201, "a\nb"):
        with pytest.raises(InvalidArgument):
            check_job_name(wrong)
    assert check_job_id("job_verify_version_01") == "job_verify_version_01"
    for wrong in ("x", "job_", "job_../x", "job_" + "x" * 57):
        with pytest.raises(InvalidArgument):
            check_job_id(wrong)


async def test_trees_must_be_there_and_hold_the_entry() -> None:
    objects = MemoryObjectStore()
    code = await put_files(objects, "acme", {"src/train.py": b"pass"})
    good = JobSpec(kind="train", entry="src/train.py", code=code, inputs=(TreeInput(name="data", tree=code),))
    await check_trees(objects, "acme", good)
    with pytest.raises(InvalidArgument, match="not among the 1 files"):
        await check_trees(objects, "acme", msgspec.structs.replace(good, entry="train.py"))
    missing = (TreeInput(name="data", tree=DIGEST, reference="digits@1"),)
    with pytest.raises(NotFound, match="digits@1"):
        await check_trees(objects, "acme", msgspec.structs.replace(good, inputs=missing))
    with pytest.raises(NotFound):
        await check_trees(objects, "other", good)
