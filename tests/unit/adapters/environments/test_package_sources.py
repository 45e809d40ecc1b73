"""The operator's sources go before what uv and pip were told, and a named index before all others."""

import pytest

from bms.adapters.environments.sources import PackageSources, with_sources, without_password
from bms.core.errors import InvalidArgument

PRIVATE = "https://me:password@host/simple"


def test_what_the_operator_says_counts_more() -> None:
    sources = PackageSources(
        index_url="https://mirror/simple", extra_index_urls=("https://more/simple",), find_links=("/w",), offline=True
    )
    told = with_sources({"UV_DEFAULT_INDEX": "https://pip/simple", "UV_INDEX_URL": "x", "LANG": "C"}, sources)
    assert told == {
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://more/simple",
        "UV_FIND_LINKS": "/w",
        "UV_OFFLINE": "1",
        "LANG": "C",
    }


def test_what_it_does_not_say_stays() -> None:
    assert with_sources({"UV_INDEX": "https://a"}, PackageSources()) == {"UV_INDEX": "https://a"}


def test_a_named_index_is_asked_first() -> None:
    sources = PackageSources(named={"private": PRIVATE}, extra_index_urls=("https://more/simple",))
    assert with_sources({}, sources, "private")["UV_INDEX"] == f"{PRIVATE} https://more/simple"
    assert "password" not in str(with_sources({}, sources))


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidArgument, match="there is no index 'x': the operator configured a, private"):
        PackageSources(named={"private": PRIVATE, "a": PRIVATE}).index("x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"index_url": "host/simple"},
        {"extra_index_urls": ("ftp://me:password@host",)},
        {"named": {"Private": PRIVATE}},
        {"named": {"url": PRIVATE}},
        {"named": {"a": "me:password@host/simple"}},
        {"find_links": ("relative",)},
        {"find_links": ("/a,b",)},
    ],
)
def test_what_is_no_source_is_refused_without_its_password(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        PackageSources(**wrong)  # type: ignore[arg-type]
    assert "password" not in refused.value.message


def test_passwords_are_taken_out_of_words() -> None:
    assert without_password(f"see {PRIVATE}, and https://t@h/x") == "see https://***@host/simple, and https://***@h/x"
