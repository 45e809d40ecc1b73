"""How a sentence-transformers directory makes one vector of a text's tokens: modules.json and what it names."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bms.core.errors import FailedPrecondition

Read = Callable[[str, str], Mapping[str, object]]
_WAYS = {"pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_mean_tokens": "mean"}


class Pooling(NamedTuple):
    """`said`: the directory is one of sentence-transformers. `prompt` goes before every text."""

    said: bool = False
    ways: tuple[str, ...] = ("mean",)
    normalise: bool = False
    max_length: object = None
    prompt: str = ""


def pooling_of(directory: str, modules: object, read: Read) -> Pooling:
    """Raises FailedPrecondition for a module that is not known."""
    if not isinstance(modules, list):
        return Pooling()
    ways: tuple[str, ...] = ("mean",)
    normalise = False
    for module in modules:
        kind = str(module.get("type", "")).rpartition(".")[2] if isinstance(module, dict) else ""
        path = str(module.get("path", "")) if isinstance(module, dict) else ""
        if kind == "Pooling":
            ways = _ways(read(directory, f"{path}/config.json"))
        elif kind == "Normalize":
            normalise = True
        elif kind != "Transformer" or path not in ("", "."):
            raise FailedPrecondition(
                f"modules.json names {kind[:80]!r} in {path[:80]!r}: known are Transformer (at the top), Pooling and "
                "Normalize"
            )
    settings = read(directory, "config_sentence_transformers.json")
    prompts, default = settings.get("prompts"), settings.get("default_prompt_name")
    prompt = prompts.get(default, "") if isinstance(prompts, dict) and isinstance(default, str) else ""
    length = read(directory, "sentence_bert_config.json").get("max_seq_length")
    return Pooling(True, ways, normalise, length, str(prompt))


def _ways(config: Mapping[str, object]) -> tuple[str, ...]:
    said = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    named = config.get("pooling_mode")  # as newer versions write it
    if isinstance(named, str):
        said = [f"pooling_mode_{named}_token" if named == "cls" else f"pooling_mode_{named}_tokens"]
    unknown = [name for name in said if name not in _WAYS]
    if unknown or not said:
        raise FailedPrecondition(
            f"the pooling is {', '.join(unknown)[:200] or 'not said'}: known are {', '.join(_WAYS)} in its config.json"
        )
    return tuple(_WAYS[name] for name in said)
