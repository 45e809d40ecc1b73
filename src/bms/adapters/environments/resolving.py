"""Resolves requirements to exact versions with hashes, which alone are then installed."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bms.adapters.environments.lock import constraints_of, lock_lines, pinned
from bms.adapters.environments.parsing import canonical_name, requirement
from bms.adapters.environments.recipe import EnvironmentRecipe

RunUv = Callable[[Sequence[str]], Awaitable[None]]
_QUIET = ("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header")


async def resolve(
    recipe: EnvironmentRecipe, folder: Path, interpreter: Path, run: RunUv, tell: Callable[[str], None]
) -> tuple[str, ...]:
    """Resolves to the lines of the whole lock, sorted: the recipe's own, and what the rest was resolved to under it.

    `folder` is where files may be written, `interpreter` whose packages they will be. Raises FailedPrecondition.
    """
    if not recipe.requirements:
        return recipe.lock
    if recipe.lock:
        tell(f"not in the lock, so resolved beside it: {', '.join(recipe.requirements)}")
    requirements, constraints = folder / "requirements.txt", folder / "constraints.txt"
    resolved = folder / "resolved.txt"
    _write(requirements, recipe.requirements)
    _write(constraints, (*recipe.constraints, *constraints_of(recipe.lock)))
    # Wheels only, also to learn what packages need: building one runs its code with the platform's rights.
    command = ["pip", "compile", "--python", str(interpreter), "--generate-hashes", "--no-build", *_QUIET]
    files = ["--constraints", str(constraints), "--output-file", str(resolved), str(requirements)]
    await run([*command, *files])
    kept = pinned(recipe.lock)
    fresh = [line for line in lock_lines(resolved.read_text()) if _name(line) not in kept]
    return tuple(sorted([*recipe.lock, *fresh]))


def _name(line: str) -> str:
    return canonical_name(requirement(line.partition(" --hash=")[0]).name)


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
