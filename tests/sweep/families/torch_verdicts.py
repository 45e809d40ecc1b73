"""What is to become of the models of `torch_models.py`, whatever they were saved as."""

from pathlib import Path

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
