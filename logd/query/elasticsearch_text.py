"""Elasticsearch queries for what is searched in the message: words, phrases, wildcards, expressions, words nearby.

They run on our own words, not on those of an analyzer. A document has, beside the message,

    words        the tokens of the message, a blank between them
    runs         what stands between separators, lower-cased, where that is not the same: words that touch, as Han and
                 Katakana do, are one run. Without it, each word is a run
    message.raw  the whole text

Words and phrases ask for tokens; wildcards and regular expressions for runs. A pattern that goes over separators is
searched in the whole text, among the documents that have its whole words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from logd.errors import BadRequest
from logd.query import lucene, regex, wildcard
from logd.query.charset import union, without
from logd.query.fields import RAW_TEXT
from logd.query.tokens import KATAKANA, NOT_LETTERS, SEPARATORS, SINGLES, Range, is_katakana, is_letter, spellings
from logd.query.tree import Fuzzy, Regex, Wildcard, Words
from logd.query.wildcard import Any as Wild

Query = dict[str, Any]
WORDS = "words"
RUNS = "runs"
#: Of longer words only the beginning is searched: Lucene's tokenizer cuts at 255 UTF-16 units.
MAX_WORD = 250
#: How much work Lucene may have with an expression; its own limit is a tenth, and `.{400}` is beyond that.
_MOST_STATES = 100_000
#: Of a pattern and of a word with others nearby. Each character is a state or more, and Lucene builds all of them in
#: the heap before it looks at its limits: a pattern of 30,000 characters has ended a node with 512 MB.
_MOST_CHARACTERS = 1_000
NOTHING: Query = {"match_none": {}}


def _over_gaps(table: Iterable[Range]) -> tuple[Range, ...]:
    """The set as fewer ranges, where nothing but separators lies between two: no run has these."""
    whole: list[Range] = []
    for first, last in union(table):
        if whole and not without([(whole[-1][1] + 1, first - 1)], SEPARATORS):
            whole[-1] = (whole[-1][0], last)
        else:
            whole.append((first, last))
    return tuple(whole)


#: What in a run is no letter. Every range costs Lucene some 0.1 ms in each shard.
_NOT_LETTERS = _over_gaps((*SINGLES, *KATAKANA))


def words(node: Words) -> Query:
    """The words occur, side by side or near."""
    found = [word[:MAX_WORD] for word in node.words]
    if not found:
        return NOTHING
    if len(found) == 1:
        return {"term": {WORDS: found[0]}}
    return {"match_phrase": {WORDS: {"query": " ".join(found), "slop": node.slop}}}


def wildcards(node: Wildcard) -> Query:
    """The pattern matches. Raises BadRequest when it is too long."""
    _bounded(node.pattern, "a pattern")
    pieces = wildcard.pieces(node.pattern)
    if not pieces:
        return NOTHING
    if len(pieces) == 1:
        return _either(_of_word(pieces[0]), _expression(RUNS, _of_run(pieces[0])))
    expression = _expression(RAW_TEXT, _of_text(pieces))
    found = wildcard.of_text(node.pattern)
    whole = dict.fromkeys(word[:MAX_WORD] for word in found.words) if found else {}
    return {"bool": {"filter": [*({"term": {WORDS: word}} for word in whole), expression]}}


def regex_of_words(node: Regex) -> Query:
    """A run matches."""
    expression = lucene.of_run(regex.rewritten(node.pattern, words=True, alone=True).pattern)
    return _either(_expression(WORDS, expression), _expression(RUNS, expression))


def regex_of_text(node: Regex) -> Query:
    """A stretch of the text matches, in its case."""
    return _expression(RAW_TEXT, lucene.anywhere(regex.rewritten(node.pattern).pattern))


def nearly(node: Fuzzy) -> Query:
    """A word is as near."""
    return near(WORDS, node.word[:MAX_WORD], node.edits)


def value_regex(field: str, pattern: str) -> Query:
    """The value matches the expression as a whole."""
    return _expression(field, lucene.whole(regex.rewritten(pattern).pattern))


def value_wildcard(field: str, pattern: str) -> Query:
    """The value matches the pattern of wildcards as a whole. Raises BadRequest when it is too long."""
    _bounded(pattern, "a pattern")
    return {"wildcard": {field: {"value": _wild(wildcard.parts(pattern))}}}


def near(field: str, word: str, edits: int) -> Query:
    """A value of the field is as near. Lucene takes no edit between two that it has swapped; Damerau's distance does,
    so those values are asked for as well. Raises BadRequest for words that are too long."""
    _bounded(word, "words near one")
    if not word:
        return _expression(field, f".{{0,{edits}}}")
    fuzzy: Query = {"fuzzy": {field: {"value": word, "fuzziness": edits, "rewrite": "constant_score"}}}
    if edits < 2:
        return fuzzy
    between = [f"{word[:at]}{two}\x00{one}{word[at + 2 :]}" for at, (one, two) in enumerate(pairwise(word))]
    without = {word[:at] + word[at + 2] + word[at] + word[at + 3 :] for at in range(len(word) - 2)}
    inserted = "|".join(lucene.literal(one).replace("\\\x00", ".") for one in between)
    others = [_expression(field, inserted)] if between else []
    others += [{"terms": {field: sorted(without)}}] if without else []
    return {"bool": {"should": [fuzzy, *others], "minimum_should_match": 1}}


def _bounded(text: str, what: str) -> None:
    if len(text) > _MOST_CHARACTERS:
        said = f"Elasticsearch can't search {what} of {len(text)} characters"
        raise BadRequest("bad_query", f"{said}, at most {_MOST_CHARACTERS}", "q")


def _either(of_words: Query, of_runs: Query) -> Query:
    """A query on words where these are the runs, and on runs elsewhere."""
    plain = {"bool": {"filter": [of_words], "must_not": [{"exists": {"field": RUNS}}]}}
    return {"bool": {"should": [plain, of_runs], "minimum_should_match": 1}}


def _expression(field: str, expression: str) -> Query:
    limits = {"flags": lucene.FLAGS, "max_determinized_states": _MOST_STATES}
    return {"regexp": {field: {"value": expression, **limits}}}


def _wild(parts: wildcard.Parts) -> str:
    """The parts in Elasticsearch's own wildcards."""
    return "".join(part.value if isinstance(part, Wild) else "".join(map(wildcard.escaped, part)) for part in parts)


