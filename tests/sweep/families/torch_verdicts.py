"""What is to become of the models of `torch_models.py`, whatever they were saved as."""

from pathlib import Path

from tests.contract.runtimes.cases.torch import FRAMEWORK
from tests.sweep.families.in_company import InCompany, Way

MODELS = Path(__file__).parent / "torch_models.py"
# Whose answers are not one for each row, or depend on the rows beside them.
COUNTS = {"FirstRowOnly", "RowsTwice", "SumOfRows", "DropsRows"}
DEPENDENT = {
    "NormOverRows",
    "SoftmaxOverRows",
    "Centred",
    "ScaledByLargest",
    "QuantisedByRange",
    "RunningSum",
    "NeighboursRow",
    "LastRowFirst",
    "SortedRows",
    "SimilarRows",
    "MeanOfBatchWithin",
    "PaddedToTheLongest",
    "CutToTheShortest",
}
# Which say something else each time: by chance, or since they count where PyTorch shows it to nobody.
INCONSTANT = {"DropsOut", "AddsNoise", "CountsInAnAttribute"}
# Which write to what they hold.
STATE = {"CountsCalls", "KeepsAverage"}
STATE_AS_MADE = STATE | {"NormLeftTraining"}  # where nobody can ask for evaluation any more
EACH_TIME = "each time it runs, so that an answer depends on who asked before"


class TorchInCompany(InCompany):
    """The modules, in forms of which each refuses its own."""

    models = MODELS
    environment = FRAMEWORK.environment
    least = 30
    counts = COUNTS
    dependent = DEPENDENT
    inconstant = INCONSTANT


def form(below: str, refused: set[str]) -> Way:
    return Way(below, below, refused=dict.fromkeys(refused, EACH_TIME))
