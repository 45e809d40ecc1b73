"""Merges the Prometheus texts of many processes, each sample labelled with where it came from.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. Every family's lines stay together, and no
sample has a label twice, which scrapers require.
"""

import re
from collections.abc import Iterable, Mapping

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \S+)?")
_LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')
_SUFFIXES = ("_bucket", "_sum", "_count", "_created")


def merge(sources: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """Merges texts. `sources` are (labels to add, text); a sample's own labels stay as they are. Lines that are no
    samples or comments of the format are left out."""
    heads: dict[str, dict[str, str]] = {}
    samples: dict[str, list[str]] = {}
    for labels, text in sources:
        for line in text.splitlines():
            if line.startswith("# "):
                _head(line, heads)
            elif found := _SAMPLE.fullmatch(line):
                both = _both(labels, found[2] or "")
                sample = f"{found[1]}{{{both}}} {found[3]}" if both else f"{found[1]} {found[3]}"
                samples.setdefault(_family(found[1], heads), []).append(sample)
    lines: list[str] = []
    for family, found_samples in samples.items():
        lines += [*heads.get(family, {}).values(), *found_samples]
    return "\n".join(lines) + "\n" if lines else ""


def _both(added: Mapping[str, str], own: str) -> str:
    names = set(_LABEL.findall(own))
    missing = [f'{name}="{_escaped(value)}"' for name, value in added.items() if name not in names]
    return ",".join([*missing, own] if own else missing)


def _head(line: str, heads: dict[str, dict[str, str]]) -> None:
    parts = line.split(" ", 3)
    if len(parts) == 4 and parts[1] in ("HELP", "TYPE"):
        heads.setdefault(parts[2], {}).setdefault(parts[1], line)


def _family(name: str, heads: dict[str, dict[str, str]]) -> str:
    if name in heads:
        return name
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in heads:
            return name.removesuffix(suffix)
    return name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
