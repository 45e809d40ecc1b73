"""Reads how a sentence-transformers directory pools a text's tokens to one vector: modules.json and what it names."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bms.adapters.runtimes.huggingface.dense import Dense, dense_of
from bms.adapters.runtimes.huggingface.keys import MODULES, NORMALIZE, POOLING, SENTENCES, TRANSFORMER, check_known
from bms.core.errors import FailedPrecondition

Said = Mapping[str, object]
Read = Callable[[str, str], Said]
WAYS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
# Whichever order they stand in, they are put side by side in this one.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TRANSFORMERS = (  # the first that there is, as sentence-transformers reads them
    TRANSFORMER,
    *(
        f"sentence_{name}_config.json"
        for name in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    ),
)
_NO_CHANGE: Said = {  # what may be said, since it is what is done
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "tokenizer_name_or_path": None,
}
_ARGUMENTS = (
    "processing_kwargs", "model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args",
    "config_kwargs",
)  # fmt: skip


class Normalise(NamedTuple):
    """A step that scales every vector to length 1."""


class Pooling(NamedTuple):
    """The pooling of a directory. `sentence_transformers`: the directory is one of that library. `prompt` goes before
    every text."""

    sentence_transformers: bool = False
    ways: tuple[str, ...] = ("mean",)
    include_prompt: bool = True  # else the prompt's tokens are not among those that are pooled
    then: tuple[Normalise | Dense, ...] = ()
    size: int | None = None  # of what is given: more is cut off
    max_length: int | None = None
    lower: bool = False
    prompt: str = ""


def pooling_of(directory: str, modules: object, read: Read) -> Pooling:
    """Reads the pooling. Raises FailedPrecondition for a module that is not known, and naming a key that is not."""
    if modules is None:
        return Pooling()
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise FailedPrecondition(f"{MODULES} is no list of modules, each with its type and path")
    then: list[Normalise | Dense] = []
    pooled: Pooling | None = None
    for place, module in enumerate(modules):
        check_known(MODULES, module)
        kind, path = str(module.get("type", "")).rpartition(".")[2], str(module.get("path", ""))
        if module.get("kwargs"):
            raise FailedPrecondition(f"{MODULES} says 'kwargs' of {kind[:80]!r}, which are not supported: remove them")
        if kind == "Transformer" and path in ("", ".") and place == 0:
            continue
        if kind == "Pooling" and pooled is None and not then:
            pooled = _pooling(read(directory, f"{path}/config.json"), f"{path}/config.json")
        elif kind == "Normalize" and pooled:
            _check_names(NORMALIZE, read(directory, f"{path}/config.json"), f"{path}/config.json")
            then.append(Normalise())
        elif kind == "Dense" and pooled:
            said = read(directory, f"{path}/config.json")
            _check_names("Dense's config.json", said, f"{path}/config.json")
            then.append(dense_of(directory, path, said))
        elif kind != "Dropout":
            raise FailedPrecondition(
                f"{MODULES} names {kind[:80]!r} in {path[:80]!r}: known are Transformer (first, and at the top), then "
                "Pooling, then any of Dense, Dropout and Normalize"
            )
    if pooled is None:
        raise FailedPrecondition(f"{MODULES} names no Pooling: how a text's tokens become one vector is not known")
    return _transformer(_sentences(pooled._replace(then=tuple(then)), read, directory), read, directory)


def _pooling(config: Said, path: str) -> Pooling:
    check_known(POOLING, config, path)
    ways = _ways(config, path)
    include = config.get("include_prompt", True)
    if not isinstance(include, bool):
        raise FailedPrecondition(f"{path} says 'include_prompt': {str(include)[:80]!r}, expected true or false")
    return Pooling(True, ways, include)


def _ways(config: Said, path: str) -> tuple[str, ...]:
    """A text or a list, as newer versions write it; flags, as older ones do."""
    named = config.get("pooling_mode")
    if named is None:
        said = [way for flag, way in _FLAGS.items() if config.get(flag) is True]
    else:
        said = [str(way) for way in named] if isinstance(named, list) else [str(named)]
    unknown = [way for way in said if way not in WAYS]
    if unknown or not said:
        raise FailedPrecondition(
            f"the pooling in {path} is {', '.join(unknown)[:200] or 'not said'}: known are {', '.join(WAYS)} as "
            f"'pooling_mode', a text or a list, or {', '.join(_FLAGS)}, true or false"
        )
    return tuple(said)


def _check_names(file: str, config: Said, path: str) -> None:
    check_known(file, config, path)
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, "sentence_embedding"):
            raise FailedPrecondition(
                f"{path} says {key!r}: {str(config[key])[:80]!r}, expected 'sentence_embedding': the vector of a text"
            )


def _sentences(found: Pooling, read: Read, directory: str) -> Pooling:
    said = read(directory, SENTENCES)
    check_known(SENTENCES, said)
    if said.get("model_type") not in (None, "SentenceTransformer"):
        raise FailedPrecondition(
            f"{SENTENCES} says 'model_type': {str(said['model_type'])[:80]!r}: of sentence-transformers only those are "
            "served that make one vector of one text (SentenceTransformer)"
        )
    prompts, default, size = said.get("prompts") or {}, said.get("default_prompt_name"), said.get("truncate_dim")
    if default is not None and not (isinstance(prompts, dict) and isinstance(prompts.get(default), str)):
        raise FailedPrecondition(f"{SENTENCES} says 'default_prompt_name': {str(default)[:80]!r}, but no such prompt")
    prompt = "" if default is None or not isinstance(prompts, dict) else prompts[default]
    return found._replace(prompt=prompt, size=_count(SENTENCES, "truncate_dim", size))


def _transformer(found: Pooling, read: Read, directory: str) -> Pooling:
    file, said = next(((name, one) for name in _TRANSFORMERS if (one := read(directory, name))), (TRANSFORMER, {}))
    check_known(TRANSFORMER, said, file)
    for key, wanted in _NO_CHANGE.items():
        if said.get(key) not in (None, wanted):
            raise FailedPrecondition(f"{file} says {key!r}: {str(said[key])[:80]!r}, expected {wanted!r} or nothing")
    for key in _ARGUMENTS:
        if said.get(key):
            raise FailedPrecondition(
                f"{file} says {key!r}: {str(said[key])[:200]}, which is not passed on: save the model as it is when "
                "they have been applied"
            )
    ways = said.get("modality_config")
    if ways not in (None, {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}):
        raise FailedPrecondition(
            f"{file} says 'modality_config': {str(ways)[:200]}, expected the text's last_hidden_state by forward, alone"
        )
    lower = said.get("do_lower_case") or False
    if not isinstance(lower, bool):
        raise FailedPrecondition(f"{file} says 'do_lower_case': {str(lower)[:80]!r}, expected true or false")
    return found._replace(lower=lower, max_length=_count(file, "max_seq_length", said.get("max_seq_length")))


def _count(file: str, key: str, value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise FailedPrecondition(f"{file} says {key!r}: {str(value)[:80]!r}, expected a whole number from 1")
    return value if isinstance(value, int) else None
