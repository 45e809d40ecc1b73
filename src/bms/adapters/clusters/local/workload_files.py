"""Reads the files that this machine's workloads wrote in their own directories."""

import asyncio
from collections.abc import Callable

from bms.adapters.clusters.local.output_tree import store_directory
from bms.adapters.clusters.local.plain_files import extent_of, opened_directory, opened_file, piece_of
from bms.adapters.clusters.log_files import JOB_LOG, WORKLOAD_LOG
from bms.control.platform.objects import BlobStore
from bms.control.platform.trees import Tree
from bms.control.platform.workload_files import MAX_PIECE, MAX_RESULT, Extent, FilePiece, Folder, Record
from bms.core.errors import DataLoss

_FILES: dict[Record, str] = {"console": WORKLOAD_LOG, "log": JOB_LOG, "events": "events.jsonl"}
_RESULT = "result.json"


class LocalWorkloadFiles:
    """The `WorkloadFiles` of one machine. `directory_of` says where a workload's directory is, or would be."""

    def __init__(self, directory_of: Callable[[str], str], objects: BlobStore) -> None:
        self._directory_of = directory_of
        self._objects = objects

    async def extent(self, workload: str, record: Record) -> Extent | None:
        directory = self._directory_of(workload)
        return await asyncio.to_thread(extent_of, directory, _FILES[record], cut=record != "events")

    async def read(self, workload: str, record: Record, offset: int, limit: int) -> FilePiece | None:
        directory, most = self._directory_of(workload), min(limit, MAX_PIECE)
        return await asyncio.to_thread(piece_of, directory, _FILES[record], offset, most, cut=record != "events")

    async def result(self, workload: str) -> bytes | None:
        return await asyncio.to_thread(self._result, workload)

    async def store(self, tenant: str, workload: str, folder: Folder) -> Tree | None:
        return await store_directory(self._objects, tenant, self._directory_of(workload), folder)

    def _result(self, workload: str) -> bytes | None:
        try:
            with (
                opened_directory(self._directory_of(workload)) as within,
                opened_file(_RESULT, within) as descriptor,
                open(descriptor, "rb", closefd=False) as file,
            ):
                content = file.read(MAX_RESULT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataLoss(f"its result can't be read: {error}") from error
        if len(content) > MAX_RESULT:
            raise DataLoss(f"its result has over {MAX_RESULT} bytes: put large things into files of its output")
        return content
