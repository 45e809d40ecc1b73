"""The trace and logging extensions over gRPC: the settings of `oip.settings` as messages."""

from collections.abc import Mapping
from typing import Any

from bms.protocols.oip.settings import SETTINGS, check_same
from bms.protocols.protobuf.pool import message

_PARAMETERS = {bool: "bool_param", int: "uint32_param", str: "string_param"}


def trace_settings(request: Any) -> bytes:
    """Encodes the answer of TraceSetting, whose `request` names no setting, or current values only. Raises
    InvalidArgument for a setting that there is not, Unimplemented for a change."""
    given = {name: list(value.value) or None for name, value in request.settings.items()}
    check_same("trace", given)
    told = SETTINGS["trace"].items()
    return _answer(
        "TraceSettingResponse", {name: {"value": value if isinstance(value, list) else [value]} for name, value in told}
    )


def log_settings(request: Any) -> bytes:
    """Encodes the answer of LogSettings, likewise."""
    check_same("log", {name: _chosen(value) for name, value in request.settings.items()})
    return _answer(
        "LogSettingsResponse", {name: {_PARAMETERS[type(value)]: value} for name, value in SETTINGS["log"].items()}
    )


def _chosen(value: Any) -> object:
    choice = value.WhichOneof("parameter_choice")
    return None if choice is None else getattr(value, choice)


def _answer(name: str, settings: Mapping[str, object]) -> bytes:
    built: bytes = message(f"inference.{name}")(settings=settings).SerializeToString()
    return built
