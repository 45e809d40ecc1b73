"""Converts signatures into answers of the API."""

from bms.api_types import signatures
from bms.core.tensors.columns import Column
from bms.core.tensors.features import Feature
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.sequences import SequenceLimits
from bms.core.tensors.signature import Signature, TensorSpec


def signature(one: Signature) -> signatures.Signature:
    return signatures.Signature(
        inputs=tuple(_tensor(each) for each in one.inputs),
        outputs=tuple(_tensor(each) for each in one.outputs),
        batched=one.batched,
        method=one.method,
        scores=one.scores,
        labels=one.labels,
        max_batch_size=one.max_batch_size,
        streams=one.streams,
        sequences=None if one.sequences is None else _sequences(one.sequences),
        params=tuple(_parameter(each) for each in one.params),
        predicted=None if one.predicted is None else _predicted(one.predicted),
    )


def _tensor(one: TensorSpec) -> signatures.TensorSpec:
    return signatures.TensorSpec(
        name=one.name,
        dtype=one.dtype,
        shape=one.shape,
        column=None if one.column is None else _column(one.column),
        features=None if one.features is None else tuple(_feature(each) for each in one.features),
        format=one.format,
        optional=one.optional,
    )


def _column(one: Column) -> signatures.Column:
    return signatures.Column(
        type=one.type,
        optional=one.optional,
        unread=one.unread,
        nameless=one.nameless,
        categories=one.categories,
    )


def _feature(one: Feature) -> signatures.Feature:
    return signatures.Feature(name=one.name, dtype=one.dtype, size=one.size)


def _sequences(one: SequenceLimits) -> signatures.SequenceLimits:
    return signatures.SequenceLimits(most=one.most, idle_s=one.idle_s)


def _parameter(one: Parameter) -> signatures.Parameter:
    return signatures.Parameter(name=one.name, type=one.type, default=one.default, many=one.many)


def _predicted(one: Predicted) -> signatures.Predicted:
    return signatures.Predicted(
        form=one.form, outputs=one.outputs, names=one.names, column=one.column, nested=one.nested, base64=one.base64
    )
