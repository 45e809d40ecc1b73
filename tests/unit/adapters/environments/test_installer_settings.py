"""uv is told what pip was told, in its own words, and nothing that is none of its business."""

import os
from pathlib import Path

import pytest

from bms.adapters.environments.installer import run_uv, settings
from bms.core.errors import FailedPrecondition


def test_pips_settings_are_handed_on() -> None:
    told = settings(
        {
            "PIP_INDEX_URL": "https://index/simple",
            "PIP_EXTRA_INDEX_URL": "https://one/simple\nhttps://two/simple",
            "PIP_FIND_LINKS": "/wheels /more",
            "PIP_CERT": "/ca.pem",
            "PIP_NO_INDEX": "1",
        }
    )
    assert told["UV_DEFAULT_INDEX"] == "https://index/simple"
    assert told["UV_INDEX"] == "https://one/simple https://two/simple"
    assert told["UV_FIND_LINKS"] == "/wheels,/more"
    assert told["SSL_CERT_FILE"] == "/ca.pem"
    assert told["UV_OFFLINE"] == "1", "uv has no variable for `--no-index`"


def test_what_uv_was_told_itself_wins() -> None:
    assert settings({"PIP_FIND_LINKS": "/pip", "UV_FIND_LINKS": "/uv"})["UV_FIND_LINKS"] == "/uv"


def test_empty_settings_are_no_settings() -> None:
    assert "UV_INDEX" not in settings({"PIP_EXTRA_INDEX_URL": ""})


def test_secrets_are_not_handed_on() -> None:
    assert "secret" not in str(settings({"BMS_PEPPER": "secret", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/home"}))


async def test_passwords_in_urls_are_not_told(tmp_path: Path) -> None:
    told: list[str] = []
    environment = {**settings(os.environ), "UV_OFFLINE": "1"}
    lock = os.open(tmp_path, os.O_RDONLY)
    try:
        wheel = "https://me:password@127.0.0.1/iniconfig-2.0.0-py3-none-any.whl"
        arguments = ["pip", "install", "--target", str(tmp_path / "target"), f"iniconfig @ {wheel}"]
        with pytest.raises(FailedPrecondition) as failure:
            await run_uv(arguments, environment, told.append, lock, patience_s=60)
    finally:
        os.close(lock)
    assert "127.0.0.1/iniconfig" in "\n".join(told)
    assert "password" not in "\n".join([*told, failure.value.message])
