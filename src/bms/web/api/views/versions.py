"""Converts versions into answers of the API."""

from bms.api_types import preprocessing, versions
from bms.control.models.nouns import Lineage, Measurement, Version
from bms.control.models.uploads import StartedUpload
from bms.core.tensors.preprocessing import ImagePreprocess, Preprocess
from bms.web.api.views.environments import spec
from bms.web.api.views.gates import result
from bms.web.api.views.signatures import signature


def version(one: Version) -> versions.Version:
    return versions.Version(
        id=one.id,
        tenant=one.tenant,
        model=one.model,
        number=one.number,
        state=one.state,
        runtime=one.runtime,
        artifact=one.artifact,
        size=one.size,
        created_at=one.created_at,
        created_by=one.created_by,
        signatures={name: signature(each) for name, each in one.signatures.items()},
        preprocess=None if one.preprocess is None else preprocess(one.preprocess),
        labels=one.labels,
        environment=spec(one.environment),
        allow_pickle=one.allow_pickle,
        metrics=one.metrics,
        metadata=one.metadata,
        lineage=_lineage(one.lineage),
        measurement=None if one.measurement is None else _measurement(one.measurement),
        gate_results=tuple(result(each) for each in one.gate_results),
        reason=one.reason,
        format=one.format,
        revision=one.revision,
    )


def started(one: StartedUpload) -> versions.StartedUpload:
    return versions.StartedUpload(version=version(one.version), missing=one.missing)


def _lineage(one: Lineage) -> versions.Lineage:
    return versions.Lineage(parent=one.parent, relation=one.relation, job=one.job, datasets=one.datasets)


def _measurement(one: Measurement) -> versions.Measurement:
    return versions.Measurement(memory=one.memory, load_ns=one.load_ns, infer_ns=one.infer_ns)


def preprocess(one: Preprocess) -> preprocessing.Preprocess:
    if isinstance(one, ImagePreprocess):
        return preprocessing.ImagePreprocess(
            input=one.input,
            mode=one.mode,
            height=one.height,
            width=one.width,
            resize=one.resize,
            shorter=one.shorter,
            interpolation=one.interpolation,
            scale=one.scale,
            mean=one.mean,
            std=one.std,
            layout=one.layout,
        )
    return preprocessing.TextPreprocess(
        tokenizer=one.tokenizer, max_length=one.max_length, ids=one.ids, mask=one.mask, types=one.types
    )
