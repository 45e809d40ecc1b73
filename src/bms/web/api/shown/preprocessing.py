"""Preprocessing as the API shows it."""

from bms.api_types import preprocessing
from bms.core.preprocessing import ImagePreprocess, Preprocess


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
