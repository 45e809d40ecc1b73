"""The words of an error that is not ours, as its reader needs them."""

MOST = 2000  # characters


def reason(error: BaseException) -> str:
    """What it says, at most so much of it; that it can't be made text is no error of its own."""
    try:
        return shortened(str(error))
    except Exception as failed:  # noqa: BLE001 - it may be of a class of somebody's own
        return f"its text can't be made: {type(failed).__name__}"


def shortened(text: str) -> str:
    """The beginning and the end of a long one: what went wrong may stand at either."""
    return text if len(text) <= MOST else f"{text[: MOST // 2]} … {text[-MOST // 2 :]}"
