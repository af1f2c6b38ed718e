"""The query language: Elasticsearch's query-string syntax, as a tree.

    query   = { item }                 side by side: OR, or AND by `default_operator`
    item    = chain { ("OR" | "||") chain }
    chain   = clause { ("AND" | "&&") clause }
    clause  = { "NOT" | "!" | "+" | "-" } ( leaf | "*" | field ":" value | "(" query ")" )
    value   = leaf | "(" query ")"
    leaf    = term | phrase | "/" regular expression "/" | range      each may end in a boost, `^2`, which says nothing

NOT binds tighter than AND, AND tighter than OR, always (Elasticsearch gives `a OR b AND c` another meaning). Side by
side under OR, a clause may be marked: `+a` must match, `-a` and `NOT a` must not, as in Elasticsearch. So `a -b` has
the one and not the other; and once one clause must match, an unmarked one only matters if it is an AND.

A term may have wildcards (`time*`) or be fuzzy (`time~1`); shapes.py says which is which. A phrase may have a distance,
`"a b"~3`: Lucene's, the words may move by that much in all, also past one another. `_exists_:field` and `field:*` ask
for any value.

A term without a word (`--`, `"..."`) says nothing and is passed over; if nothing else is there, nothing matches.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from logd.errors import QueryError
from logd.flow import clock
from logd.query.fields import METADATA, TEXT, path_of
from logd.query.leaves import exists, field_of, leaf, shaped
from logd.query.lexer import Kind, Token, lex
from logd.query.shapes import Shape
from logd.query.tree import (
    And,
    Equals,
    Everything,
    Exists,
    Fuzzy,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Wildcard,
    Words,
)

#: DuckDB plans an AND of words in 0.7 ms a word, a phrase in 0.2: the costliest query takes 0.7 s to begin.
MAX_WORDS = 1_024
#: What a pattern, or a word of a phrase with a distance, counts as: so much longer RE2 takes to compile it.
_PATTERN_WORDS = 16
#: Up to here a path costs little more than one name; each further part doubles its spellings.
_PLAIN_PARTS = 4
#: A kilobyte is a long query; this leaves room for pasted ones, and the parser 50 ms.
MAX_CHARACTERS = 32_768
#: People don't nest ten deep; a level costs Python five frames of its 1,000.
MAX_DEPTH = 50
_A_CLAUSE = "a word, a phrase, a field or an opening parenthesis"

#: What side by side means.
Operator = Literal["or", "and"]


class _Mark(Enum):
    """What a clause is when it stands side by side with others."""

    PLAIN = ""
    CHAIN = "AND"
    MUST = "+"
    MUST_NOT = "-"


_Item = tuple[_Mark, Node]


def parse(text: str, default_operator: Operator = "or", now_us: int | None = None) -> Node:
    """The tree of a query; Everything for a blank one. Times are relative to `now_us`, by default to this moment.
    Raises QueryError, its column within the text, and nothing else; takes time linear in the text."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"the query of {len(text)} characters is too long", MAX_CHARACTERS, "a shorter one")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("half of a surrogate pair", error.start + 1, "valid Unicode") from None
    if not text.strip():
        return Everything()
    return _Parser(text, default_operator == "and", clock.now_us() if now_us is None else now_us).whole()