def _of_word(piece: wildcard.Parts) -> Query:
    if piece == (Wild.RUN,):
        piece = (Wild.ONE, Wild.RUN)
    return {"wildcard": {WORDS: {"value": _wild(piece)}}}


def _of_run(piece: wildcard.Parts) -> str:
    """An expression for runs that have the piece; within a run, it begins and ends where words do."""
    return _around(piece, lucene.set_of(_NOT_LETTERS), "", _body(piece, ".", lucene.literal))


def _of_text(pieces: list[wildcard.Parts]) -> str:
    """An expression for texts that have the pieces, with separators between them."""
    separators = lucene.set_of(SEPARATORS)
    bodies = [_body(piece, lucene.set_of(SEPARATORS, negated=True), _spelled) for piece in pieces]
    ends = (pieces[0][0], pieces[-1][-1])
    return _around(ends, lucene.set_of(NOT_LETTERS), separators, f"{separators}+".join(bodies))


def _around(ends: wildcard.Parts, not_letter: str, separator: str, body: str) -> str:
    """The body, and what may stand before and after it: anything, but for what would be a part of the first or the last
    word; and around a `?` only a separator."""
    first, last = ends[0], ends[-1]
    before = _beside(first[0] if isinstance(first, str) else first, not_letter, separator)
    after = _beside(last[-1] if isinstance(last, str) else last, not_letter, separator)
    begin = before if before in ("", ".*") else f"(.*{before})?"
    end = after if after in ("", ".*") else f"({after}.*)?"
    return begin + body + end


def _beside(end: str | Wild, not_letter: str, separator: str) -> str:
    if end is Wild.ONE:
        return separator
    if end is Wild.RUN:
        return ".*"
    if is_letter(end):
        return not_letter
    return lucene.set_of(KATAKANA, negated=True) if is_katakana(end) else ".*"


def _body(piece: wildcard.Parts, one: str, spelled: Callable[[str], str]) -> str:
    if piece == (Wild.RUN,):
        return f"{one}+"
    texts = {Wild.RUN: f"{one}*", Wild.ONE: one}
    return "".join(texts[part] if isinstance(part, Wild) else spelled(part) for part in piece)


def _spelled(text: str) -> str:
    """The text in any case."""
    return "".join(lucene.set_of(tuple((ord(one), ord(one)) for one in spellings(char))) for char in text)
