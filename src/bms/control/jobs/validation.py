"""Validates a JobSpec before it becomes a job: everything that can be checked without running it."""

import re
from pathlib import PurePosixPath

import msgspec

from bms.control.jobs.nouns import JobSpec, TreeInput
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import Tree, get_tree
from bms.core.digest import check_digest
from bms.core.errors import InvalidArgument, NotFound
from bms.core.ids import check_name
from bms.core.workloads.programs import TASK

MAX_NAME = 200
MAX_PARAMETERS = 1 << 20
MAX_TIMEOUT_S = 14 * 24 * 3600.0
MAX_ATTEMPTS = 20
_ID = re.compile(r"job_[A-Za-z0-9_-]{1,56}")  # a workload's id adds "-a20" and has at most 64 characters
_TASK = re.compile(r"task:[a-z][a-z0-9_]{0,62}")


def check_job_name(name: str) -> str:
    """Returns `name` if it is 1 to 200 printable characters. Raises InvalidArgument."""
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidArgument(f"a job's name has 1 to {MAX_NAME} printable characters")
    return name


def check_job_id(id: str) -> str:
    """Returns `id` if it may be a job's; workloads and directories are named after it. Raises InvalidArgument."""
    if not _ID.fullmatch(id):
        raise InvalidArgument(f"job id {id[:80]!r} is not valid: use 'job_' and 1 to 56 letters, digits, '_' or '-'")
    return id


def check_spec(spec: JobSpec) -> JobSpec:
    """Returns `spec` if it is well formed. Raises InvalidArgument that names the field."""
    check_name("kind", spec.kind)
    _check_entry(spec)
    names = [check_name("input", given.name) for given in spec.inputs]
    if len(set(names)) != len(names):
        raise InvalidArgument("two inputs have the same name: every input is a directory of its own")
    for given in spec.inputs:
        check_digest(given.tree)
    if not 0 < spec.timeout_s <= MAX_TIMEOUT_S:
        raise InvalidArgument(f"timeout_s is {spec.timeout_s}, expected more than 0 and at most {MAX_TIMEOUT_S:.0f}")
    if not 1 <= spec.max_attempts <= MAX_ATTEMPTS:
        raise InvalidArgument(f"max_attempts is {spec.max_attempts}, expected 1 to {MAX_ATTEMPTS}")
    if (size := len(msgspec.json.encode(spec.parameters))) > MAX_PARAMETERS:
        raise InvalidArgument(f"the parameters have {size} bytes, at most {MAX_PARAMETERS} are allowed")
    return spec


def _check_entry(spec: JobSpec) -> None:
    if spec.code is not None:
        check_digest(spec.code)
        parts = PurePosixPath(spec.entry).parts
        if not parts or spec.entry.startswith(("/", TASK)) or ".." in parts:
            raise InvalidArgument(f"entry {spec.entry[:80]!r} is not the path of a file of the code, e.g. train.py")
    elif not _TASK.fullmatch(spec.entry):
        raise InvalidArgument(f"entry {spec.entry[:80]!r} is not a task (task:NAME); a script needs a tree of code")


async def check_trees(objects: ObjectStore, tenant: str, spec: JobSpec) -> None:
    """Checks that the job's trees are stored. Raises NotFound for a tree the tenant does not have, InvalidArgument for
    code without the entry."""
    for given in spec.inputs:
        await _tree(objects, tenant, given)
    if spec.code is not None:
        code = await _tree(objects, tenant, TreeInput(name="code", tree=spec.code))
        if spec.entry not in {file.path for file in code.files}:
            raise InvalidArgument(f"entry {spec.entry[:80]!r} is not among the {len(code.files)} files of the code")


async def _tree(objects: ObjectStore, tenant: str, given: TreeInput) -> Tree:
    if await objects.stat(tenant, given.tree) is None:
        raise NotFound(f"input {given.reference or given.name!r} ({given.tree}) is not there: upload it, then repeat")
    return await get_tree(objects, tenant, given.tree)
