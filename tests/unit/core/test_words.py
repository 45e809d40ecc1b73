"""Names, ids, digests, sizes, pages, keys, errors: the small words."""

import pytest

from bms.core import errors
from bms.core.access.credentials import new_key, parse_authorization, parse_key, secret_digest, secret_matches
from bms.core.clock import ManualClock, SystemClock
from bms.core.digest import check_digest, of_bytes, of_parts
from bms.core.errors import InvalidArgument
from bms.core.ids import check_name, new_id
from bms.core.pages import PageRequest, decode_cursor, encode_cursor, page_of
from bms.core.workloads.resources import Resources, parse_size, size_text


def test_ids_are_unique_and_sort_by_birth() -> None:
    made = [new_id("x") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [identifier[:12] for identifier in made] == sorted(identifier[:12] for identifier in made)
    assert all(len(identifier) == 28 and identifier.startswith("x_") for identifier in made)


@pytest.mark.parametrize("name", ["a", "digits", "resnet-50.v2_x", "0", "a" * 63])
def test_good_names_pass(name: str) -> None:
    assert check_name("model", name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", ".a", "..", "a/b", "a b", "ä", "a" * 64, "a\n", "a\x00b", "../x", "%2e"]
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="model name"):
        check_name("model", name)


def test_a_digest_of_parts_tells_where_each_ends() -> None:
    assert of_parts(["ab", "c"]) != of_parts(["a", "bc"])
    assert check_digest(of_bytes(b"")) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:" + "g" * 64, "md5:" + "0" * 64, "sha256:" + "0" * 64 + "/x"])
def test_what_is_not_a_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not a digest"):
        check_digest(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("512Mi", 512 << 20),
        ("2G", 2 * 10**9),
        ("1.5GiB", 3 << 29),
        ("3kB".upper(), 3000),
        ("1 Ti", 1 << 40),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1X", "G", "1e9", "1,5G"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not a size"):
        parse_size(text)


def test_sizes_are_written_for_people() -> None:
    assert [size_text(size) for size in (7, 2_100_000_000, 3e15)] == ["7 B", "2.1 GB", "3000.0 TB"]


@pytest.mark.parametrize("wrong", [{"cpu": 0.0}, {"cpu": 2000.0}, {"memory": 5}, {"gpu": -1}])
def test_impossible_resources_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument):
        Resources(**wrong)  # type: ignore[arg-type]


def test_a_page_ends_with_a_cursor_only_when_more_follows() -> None:
    rows = [(str(number), number) for number in range(4)]
    page = page_of(rows, 3)
    assert (page.items, decode_cursor(page.next or "")) == ([0, 1, 2], "2")
    assert page_of(rows, 4).next is None
    assert decode_cursor(encode_cursor("ключ/1")) == "ключ/1"


@pytest.mark.parametrize("cursor", ["!", "a", "_w"])
def test_foreign_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(InvalidArgument, match="cursor"):
        decode_cursor(cursor)


def test_page_limits_are_bounded() -> None:
    for limit in (0, 501):
        with pytest.raises(InvalidArgument, match="limit"):
            PageRequest(limit=limit)


def test_a_key_is_parsed_back_and_its_secret_matches_only_itself() -> None:
    key, other = new_key(), new_key()
    assert parse_key(str(key)) == key
    assert parse_authorization(f"bearer {key}") == key
    digest = secret_digest(b"pepper", key.secret)
    assert len(digest) == 32
    assert secret_matches(b"pepper", key.secret, digest)
    assert not secret_matches(b"pepper", other.secret, digest)
    assert not secret_matches(b"other", key.secret, digest)


@pytest.mark.parametrize(
    "text", ["", "bmsk_x.y", "Basic abc", "Bearer", "Bearer  ", "bmsk_" + "0" * 26 + "." + "a" * 42]
)
def test_what_is_not_a_key_is_none(text: str) -> None:
    assert parse_key(text) is None
    assert parse_authorization(text) is None


def test_errors_travel_by_code() -> None:
    for code, kind in errors.BY_CODE.items():
        error = errors.from_code(code, "words", 1.5)
        assert (type(error), error.message, error.retry_after_s) == (kind, "words", 1.5)
        assert 400 <= kind.http_status < 600
        assert 1 <= kind.grpc_status <= 16
    assert isinstance(errors.from_code("NEW_CODE", "words"), errors.Internal)


def test_clocks_move_forward() -> None:
    system, manual = SystemClock(), ManualClock()
    assert system.now().tzinfo is not None
    assert system.monotonic() <= system.monotonic()
    before = manual.now()
    manual.advance(1.5)
    assert (manual.now() - before).total_seconds() == manual.monotonic() == 1.5
