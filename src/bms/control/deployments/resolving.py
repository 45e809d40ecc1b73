"""Resolves a deployment's spec to exactly what should run: aliases looked up, versions checked."""

from collections.abc import Collection

from bms.control.deployments.nouns import Deployment, DeploymentRevision, DeploymentSpec
from bms.control.deployments.planning.builds import build_of
from bms.control.deployments.planning.observed_state import Desired, ResolvedTarget
from bms.control.deployments.ports import Catalog, Known
from bms.control.models.aliases import require_may_force
from bms.control.models.gates import refusal
from bms.core.access.principal import Principal
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound


async def resolve(deployment: Deployment, revision: DeploymentRevision, catalog: Known) -> Desired:
    """Resolves `deployment` as of now. A model or version that is gone becomes a target's problem, not an error."""
    spec = deployment.spec
    problems: dict[int, str] = {}
    try:
        aliases = await catalog.aliases(deployment.tenant, spec.model)
    except NotFound:
        aliases = {}
    targets = tuple(
        ResolvedTarget(
            version=aliases.get(target.alias) if target.alias is not None else target.version,
            weight=target.weight,
            alias=target.alias,
        )
        for target in spec.targets
    )
    for target in targets:
        if target.version is not None and (why := await _problem(deployment, target.version, catalog)):
            problems[target.version] = why
    return Desired(
        deployment=deployment.id,
        tenant=deployment.tenant,
        since=revision.at,
        targets=targets,
        aliases=aliases,
        problems=problems,
        replicas=spec.replicas,
        build=build_of(spec),
        deleted=deployment.deleted,
        stopped=spec.stopped,
        drain_s=spec.drain_s,
        keep_previous_s=spec.keep_previous_s,
        start_timeout_s=spec.start_timeout_s,
    )


async def check_targets(tenant: str, spec: DeploymentSpec, catalog: Catalog) -> tuple[int, ...]:
    """The present version of each target. Raises NotFound, or FailedPrecondition for a version that is not ready."""
    aliases = await catalog.aliases(tenant, spec.model)
    numbers = []
    for target in spec.targets:
        number = target.version if target.alias is None else aliases.get(target.alias)
        if number is None:
            known = ", ".join(sorted(aliases)) or "none yet"
            raise NotFound(f"model {spec.model!r} has no alias {target.alias!r}; its aliases: {known}")
        version = await catalog.version(tenant, spec.model, number)
        if version.state != "ready":
            raise FailedPrecondition(
                f"version {number} of {spec.model!r} is {version.state}"
                f"{f' ({version.reason})' if version.reason else ''}: only ready versions can be deployed"
            )
        numbers.append(number)
    named = [(target.alias, target.version) for target in spec.targets]
    if len(set(named)) != len(named):
        raise InvalidArgument("two targets name the same alias or version: join them and add their weights")
    return tuple(numbers)


async def check_gates(
    by: Principal, spec: DeploymentSpec, catalog: Catalog, *, served: Collection[int], force: bool
) -> None:
    """Checks the model's gates for every target that names a version by its number, unless it is `served` already.
    Those that an alias names were checked when the alias moved to them.

    Raises FailedPrecondition with every gate that is not passed, unless `force`, which admins and owners may say:
    PermissionDenied for others.
    """
    if force:
        require_may_force(by)
        return
    for target in spec.targets:
        number = target.version
        if number is None or number in served:
            continue
        why = refusal(spec.model, number, await catalog.gates(by.tenant, spec.model, number))
        if why is not None:
            raise FailedPrecondition(f"version {number} of {spec.model!r} can't be deployed: {why}")


async def _problem(deployment: Deployment, number: int, catalog: Known) -> str:
    try:
        version = await catalog.version(deployment.tenant, deployment.spec.model, number)
    except NotFound as error:
        return error.message
    return "" if version.state == "ready" else f"version {number} is {version.state}"
