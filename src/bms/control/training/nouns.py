"""The nouns of training: the request, the recipe, and what a job may leave behind for registration."""

import msgspec

from bms.control.models.nouns import Lineage
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources


class RecipeNeeds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requirements of a recipe on a data set: rows in these splits, and so many classes with rows to train on."""

    splits: tuple[str, ...] = ("train",)
    classes: int = 0


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ready-made training program: `recipe.json` beside its code. `parameters` are the defaults."""

    name: str
    title: str
    description: str
    entry: str
    environment: EnvironmentSpec
    parameters: dict[str, object]
    convert: tuple[str, ...] = ()  # formats its versions are converted to when nothing else is said
    resources: Resources = Resources()
    needs: dict[str, RecipeNeeds] = {}  # data sets by the names of the job's inputs


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The use of a job's `output/model`: a version of `model`, then children in the formats of `convert`."""

    model: str
    convert: tuple[str, ...] = ()
    lineage: Lineage = Lineage()


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to train: a recipe, or code of one's own (the digest of an uploaded tree, and its entry script).

    `datasets` maps the names of the job's input directories to references ("digits", "digits@3").
    """

    recipe: str | None = None
    code: str | None = None
    entry: str | None = None
    name: str = ""
    datasets: dict[str, str] = {}
    parameters: dict[str, object] = {}
    environment: EnvironmentSpec | None = None
    resources: Resources | None = None
    model: str | None = None  # register the result as a version of it
    convert: tuple[str, ...] | None = None
    timeout_s: float = 3600.0
    max_attempts: int = 1


class MadeVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file `output/version.json`: what a job declares of the version in `output/model`; the rest is found out."""

    runtime: str = ""
    labels: tuple[str, ...] = ()
    preprocess: Preprocess | None = None
    signatures: dict[str, Signature] = {}
    environment: EnvironmentSpec = EnvironmentSpec()
    metadata: dict[str, str] = {}
