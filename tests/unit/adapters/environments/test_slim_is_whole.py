"""What the slim part imports of ours is in it."""

import ast
from pathlib import Path

import bms
from bms.adapters.environments.slim import slim_files

PACKAGE = Path(bms.__file__).parent


def modules_of(imported: ast.stmt) -> list[str]:
    if isinstance(imported, ast.Import):
        return [each.name for each in imported.names]
    if isinstance(imported, ast.ImportFrom) and imported.module:
        # A name may be a module of that package.
        inner = [f"{imported.module}.{each.name}" for each in imported.names]
        return [imported.module, *(name for name in inner if there(name))]
    return []


def there(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    found = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    return found.relative_to(PACKAGE) if found.is_file() else None


def test_every_import_at_the_top_of_its_modules_is_there() -> None:
    files = set(slim_files(PACKAGE))
    lacking = {
        f"{file} imports {module}"
        for file in files
        if file.suffix == ".py"
        for statement in ast.parse((PACKAGE / file).read_bytes()).body
        for module in modules_of(statement)
        if module.partition(".")[0] == "bms" and there(module) not in files
    }
    assert lacking == set()
