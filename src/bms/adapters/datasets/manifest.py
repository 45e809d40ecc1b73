"""The file dataset.json, which describes a directory of TFRecord files."""

import re
from pathlib import Path

import msgspec

from bms.adapters.datasets.schema import TableSchema, check_schema
from bms.core.errors import InvalidArgument, NotFound

NAME = "dataset.json"
_SHARD = re.compile(r"[a-z]+-\d{5}-of-\d{5}\.tfrecord")


class SplitFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rows: int
    files: tuple[str, ...]  # names within the directory, in the rows' order


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of dataset.json. `label` names the column to be predicted; `labels` are its classes, none for a
    quantity."""

    schema: TableSchema
    splits: dict[str, SplitFiles]
    label: str | None = None
    labels: tuple[str, ...] = ()


def write_manifest(directory: Path, manifest: Manifest) -> None:
    (directory / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read_manifest(directory: Path) -> Manifest:
    """Reads and checks dataset.json. Raises NotFound, or InvalidArgument for one that makes no sense or names files
    elsewhere."""
    try:
        manifest = msgspec.json.decode((directory / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise NotFound(f"there is no {NAME} in {directory.name}: it is not an imported data set") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{NAME} is damaged: {error}") from error
    check_schema(manifest.schema)
    for split in manifest.splits.values():
        for name in split.files:
            if not _SHARD.fullmatch(name):
                raise InvalidArgument(
                    f"{NAME} names the file {name[:80]!r}; expected e.g. train-00000-of-00001.tfrecord"
                )
    return manifest
