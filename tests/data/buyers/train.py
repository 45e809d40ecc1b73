"""Who buys: a scikit-learn pipeline on a data frame of numbers, texts and gaps.

As a job of the platform it is `main`; by itself: `python train.py buyers.csv`, which writes buyers.skops.
"""

import sys
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS, WORDS, LABEL = ["age", "income"], ["city", "member"], "bought"


def fitted(frame: pd.DataFrame) -> Pipeline:
    """What was learnt of the columns that matter; the others are not asked for later."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)])
    return make_pipeline(columns, LogisticRegression()).fit(frame[NUMBERS + WORDS], frame[LABEL])


def main(job):
    data = job.dataset()
    held = data.frame("validation")
    model = fitted(data.frame("train"))
    job.metric("accuracy", model.score(held[NUMBERS + WORDS], held[LABEL]))
    job.save_model(model)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    skops.io.dump(fitted(pd.read_csv(source)), f"{source.stem}.skops")
