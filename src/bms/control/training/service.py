"""Use cases of training: turn a request into a resolved job."""

from collections.abc import AsyncIterator

import msgspec

from bms.control.datasets.nouns import DatasetVersion
from bms.control.datasets.service import DatasetService
from bms.control.jobs.nouns import Job, JobSpec, TreeInput
from bms.control.jobs.service import JobService
from bms.control.models.checks import check_model
from bms.control.models.nouns import Lineage
from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import FileEntry, get_tree, put_tree, tree_of
from bms.control.training.needs import check_data, check_inputs
from bms.control.training.nouns import Recipe, Register, Training
from bms.control.training.ports import Recipes
from bms.core.access.principal import Principal
from bms.core.digest import of_bytes
from bms.core.errors import DataLoss, InvalidArgument, NotFound
from bms.core.ids import check_name
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources


class TrainingService:
    """Submits trainings as jobs that name every byte they will read."""

    def __init__(
        self, jobs: JobService, datasets: DatasetService, objects: ObjectStore, recipes: Recipes, conversions: set[str]
    ) -> None:
        self._jobs = jobs
        self._datasets = datasets
        self._objects = objects
        self._recipes = recipes
        self._conversions = conversions

    def recipes(self) -> list[Recipe]:
        return self._recipes.all()

    async def submit(self, by: Principal, wanted: Training) -> Job:
        """Submits a training. Raises InvalidArgument for a contradictory request, NotFound for an unknown recipe, data
        set or tree."""
        recipe = self._recipe(wanted)
        versions = {
            check_name("input", name): await self._datasets.resolve(by.tenant, reference)
            for name, reference in sorted(wanted.datasets.items())
        }
        references = tuple(version.reference for version in versions.values())
        if recipe is None:
            code, entry = await self._own_code(by.tenant, wanted)
        else:
            code, entry = await self._recipe_code(by.tenant, recipe), recipe.entry
        defaults = recipe.parameters if recipe else {}
        if recipe and (unknown := sorted(set(wanted.parameters) - set(defaults))):
            raise InvalidArgument(
                f"recipe {recipe.name!r} has no parameter {', '.join(unknown)}: it takes {', '.join(sorted(defaults))}"
            )
        spec = JobSpec(
            kind="train",
            entry=entry,
            code=code,
            inputs=tuple(_input(name, version) for name, version in versions.items()),
            parameters={**defaults, **wanted.parameters},
            environment=wanted.environment or (recipe.environment if recipe else EnvironmentSpec()),
            resources=wanted.resources or (recipe.resources if recipe else Resources()),
            timeout_s=wanted.timeout_s,
            max_attempts=wanted.max_attempts,
            model=wanted.model is not None,
            then=self._then(wanted, recipe, references),
        )
        if recipe is not None:
            check_inputs(recipe, versions)
            await self._check(by.tenant, recipe, versions)
        name = wanted.name or (f"train-{recipe.name}" if recipe else "train")
        return await self._jobs.submit(by.tenant, by.user, check_name("job", name), spec)

    def _recipe(self, wanted: Training) -> Recipe | None:
        if (wanted.recipe is None) == (wanted.code is None):
            raise InvalidArgument("say either `recipe`, or `code` with `entry`: exactly one of them")
        if wanted.recipe is None:
            return None
        recipe = self._recipes.find(wanted.recipe)
        if recipe is None:
            known = ", ".join(known.name for known in self._recipes.all())
            raise NotFound(f"no recipe {wanted.recipe!r}: there are {known}")
        return recipe

    async def _check(self, tenant: str, recipe: Recipe, versions: dict[str, DatasetVersion]) -> None:
        """Checks the data sets against the recipe's needs: no job should fail of that. Raises FailedPrecondition."""
        for name, needed in recipe.needs.items():
            version = versions[name]
            told = await self._datasets.statistics(tenant, version.dataset, version.number)
            try:
                balance = msgspec.convert(told.get("splits", {}), dict[str, dict[str, int]])
            except msgspec.ValidationError as error:
                raise DataLoss(f"the statistics of {version.reference} are damaged: {error}") from error
            check_data(recipe.name, needed, version, balance)

    async def _own_code(self, tenant: str, wanted: Training) -> tuple[str, str]:
        assert wanted.code is not None
        if not wanted.entry:
            raise InvalidArgument("`entry` is missing: name the script to run, a path in the uploaded code")
        tree = await get_tree(self._objects, tenant, wanted.code)
        if wanted.entry not in {file.path for file in tree.files}:
            raise InvalidArgument(f"entry {wanted.entry[:80]!r} is not a file of the uploaded code")
        return wanted.code, wanted.entry

    async def _recipe_code(self, tenant: str, recipe: Recipe) -> str:
        """Stores a recipe's code as a tree of the tenant like any other, so that the job can always be repeated."""
        entries = []
        for path, content in self._recipes.files(recipe.name).items():
            await self._objects.put(tenant, _once(content), of_bytes(content))
            entries.append(FileEntry(path=path, digest=of_bytes(content), size=len(content)))
        return await put_tree(self._objects, tenant, tree_of(entries))

    def _then(self, wanted: Training, recipe: Recipe | None, references: tuple[str, ...]) -> dict[str, object]:
        if wanted.model is None:
            return {}
        convert = wanted.convert if wanted.convert is not None else (recipe.convert if recipe else ())
        if unknown := sorted(set(convert) - self._conversions):
            raise InvalidArgument(f"cannot convert to {', '.join(unknown)}: use {', '.join(sorted(self._conversions))}")
        register = Register(model=check_model(wanted.model), convert=convert, lineage=Lineage(datasets=references))
        return {"register": register}


def _input(name: str, version: DatasetVersion) -> TreeInput:
    assert version.tree is not None, "a ready version has a tree"
    return TreeInput(name=name, tree=version.tree, reference=version.reference)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
