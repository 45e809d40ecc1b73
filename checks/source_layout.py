"""Checks the layout of the source: folders of at most 20 modules, and one class for one public name.

`make check` runs it. A noun of control or core is called the same by those who describe it to others: the API's types,
the SDK's view of them, and what a job's own code imports.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "bms"
MOST_MODULES = 20
LARGER = {  # and why
    "api_types": "one module for each path of the API, which is where its users look",
    "sdk": "its modules are import paths that users have",
}
NOUNS, VIEWS = ("control/", "core/"), ("api_types/", "sdk/", "jobs/")


def large_folders(root: Path) -> list[str]:
    """Folders with too many modules of their own; reasons that nothing needs any more."""
    counted = {
        str(folder.relative_to(root)): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]
        if "versions" not in folder.parts  # migrations: a file for each, for ever
    }
    large = {name: count for name, count in counted.items() if count > MOST_MODULES}
    found = [
        f"{name} has {count} modules, at most {MOST_MODULES}" for name, count in large.items() if name not in LARGER
    ]
    return found + [f"{name} is small enough: take it out of LARGER" for name in LARGER if name not in large]


def doubled_names(root: Path) -> list[str]:
    """Public classes of one name in several modules."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(root)))
    return [f"{name} is {len(paths)} things: {', '.join(paths)}" for name, paths in homes.items() if not _one(paths)]


def _one(paths: list[str]) -> bool:
    views = [path for path in paths if path.startswith(VIEWS)]
    others = [path for path in paths if path not in views]
    if len({path.partition("/")[0] for path in views}) < len(views) or len(others) > 1:
        return False
    return not views or not others or others[0].startswith(NOUNS)


def main() -> int:
    problems = [*large_folders(ROOT), *doubled_names(ROOT)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
