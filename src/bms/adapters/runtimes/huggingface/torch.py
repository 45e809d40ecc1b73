"""Runs a Hugging Face directory's safetensors weights by transformers on torch: by its own classes, offline."""

import inspect
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from bms.adapters.runtimes.artifacts.model_file import lacking
from bms.adapters.runtimes.huggingface.directory import ModelDirectory
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.tokens import Tokens
from bms.serving.inference.reasons import reason


class TorchForward:
    """A `Forward` of transformers on torch. Raises FailedPrecondition for weights that transformers can't load
    whole."""

    def __init__(self, config: ServableConfig, found: ModelDirectory) -> None:
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        try:
            import torch
        except ImportError as error:
            raise lacking("huggingface", "torch", error) from error
        try:
            import transformers
        except ImportError as error:
            raise lacking("huggingface", "transformers", error) from error
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(config.threads)
        auto = transformers.AutoModel if found.task == "embed" else transformers.AutoModelForSequenceClassification
        if found.task == "embed" and found.encoder_only:
            auto = transformers.AutoModelForTextEncoding
        try:
            self._model, told = auto.from_pretrained(
                config.directory,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except MemoryError:
            raise
        except Exception as error:  # of several libraries, each with its own
            words = reason(error, directory=config.directory)
            raise FailedPrecondition(f"transformers can't load the model: {words}") from error
        _check_whole(told)
        self._model.eval()
        self._torch: Any = torch
        pad = getattr(self._model.config, "pad_token_id", None)
        self.pad: int | None = pad if isinstance(pad, int) and pad >= 0 else None
        taken = inspect.signature(self._model.forward).parameters
        self._mask = "attention_mask" in taken
        self._types = found.settings.types and "token_type_ids" in taken

    def __call__(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        torch = self._torch
        feeds = {"input_ids": torch.from_numpy(tokens.ids)}
        if self._mask:
            feeds["attention_mask"] = torch.from_numpy(tokens.mask)
        if self._types:
            feeds["token_type_ids"] = torch.from_numpy(tokens.types)
        with torch.inference_mode():
            given = self._model(**feeds)
            answer: npt.NDArray[np.float32] = given[0].numpy()
        return answer


def _check_whole(told: dict[str, Any]) -> None:
    """Missing weights would be initialised at random. The pooler's are not used."""
    missing = sorted(name for name in told["missing_keys"] if "pooler." not in name)
    wrong = sorted(map(str, told.get("mismatched_keys") or ()))
    if missing or wrong:
        raise FailedPrecondition(
            f"the weights lack {', '.join(missing[:5]) or 'nothing'} and have other shapes than config.json says for "
            f"{', '.join(wrong[:5]) or 'none'}: save the model whole, with save_pretrained"
        )
