"""What `bms job show` says of a conversion's proof."""

from bms.cli.commands.job import _compared


def test_what_a_conversion_compared_is_told_and_nothing_of_other_jobs() -> None:
    report: dict[str, object] = {
        "rows": {"train": 107, "validation": 36, "unusual numbers": 57},
        "refused_by_parent": {"extremes": 26},
        "differences": {"probabilities": 2.5e-16, "label": 0.0},
        "tolerance": 1e-5,
    }
    assert _compared(report) == {
        "rows compared": "train 107, validation 36, unusual numbers 57",
        "not compared, refused by the parent": "extremes 26",
        "largest difference": "probabilities 2.5e-16, label 0",
    }
    assert _compared({"rows": 12, "metrics": {"accuracy": 1.0}}) == {}
