r"""Grok: regular expressions put together from named patterns, as Logstash reads them, made into one of RE2's.

    %{TIMESTAMP_ISO8601:time} \[%{NOTSPACE:thread}\] %{NUMBER:ms:float} (?<rest>.*)

`%{NAME}` stands for a pattern of grok_patterns.py or a custom one, `%{NAME:field}` also captures it, and a type behind
says what it is. `\%{` and `%\{` are no references, and in `%%{WORD}` the first % is itself. A field is written as
`source.ip` or as `[source][ip]`, which are the same. `(?<field>…)` and `(?P<field>…)` capture too; plain groups don't.
A match may begin and end anywhere: who wants the whole line says so with ^ and $.

What is written is Ruby's, so where RE2 reads it otherwise it is translated: ^ and $ are those of a line in the text,
(?m) lets the dot match a newline, \h is a hexadecimal digit, \Z is before the last newline, {,3} is up to three. One
thing isn't kept: ^ at the very beginning of a pattern is the beginning of the text, which takes a third less time.

Lookarounds, backreferences, atomic groups and possessive quantifiers need time that no limit holds: RE2 has none, and
they are refused. For what the library's own patterns mustn't follow see _guarded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Literal

import msgspec

from logd.errors import ConfigError
from logd.parse.grok_patterns import NOT_AFTER, PATTERNS

Type = Literal["text", "int", "float", "bool"]

_TYPES: Mapping[str, Type] = {
    "string": "text",
    "text": "text",
    "int": "int",
    "integer": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bool": "bool",
    "boolean": "bool",
}
#: Stops definitions that double themselves at each step; the library's longest pattern has 8,833.
_MOST_CHARACTERS = 100_000
#: The library's deepest has six; Python's own stack would take some hundreds.
_MOST_NESTED = 50
#: Of a pattern, in an error: enough to find the place.
_SHOWN = 80
_TOKEN = re.compile(
    r"""
    (?P<reference> %\{ (?P<name>\w+) (?: : (?P<field>[^:{}]+) (?: : (?P<type>\w+) )? )? \} )
  | (?P<broken> %\{ )
  | (?P<class> \[ \^? \]? (?: \\. | \[:\^?\w+:\] | [^]\\] )* \] )
  | (?P<unclosed> \[ )
  | (?P<capture> \( \? (?: P?< (?![=!]) | ' ) (?P<named>[^>'()]*) [>'] )
  | (?P<flags> \( \? [a-zA-Z]* (?: - [a-zA-Z]* )? [:)] )
  | (?P<special> \( \? (?: P[=>] | <?[=!] | [^a-zA-Z]? ) )
  | (?P<open> \( )
  | (?P<escape> \\ (?: [pPx]\{\w{1,40}\} | . )? )
  | (?P<most> \{ , (?P<limit>\d+) \} )
  | (?P<repeat> (?: [*+?] | \{\d+(?:,\d*)?\} ) \?? )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPES = {r"\h": "[0-9A-Fa-f]", r"\H": "[^0-9A-Fa-f]", r"\Z": r"(?:\n?\z)"}
#: In Ruby's patterns \Q is the letter, in RE2's it begins a quotation; \C is a byte, which may be half a character.
_NO_ESCAPES = {r"\Q", r"\C"}
_REFERENCE = re.compile(r"%\{\w", re.ASCII)
_REPEAT = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??", re.ASCII)
_LINE_START, _LINE_END = "(?m:^)", "(?m:$)"
_FIELD = re.compile(r"[\w@-]+(?:\.[\w@-]+)*|(?:\[[\w@-]+(?:\.[\w@-]+)*\])+", re.ASCII)
_NAME = re.compile(r"\w+", re.ASCII)
#: What RE2's reasons are about, by how they end.
_CONSTRUCTS = (
    (re.compile(r"\(\?<?[=!]$"), "a lookaround can't be matched in linear time"),
    (re.compile(r"\(\?>$"), "an atomic group can't be matched in linear time, (?:…) matches at least the same"),
    (re.compile(r"\\(?:[1-9]|[kg])$|\(\?P$"), "a backreference can't be matched in linear time"),
    (
        re.compile(r"[*+?}]\+$"),
        "a possessive quantifier can't be matched in linear time, one without + matches at least the same",
    ),
    (re.compile(r"repetition size|too large"), "it takes too much memory"),
)


class Field(msgspec.Struct, frozen=True):
    """What a match gives. Of `groups` the first counts that matched a text which isn't empty: a name may stand in a
    pattern several times, as in `%{IP:client}|%{HOSTNAME:client}`."""

    name: str
    type: Type
    groups: tuple[str, ...]


class Grok(msgspec.Struct, frozen=True):
    """`regex` is RE2's, to be searched for; it captures the groups g0, g1 … in this order, and no other."""

    regex: str
    fields: tuple[Field, ...]

    @property
    def at_start(self) -> str:
        """The same, at the beginning of the text only. What this finds `regex` finds too; so searching for `regex` only
        where this finds nothing gives the same, and takes a third less time when lines begin with what is meant."""
        return f"^(?:{self.regex})"


class _Guard(msgspec.Struct, frozen=True):
    """A place that mustn't follow a character of this class."""

    characters: str


_Pieces = list["str | _Guard"]


def compile_grok(pattern: str, custom: Mapping[str, str]) -> Grok:
    """The regular expression and the fields. Custom patterns count before the library's.

    Raises ConfigError with what is wrong, and in which of the patterns."""
    for name in custom:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"grok: {name!r} can't be a pattern's name: letters, digits and underscores can")
    compiler = _Compiler(custom)
    pieces = compiler.pieces(pattern, ())
    _check(_text(pieces), ())
    if pieces and pieces[0] == _LINE_START:
        pieces[0] = "^"
    regex = "".join(_guarded(pieces))
    _check(regex, ())
    return Grok(regex, compiler.fields())


class _Compiler:
    def __init__(self, custom: Mapping[str, str]) -> None:
        self._custom = custom
        self._checked: set[str] = set()
        self._groups: dict[str, list[str]] = {}
        self._types: dict[str, Type] = {}
        self._count = 0
        self._characters = 0

    def fields(self) -> tuple[Field, ...]:
        """In the order in which they came first."""
        return tuple(Field(name, self._types.get(name, "text"), tuple(groups)) for name, groups in self._groups.items())

    def pieces(self, text: str, within: tuple[str, ...]) -> _Pieces:
        """The tokens of RE2's expression for the text, which stands in these named patterns."""
        pieces: _Pieces = []
        for token in _TOKEN.finditer(text):
            if token["reference"]:
                pieces += self._referred(token, within)
            elif token["capture"]:
                pieces.append(self._capture(token["named"], None, within))
            else:
                pieces.append(_translated(token, within))
            self._characters += len(token[0])
            if self._characters > _MOST_CHARACTERS:
                raise _error(within, f"the pattern has more than {_MOST_CHARACTERS} characters")
        return pieces

    def _referred(self, token: re.Match[str], within: tuple[str, ...]) -> _Pieces:
        name, text = token["name"], self._custom.get(token["name"], PATTERNS.get(token["name"]))
        if text is None:
            near = get_close_matches(name.upper(), [*self._custom, *PATTERNS], 1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise _error(within, f"there is no pattern {name}{hint}")
        if name in within:
            raise _error(within, f"the pattern {name} contains itself")
        if len(within) == _MOST_NESTED:
            raise _error(within[:1], f"patterns in patterns, more than {_MOST_NESTED} deep")
        opening = "(?:" if token["field"] is None else self._capture(token["field"], token["type"], within)
        inner = self.pieces(text, (*within, name))
        if name in self._custom and name not in self._checked:
            _check(_text(inner), (*within, name))
            self._checked.add(name)
        guard = [_Guard(NOT_AFTER[name])] if name in NOT_AFTER and name not in self._custom else []
        return [opening, *guard, *inner, ")"]

    def _capture(self, field: str, kind: str | None, within: tuple[str, ...]) -> str:
        if not _FIELD.fullmatch(field):
            raise _error(within, f"{field!r} can't be a field's name: it is written a.b or [a][b]")
        name = field[1:-1].replace("][", ".") if field.startswith("[") else field
        if kind is not None:
            if kind not in _TYPES:
                raise _error(
                    within, f"{kind!r} is no type of a field: int, long, float, double, boolean and string are"
                )
            if self._types.setdefault(name, _TYPES[kind]) != _TYPES[kind]:
                raise _error(within, f"the field {name} is both {self._types[name]} and {_TYPES[kind]}")
        group = f"g{self._count}"
        self._count += 1
        self._groups.setdefault(name, []).append(group)
        return f"(?P<{group}>"


def _text(pieces: _Pieces) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _translated(token: re.Match[str], within: tuple[str, ...]) -> str:
    text = token[0]
    match token.lastgroup:
        case "broken":
            raise _error(within, f"{text!r} begins no reference: %{{NAME:field:type}} is one, %\\{{ is the text itself")
        case "class":
            return _class(text, within)
        case "unclosed":
            raise _error(within, f"a class of characters without its end: {token.string[token.start() :]:.{_SHOWN}}")
        case "flags":
            return text.replace("m", "s")
        case "open":
            return "(?:"
        case "escape":
            if text in _NO_ESCAPES:
                raise _error(within, f"{text} has no meaning that is Ruby's and RE2's")
            return _ESCAPES.get(text, text)
        case "most":
            return f"{{0,{token['limit']}}}"
        case _:
            return {"^": _LINE_START, "$": _LINE_END}.get(text, text)


def _class(text: str, within: tuple[str, ...]) -> str:
    """Ruby's classes may contain others, and && between them: RE2 would take that for characters."""
    bare = re.sub(r"\\.|\[:\^?\w+:\]", "", text[1:], flags=re.DOTALL)
    if _REFERENCE.search(text):
        raise _error(within, f"a reference in a class of characters, {text}")
    if "[" in bare or "&&" in bare:
        raise _error(within, f"a class of characters in another, {text}: a bracket in one is written \\[")
    return re.sub(r"\\(.)", lambda escape: "0-9A-Fa-f" if escape[1] == "h" else escape[0], text, flags=re.DOTALL)


def _guarded(pieces: _Pieces) -> list[str]:
    """A number found anywhere mustn't begin inside a longer one, which the originals say by looking behind. RE2 can't,
    but it can take the character before as well: at the beginning of the whole pattern, and where `.*` and its kind
    stand before, which would otherwise keep all but the last digit. What else stands before is left as it is."""
    shape = _Shape(pieces)
    texts = [piece if isinstance(piece, str) else "" for piece in pieces]
    made = list(texts)
    for place, piece in enumerate(pieces):
        if isinstance(piece, str):
            continue
        last = shape.before(place)
        if last < 0:
            outer = shape.outside(place)
            if outer is not None:
                made[outer] = f"(?:^|[^{piece.characters}]){made[outer]}"
        elif last and made[last - 1] == "." and texts[last] in {"*", "*?", "+", "+?"} and shape.certain(place, last):
            some = f".*{texts[last][1:]}[^\\n{piece.characters}]"
            if not texts[last].startswith("*"):
                ways = [some]
            elif shape.before(last - 1) < 0:
                ways = [some, _LINE_START]
            else:
                ways = [some, ""]
            made[last - 1], made[last] = f"(?:{'|'.join(ways[:: -1 if texts[last].endswith('?') else 1])})", ""
    return made


class _Shape:
    """The groups of a pattern, by the places of its pieces. Parentheses are in pairs, once RE2 has read it."""

    def __init__(self, pieces: _Pieces) -> None:
        self._pieces = pieces
        self._closing: dict[int, int] = {}
        self._opening: dict[int, int] = {}
        self._outer: list[int] = []
        self._branched: set[int] = set()
        within = [-1]
        for place, piece in enumerate(pieces):
            if piece == ")":
                self._opening[place] = within.pop()
                self._closing[self._opening[place]] = place
            self._outer.append(within[-1])
            if piece == "|":
                self._branched.add(within[-1])
            elif self._opens(place):
                within.append(place)

    def before(self, place: int) -> int:
        """The last piece that can match a character before this one, or a group of branches; -1 where nothing does."""
        place -= 1
        while place >= 0:
            piece = self._pieces[place]
            if piece == "|":
                place = self._outer[place]
            elif piece == ")":
                if self._opening[place] in self._branched:
                    return place
            elif isinstance(piece, str) and not self._opens(place):
                return place
            place -= 1
        return place

    def outside(self, place: int) -> int | None:
        """The first place from where this one certainly comes next, outside all captures and repetitions; None where
        there is none."""
        while place and self._opens(place - 1) and self._certain(place - 1):
            place -= 1
        outer = self._outer[place]
        while outer >= 0:
            if self._repeated(outer) not in {"", "?", "??"} or str(self._pieces[outer]).startswith("(?P"):
                return None
            outer = self._outer[outer]
        return place

    def certain(self, place: int, last: int) -> bool:
        """Whether this place certainly comes after the last one, which is before it."""
        outer = self._outer[place]
        while outer > last:
            if not self._certain(outer):
                return False
            outer = self._outer[outer]
        return True

    def _certain(self, group: int) -> bool:
        """Whether there is but one way through the beginning of the group, and none around it."""
        return group not in self._branched and self._repeated(group) in {"", "+", "+?"}

    def _repeated(self, group: int) -> str:
        after = self._closing[group] + 1
        piece = self._pieces[after] if after < len(self._pieces) else ""
        return piece if isinstance(piece, str) and _REPEAT.fullmatch(piece) else ""

    def _opens(self, place: int) -> bool:
        piece = self._pieces[place]
        return isinstance(piece, str) and piece.startswith("(") and not piece.endswith(")")


def _check(regex: str, within: Sequence[str]) -> None:
    """Raises ConfigError when RE2 can't express it."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(regex, options)
    except UnicodeEncodeError:
        raise _error(within, "the pattern isn't valid Unicode") from None
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        what = next((what for form, what in _CONSTRUCTS if form.search(reason)), "it can't be read")
        raise _error(within, f"{what}, RE2 says: {reason:.{_SHOWN}}") from None


def _error(within: Sequence[str], text: str) -> ConfigError:
    where = f"in %{{{'}, in %{'.join(reversed(within))}}}: " if within else ""
    return ConfigError(f"grok: {where}{text}")
