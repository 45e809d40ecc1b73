"""File names of pickled models, and the errors that refuse them where pickles are not allowed."""

SUFFIXES = (".pkl", ".pickle", ".joblib")
ALLOW = "if you trust whoever made it, allow pickles for this version (`--allow-pickle`)"


def refusal(name: str) -> str:
    """Returns the error text for a file that holds a model of scikit-learn."""
    return (
        f"{name!r} is a pickle, which runs whatever code it holds when opened: save the model with skops.io.dump, or, "
        f"{ALLOW}"
    )


def refusal_by_name(name: str) -> str:
    """Returns the error text for a file of which nothing but its name is known yet."""
    return (
        f"{name!r} is named as a pickle, which runs whatever code it holds when opened: save a model of scikit-learn "
        f"with skops.io.dump, one of PyTorch by torch.export (docs/runtimes.md), or, {ALLOW}"
    )
