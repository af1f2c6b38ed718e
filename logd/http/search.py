"""GET and POST /api/v1/logs/search: parameters into a Search, hits into JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.http import cursor, schemas
from logd.http.answers import partial, read_tiers
from logd.http.asking import Asking, Question
from logd.http.cached import MAX_AGE
from logd.http.highlights import HIGHLIGHT, highlight
from logd.http.openapi import Answer, Operation
from logd.http.parameters import (
    FILTERS,
    TIMEOUT,
    Parameter,
    boolean,
    check,
    choice,
    in_body,
    read_filters,
    whole_number,
)
from logd.http.records import last_place, records
from logd.http.saved import SAVED, applied
from logd.http.selection import FIELDS, Selection, read_selection
from logd.query.parse import Operator
from logd.query.tree import Node
from logd.seams import Found, SavedSearches, Search
from logd.tokens import Scope

#: Deep pages belong to a cursor: every engine pays for each row before the page.
MAX_WINDOW = 10_000
COUNT_LIMIT = 10_000
SORT = Parameter("sort", "Which come first; newest unless told.", Literal["newest", "oldest", "desc", "asc"])
SORTS = {"newest": "newest", "oldest": "oldest", "desc": "newest", "asc": "oldest"}
_Number = Annotated[int, Meta(ge=0, le=MAX_WINDOW)]
PARAMETERS = (
    SAVED,
    *FILTERS,
    SORT,
    Parameter("limit", "Hits on a page; 50 unless told.", _Number),
    Parameter("offset", "Hits before the page; with `limit` at most 10,000, and not with a cursor.", _Number),
    Parameter("cursor", "`next_cursor` of the page before, beside the same query, filters, times and sort."),
    Parameter(
        "track_total_hits",
        "Count all hits (true), none (false), or exactly up to this many; 10,000 unless told, with a cursor none."
        " The archive is counted too where the page needs it, and for true.",
        bool | Annotated[int, Meta(ge=0)],
    ),
    FIELDS,
    HIGHLIGHT,
    TIMEOUT,
    MAX_AGE,
)
_ANSWERS = {200: Answer("A page of hits.", schemas.SearchAnswer)}
_PATH, _NEEDS = "/api/v1/logs/search", (Scope.SEARCH,)
GET = Operation("GET", _PATH, "Search", PARAMETERS, _ANSWERS, needs=_NEEDS)
POST = Operation("POST", _PATH, "Search, with parameters too long for a URL", (), _ANSWERS, PARAMETERS, needs=_NEEDS)


class Asked(NamedTuple):
    """A search, what its times are relative to, and what its cursors have to belong to. `before` is the cursor that it
    came with; `selection` is what of its hits is shown, and `terms` what is highlighted in them."""

    search: Search
    now_us: int
    belongs_to: bytes
    before: cursor.Cursor | None
    selection: Selection | None = None
    terms: Node | None = None


class Searching:
    """The handlers."""

    def __init__(self, asking: Asking, saved: SavedSearches) -> None:
        self._asking = asking
        self._saved = saved

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.SearchAnswer."""
        return await self._asking.answer(request, await applied(self._saved, request.query), self._read)

    async def post(self, request: web.Request) -> web.Response:
        """The same."""
        return await self._asking.answer(request, await applied(self._saved, await in_body(request)), self._read)

    def _read(self, query: MultiMapping[str], now: int, default_operator: Operator) -> Question[Search, Found]:
        asked = read_search(query, now, default_operator)
        terms = None if asked.terms is None else query.get("q", "")
        return Question(
            kind="search",
            asked=asked.search,
            ask=self._asking.searches.search,
            body=lambda found, took_ms: answer(asked, found, took_ms),
            belongs_to=(asked.belongs_to, asked.before, asked.selection, terms),
            light=True,
        )


def read_search(query: MultiMapping[str], now: int, default_operator: Operator) -> Asked:
    """The parameters as a Search; of a later page, relative times are what they were on the first. Raises BadRequest
    that names the parameter."""
    check(query, PARAMETERS)
    limit = whole_number(query, "limit", 50, 0, MAX_WINDOW)
    offset = whole_number(query, "offset", 0, 0, MAX_WINDOW)
    if limit + offset > MAX_WINDOW:
        message = f"offset + limit is {offset + limit}, at most {MAX_WINDOW}: go on with next_cursor as the cursor"
        raise BadRequest("window_too_deep", message, "offset")
    before = cursor.read(query["cursor"]) if query.get("cursor") else None
    now = now if before is None else before.now_us
    wanted = read_filters(query, now, default_operator)
    sort = choice(query, "sort", "newest", SORTS)
    belongs_to = cursor.digest(wanted.query, query.get("q", ""), (query.get("from", ""), query.get("to", "")), sort)
    count_limit: int | None = COUNT_LIMIT
    from_us, to_us, after = wanted.from_us, wanted.to_us, None
    if before is not None:
        if query.get("offset"):
            raise BadRequest("offset_with_cursor", "the cursor says where the page begins, offset can't", "offset")
        before.check(belongs_to)
        from_us, to_us, after = before.from_us, before.to_us, before.place
        count_limit = 0
    selection = read_selection(query)
    search = Search(
        query=wanted.query,
        from_us=from_us,
        to_us=to_us,
        newest_first=sort == "newest",
        after=after,
        limit=limit,
        offset=offset,
        count_limit=_count_limit(query, count_limit),
        columns=None if selection is None else selection.reads,
    )
    terms = wanted.terms if boolean(query, HIGHLIGHT.name, False) else None
    return Asked(search, now, belongs_to, before, selection, terms)


def _count_limit(query: MultiMapping[str], default: int | None) -> int | None:
    text = query.get("track_total_hits", "")
    match text.lower():
        case "":
            return default
        case "true":
            return None
        case "false":
            return 0
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    message = f"track_total_hits is {text[:100]!r}, expected true, false or a whole number"
    raise BadRequest("bad_choice", message, "track_total_hits")


def answer(asked: Asked, found: Found, took_ms: int) -> dict[str, Any]:
    """The body of a search's answer."""
    body: dict[str, Any] = {}
    if found.total is not None:
        body["total_hits"] = found.total
        body["total_relation"] = "eq" if found.exact else "gte"
    body["logs"] = records(found.table, asked.selection)
    if asked.terms is not None:
        highlight(body["logs"], asked.terms)
    body["next_cursor"] = None
    place = None if found.stopped is None else found.stopped.place
    if place is None and found.more and len(found.table):
        place = last_place(found.table)
    if place is not None:
        body["next_cursor"] = cursor.write(
            place, asked.search.from_us, asked.search.to_us, asked.now_us, asked.belongs_to
        )
    body["took_ms"] = took_ms
    if found.stopped is not None:
        body["warnings"] = [found.stopped.why]
    return {**body, **partial(found.missing), **read_tiers(found.tiers)}
