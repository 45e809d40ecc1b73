"""Builds the configuration with which a job loads a version."""

from bms.control.models.nouns import Version
from bms.core.workloads.programs import ServableConfig


def servable_config(version: Version) -> ServableConfig:
    """The configuration with which a job loads the version; the directory is the job's input `artifact`."""
    return ServableConfig(
        runtime=version.runtime,
        model=version.model,
        version=version.number,
        signatures=version.signatures,
        proved=version.state != "verifying",
        preprocess=version.preprocess,
        allow_pickle=version.allow_pickle,
    )
