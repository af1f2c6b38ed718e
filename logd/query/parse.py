"""The query language: Elasticsearch's query-string syntax, as a tree.

    query   = { item }                 side by side: OR, or AND by `default_operator`
    item    = chain { ("OR" | "||") chain }
    chain   = clause { ("AND" | "&&") clause }
    clause  = { "NOT" | "!" | "+" | "-" } ( term | phrase | "*" | field ":" value | "(" query ")" )
    value   = term | phrase | "(" query ")"        each may end in a boost, `^2`, which changes nothing

NOT binds tighter than AND, AND tighter than OR, always (Elasticsearch gives `a OR b AND c` another meaning). Side by
side under OR, a clause may be marked: `+a` must match, `-a` and `NOT a` must not, as in Elasticsearch. So `a -b` has
the one and not the other; and once one clause must match, an unmarked one only matters if it is an AND.

A term without a word (`--`, `"..."`) says nothing and is passed over; if nothing else is there, nothing matches.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from logd.errors import QueryError
from logd.query.fields import MAX_PATH_PARTS, METADATA, TEXT, TIMES, column_of, path_of
from logd.query.lexer import Kind, Token, lex
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Node, Not, Or, Words

#: DuckDB plans an AND of words in 0.7 ms a word, a phrase in 0.2: the costliest query takes 0.7 s to begin.
MAX_WORDS = 1_024
#: A kilobyte is a long query; this leaves room for pasted ones, and the parser 50 ms.
MAX_CHARACTERS = 32_768
#: People don't nest ten deep; a level costs Python five frames of its 1,000.
MAX_DEPTH = 50
_A_CLAUSE = "a word, a phrase, a field or an opening parenthesis"


class _Mark(Enum):
    """What a clause is when it stands side by side with others."""

    PLAIN = ""
    CHAIN = "AND"
    MUST = "+"
    MUST_NOT = "-"


_Item = tuple[_Mark, Node]


def parse(text: str, default_operator: Literal["or", "and"] = "or") -> Node:
    """The tree of a query; Everything for a blank one. Raises QueryError, its column within the text, and nothing else;
    takes time linear in the text."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"the query of {len(text)} characters is too long", MAX_CHARACTERS, "a shorter one")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("half of a surrogate pair", error.start + 1, "valid Unicode") from None
    if not text.strip():
        return Everything()
    return _Parser(text, default_operator == "and").whole()


class _Parser:
    def __init__(self, text: str, side_by_side_is_and: bool) -> None:
        self._tokens = lex(text)
        self._token = next(self._tokens)
        self._and = side_by_side_is_and
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
            case Kind.TERM | Kind.PHRASE:
                return self._leaf(field or TEXT, token)
            case Kind.EVERYTHING if field is None:
                self._count(1, token.column)
                return Everything()
            case Kind.EVERYTHING:
                raise QueryError(f"{field}:* is not supported yet", token.column, "a value")
            case Kind.BOTH:
                as_field = self._equals(METADATA + token.name, token.value, token.column)
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
        field = _field(name)
        token = self._take()
        if token.kind is Kind.OPEN:
            return self._group(token, field)
        if token.kind not in (Kind.TERM, Kind.PHRASE):
            raise QueryError(f"no value for the field {name.text}", name.column, "a word, a phrase or a group after it")
        return self._leaf(field, token)

    def _leaf(self, field: str, token: Token) -> Node:
        if field != TEXT:
            return self._equals(field, token.text, token.column)
        words = tuple(tokens(token.text))
        self._count(len(words), token.column)
        return Words(TEXT, token.text, words)

    def _equals(self, field: str, value: str, column: int) -> Node:
        self._count(1, column)
        return Equals(field, value)

    def _count(self, words: int, column: int) -> None:
        self._words += words
        if self._words > MAX_WORDS:
            raise QueryError(f"the query has more than {MAX_WORDS} words and values", column, "a shorter one")


def _field(token: Token) -> str:
    """The field of the tree for a name."""
    name = token.text
    field = column_of(name)
    if field in TIMES:
        raise QueryError(f"{name} in a query is not supported yet", token.column, "the parameters from and to")
    if name == "message.raw" or name == "_exists_":
        raise QueryError(f"{name} is not supported yet", token.column, "message, a column or metadata.name")
    if field is not None:
        return field
    path = path_of(name)
    if name == METADATA.rstrip(".") or "" in path or len(path) > MAX_PATH_PARTS:
        raise QueryError(f"{name} names no field", token.column, f"metadata. and up to {MAX_PATH_PARTS} names")
    return METADATA + ".".join(path)


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
