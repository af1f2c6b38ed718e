"""The parameter `saved`: which parameters a request has with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from multidict import MultiDict

from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_named import appearing_saved
from logd.errors import NotFound, Unavailable
from logd.http.saved import applied
from logd.seams import SavedSearch, SavedSearches

_KEPT = SavedSearch(
    id="0123456789ab",
    name="kept",
    parameters={"q": "a b", "service": ["x", "y,z"], "limit": 7, "highlight": True, "from": "-1h"},
    created_us=1,
    updated_us=1,
)
_Q, _SERVICE, _LIMIT = [("q", "a b")], [("service", "x"), ("service", "y,z")], [("limit", "7")]
_REST = [("highlight", "true"), ("from", "-1h")]
_ALL = [*_Q, *_SERVICE, *_LIMIT, *_REST]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[SavedSearches]:
    opened = appearing_saved(AppearingFile(tmp_path / "catalog.db"))
    await opened.create(_KEPT)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ([("q", "x")], [("q", "x")]),
        ([("saved", "")], [("saved", "")]),
        ([("saved", "kept")], _ALL),
        ([("saved", " kept ")], _ALL),
        ([("saved", "0123456789ab")], _ALL),
        ([("saved", "kept"), ("sort", "oldest")], [("sort", "oldest"), *_ALL]),
        ([("q", "c"), ("saved", "kept")], [("q", "c"), *_SERVICE, *_LIMIT, *_REST]),
        ([("saved", "kept"), ("q", "")], [("q", ""), *_SERVICE, *_LIMIT, *_REST]),
        ([("saved", "kept"), ("service", "s"), ("service", "t")],
         [("service", "s"), ("service", "t"), *_Q, *_LIMIT, *_REST]),
        ([("saved", "kept"), ("limit", "9"), ("to", "now")], [("limit", "9"), ("to", "now"), *_Q, *_SERVICE, *_REST]),
        # What is wrong with these, `check` says.
        ([("saved", "kept"), ("saved", "kept")], [("saved", "kept"), ("saved", "kept")]),
    ],
)  # fmt: skip
async def test_what_is_asked(kept: SavedSearches, given: list[tuple[str, str]], whole: list[tuple[str, str]]) -> None:
    assert [*(await applied(kept, MultiDict(given))).items()] == whole


@pytest.mark.parametrize("key", ["Kept", "kep", "ba9876543210", "x" * 300])
async def test_what_is_not_there(kept: SavedSearches, key: str) -> None:
    with pytest.raises(NotFound, match="there is no saved search '"):
        await applied(kept, MultiDict(saved=key))


async def test_what_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"x" * 8_192)
    with pytest.raises(Unavailable, match="is no SQLite database") as refused:
        await applied(appearing_saved(AppearingFile(path)), MultiDict(saved="kept"))
    assert refused.value.status == 503
    assert "is no SQLite database" in caplog.text