class _Parser:
    def __init__(self, text: str, side_by_side_is_and: bool, now_us: int) -> None:
        self._tokens = lex(text)
        self._token = next(self._tokens)
        self._and = side_by_side_is_and
        self._now_us = now_us
        self._words = 0
        self._opened: list[int] = []

    def whole(self) -> Node:
        node = self._query(None)
        if self._token.kind is Kind.CLOSE:
            raise QueryError("a parenthesis is closed that none opened", self._token.column, "the end, or an operator")
        return node

    def _take(self) -> Token:
        token = self._token
        if token.kind is not Kind.END:
            self._token = next(self._tokens)
        return token

    def _query(self, field: str | None) -> Node:
        items = [self._item(field)]
        while self._token.kind not in (Kind.CLOSE, Kind.END):
            items.append(self._item(field))
        items = [item for item in items if not _says_nothing(item[1])] or items[:1]
        must = [node for mark, node in items if mark is _Mark.MUST]
        chains = [node for mark, node in items if mark is _Mark.CHAIN]
        plain = [node for mark, node in items if mark is _Mark.PLAIN]
        never = [_not(node) for mark, node in items if mark is _Mark.MUST_NOT]
        if must:
            return _and([*must, *chains, *never])
        either = [node for mark, node in items if mark in (_Mark.PLAIN, _Mark.CHAIN)]
        return _and([*([_or(either)] if plain or chains else []), *never])

    def _item(self, field: str | None) -> _Item:
        item = self._chain(field)
        if self._token.kind is not Kind.OR:
            return item
        nodes = [_alone(item)]
        while self._token.kind is Kind.OR:
            self._operator()
            nodes.append(_alone(self._chain(field)))
        return _Mark.PLAIN, _or(nodes)

    def _chain(self, field: str | None) -> _Item:
        item = self._clause(field)
        nodes = [_alone(item)]
        while self._token.kind is Kind.AND or (self._and and self._token.kind not in (Kind.OR, Kind.CLOSE, Kind.END)):
            if self._token.kind is Kind.AND:
                self._operator()
            nodes.append(_alone(self._clause(field)))
        return item if len(nodes) == 1 else (_Mark.CHAIN, _and(nodes))

    def _operator(self) -> None:
        operator = self._take()
        if self._token.kind in (Kind.CLOSE, Kind.END):
            raise QueryError(f"nothing follows {operator.kind.value}", operator.column, f"{_A_CLAUSE} after it")

    def _clause(self, field: str | None) -> _Item:
        negated, marked = False, False
        while self._token.kind in (Kind.NOT, Kind.MUST, Kind.MUST_NOT):
            negated ^= self._token.kind is not Kind.MUST
            marked = marked or self._token.kind is Kind.MUST
            self._operator()
        node = self._primary(field)
        if negated:
            return _Mark.MUST_NOT, node
        return (_Mark.MUST if marked else _Mark.PLAIN), node

    def _primary(self, field: str | None) -> Node:
        token = self._take()
        match token.kind:
            case Kind.TERM | Kind.PHRASE | Kind.REGEX | Kind.RANGE:
                return self._leaf(field or TEXT, token)
            case Kind.EVERYTHING:
                self._count(1, token.column)
                return Everything() if field is None else exists(field)
            case Kind.BOTH:
                name = field_of(METADATA + token.name, token.column)
                as_field = self._counted(shaped(name, token.value, token.column, self._now_us), token.column)
                return _or([as_field, self._leaf(TEXT, token)])
            case Kind.FIELD:
                return self._value(token)
            case Kind.OPEN:
                return self._group(token, field)
            case Kind.CLOSE if self._opened:
                raise QueryError("an empty group", self._opened[-1], f"{_A_CLAUSE} in it")
            case _:
                raise QueryError(f"a clause can't begin with {token.kind.value}", token.column, _A_CLAUSE)

    def _group(self, opening: Token, field: str | None) -> Node:
        if len(self._opened) == MAX_DEPTH:
            raise QueryError(f"groups are nested over {MAX_DEPTH} deep", opening.column, "fewer parentheses")
        self._opened.append(opening.column)
        node = self._query(field)
        if self._take().kind is Kind.END:
            raise QueryError("a parenthesis isn't closed", opening.column, 'a ")" for it')
        self._opened.pop()
        return node

    def _value(self, name: Token) -> Node:
        if name.text == "_exists_":
            return self._exists(name)
        field = field_of(name.text, name.column)
        token = self._take()
        if token.kind is Kind.OPEN:
            return self._group(token, field)
        if token.kind not in (Kind.TERM, Kind.PHRASE, Kind.REGEX, Kind.RANGE):
            raise QueryError(f"no value for the field {name.text}", name.column, "a word, a phrase or a group after it")
        return self._leaf(field, token)

    def _exists(self, name: Token) -> Node:
        token = self._take()
        if token.kind is not Kind.PHRASE and (token.kind is not Kind.TERM or token.shape != Shape(token.text)):
            raise QueryError("_exists_ asks for no field", name.column, "_exists_:name")
        return self._counted(exists(field_of(token.text, token.column)), token.column)

    def _leaf(self, field: str, token: Token) -> Node:
        return self._counted(leaf(field, token, self._now_us), token.column)

    def _counted(self, node: Node, column: int) -> Node:
        deep = _spellings_weigh(node)
        match node:
            case Words(words=words, slop=slop):
                self._count(len(words) * (_PATTERN_WORDS if slop else 1), column)
            case Wildcard() | Regex() | Fuzzy():
                self._count(_PATTERN_WORDS * deep, column)
            case Or(children):
                for child in children:
                    self._counted(child, column)
            case _:
                self._count(deep, column)
        return node

    def _count(self, words: int, column: int) -> None:
        self._words += words
        if self._words > MAX_WORDS:
            raise QueryError(f"the query has more than {MAX_WORDS} words and values", column, "a shorter one")


def _spellings_weigh(node: Node) -> int:
    """As how many values one counts that is looked for in a deep path, which has many spellings."""
    match node:
        case Equals(field) | Wildcard(field) | Regex(field) | Fuzzy(field) | Range(field) | Exists(field):
            return 2 ** max(0, len(path_of(field)) - _PLAIN_PARTS) if field.startswith(METADATA) else 1
        case _:
            return 1


def _alone(item: _Item) -> Node:
    """A clause that is an operand of an operator, where a mark means what it says."""
    mark, node = item
    return _not(node) if mark is _Mark.MUST_NOT else node


def _says_nothing(node: Node) -> bool:
    return isinstance(node, Words) and not node.words


def _not(node: Node) -> Node:
    if _says_nothing(node):
        return node
    return node.child if isinstance(node, Not) else Not(node)


def _and(nodes: list[Node]) -> Node:
    return _joined(And, nodes)


def _or(nodes: list[Node]) -> Node:
    return _joined(Or, nodes)


def _joined(kind: type[And] | type[Or], nodes: list[Node]) -> Node:
    """The nodes as one, flat, without those that say nothing unless all do."""
    saying = [node for node in nodes if not _says_nothing(node)] or nodes[:1]
    flat = [child for node in saying for child in (node.children if isinstance(node, kind) else (node,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))
