"""What is configured for parsing, compiled: for a line's service, source and content type the steps that take it apart.

Compiling says everything that is wrong with a parser before the first line comes: RE2 refuses what it can't express.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import assert_never

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import CRI, DOCKER, SYSLOG
from logd.config.globs import compile_globs
from logd.config.parsers import ParserTable, Step
from logd.config.patterns import compile_pattern
from logd.errors import ConfigError
from logd.parse import formats, forms, named
from logd.parse.named import Field, Meaning
from logd.parse.patterns import Pattern, groups

_ROLES = ("time", "level", "message", "service", "host")
#: What a time zone's own connection costs, some MB, is paid for each; configurations have a few.
_NAMED = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")


class Taken(msgspec.Struct, frozen=True):
    """A step by its pattern. `spread` is a field whose members become fields; `then` are steps for its message."""

    pattern: Pattern
    timezone: str = ""
    spread: str = ""
    then: Chain | None = None


class Keyed(msgspec.Struct, frozen=True):
    """A step whose fields have their names in the line: "json", "logfmt" or "key_value". `then` are steps for its
    message."""

    type: str
    delimiter: str = ""
    between: str = ""
    meaning: Meaning = Meaning()
    timezone: str = ""
    then: Chain | None = None


class Plain(msgspec.Struct, frozen=True):
    """ "auto" or "text": understands every line."""

    auto: bool


CompiledStep = Taken | Keyed | Plain


class Chain(msgspec.Struct, frozen=True):
    """One parser. `wrappings` are content types of wrapping.py that come off first, in any order that fits. A step
    without a name is called by its type, with its place where several are of that."""

    name: str
    wrappings: tuple[str, ...]
    steps: tuple[CompiledStep, ...]
    step_names: tuple[str, ...]
    services: re.Pattern[str] | None = None
    sources: re.Pattern[str] | None = None
    content_types: re.Pattern[str] | None = None
    #: Whether one of the three is enough.
    any_of: bool = False

    def is_for(self, service: str, source: str, content_type: str) -> bool:
        """Whether a line of those is its."""
        given = ((self.services, service), (self.sources, source), (self.content_types, content_type))
        fits = [bool(globs.fullmatch(value)) for globs, value in given if globs is not None]
        return (any(fits) or not fits) if self.any_of else all(fits)

    def every_step(self) -> Iterator[CompiledStep]:
        """Its steps, and those for their messages."""
        for step in self.steps:
            yield step
            if isinstance(step, Taken | Keyed) and step.then is not None:
                yield from step.then.every_step()


#: Behind the heads that are known without being told: JSON.
JSON_WITHIN = Chain("", (), (Keyed("json"),), ("json",))


def compile_chains(tables: Sequence[ParserTable]) -> tuple[Chain, ...]:
    """Raises ConfigError, naming the parser, the step and the reason."""
    chains = []
    names: set[str] = set()
    for table in tables:
        if table.name in names:
            raise ConfigError(f"parser {table.name!r} is there twice, expected a name for each")
        names.add(table.name)
        steps: list[CompiledStep] = []
        step_names: list[str] = []
        wrappings: list[str] = []
        for place, step in enumerate(table.steps):
            try:
                if steps and isinstance(steps[-1], Plain):
                    raise ValueError("no line comes to it: the step before understands every one")
                if step.type in ("syslog", "container"):
                    _only(step)
                if step.type == "syslog":
                    wrappings.append(SYSLOG)
                elif step.type == "container":
                    wrappings += [DOCKER, CRI]
                else:
                    steps.append(_compiled(step))
                    step_names.append(_step_name(table.steps, place))
                if step.type in ("syslog", "container") and len(steps) > 0:
                    raise ValueError(f"a {step.type} step comes before the others: what is in it is for them")
            except (ValueError, ConfigError) as error:
                raise ConfigError(f"parser {table.name!r}, step {place + 1} ({step.type}): {error}") from None
        try:
            services = compile_globs("services", table.services)
            sources = compile_globs("sources", table.sources)
            content_types = compile_globs("content_types", table.content_types)
        except ValueError as error:
            raise ConfigError(f"parser {table.name!r}: {error}") from None
        if not steps:
            steps, step_names = [Plain(auto=True)], ["auto"]
        any_of = table.match == "any"
        parts = tuple(wrappings), tuple(steps), tuple(step_names)
        chains.append(Chain(table.name, *parts, services, sources, content_types, any_of))
    return tuple(chains)


def _step_name(steps: Sequence[Step], place: int) -> str:
    step = steps[place]
    alone = [other.type for other in steps].count(step.type) == 1
    return step.name or (step.type if alone else f"{step.type} {place + 1}")


def _then(steps: Sequence[Step]) -> Chain | None:
    """The steps for a step's message."""
    compiled: list[CompiledStep] = []
    for place, step in enumerate(steps):
        try:
            if compiled and isinstance(compiled[-1], Plain):
                raise ValueError("no message comes to it: the step before understands every one")
            if step.type in ("syslog", "container", "text"):
                raise ValueError("expected another type: a message that no step understands stays as it is")
            compiled.append(_compiled(step))
        except (ValueError, ConfigError) as error:
            raise ValueError(f"then, step {place + 1} ({step.type}): {error}") from None
    return Chain("", (), tuple(compiled), tuple(_step_name(steps, place) for place in range(len(steps))))


def _compiled(step: Step) -> CompiledStep:
    _only(step)
    then = _then(step.then) if step.then else None
    if step.timezone:
        _timezone(step.timezone)
    for one in step.formats:
        if wrong := formats.check(one):
            raise ValueError(f"formats has {one!r}, expected {wrong}")
    match step.type:
        case "auto" | "text":
            return Plain(auto=step.type == "auto")
        case "json" | "logfmt" | "key_value":
            delimiter = (step.delimiter or "=") if step.type == "key_value" else ""
            if step.pair_delimiter == delimiter or not step.pair_delimiter:
                raise ValueError(f"pair_delimiter is {step.pair_delimiter!r}, expected another text than delimiter")
            for name, one in (("delimiter", delimiter), ("pair_delimiter", step.pair_delimiter)):
                if '"' in one:
                    raise ValueError(f"{name} is {one!r}, expected a text without quotes, which are around values")
            return Keyed(step.type, delimiter, step.pair_delimiter, _meaning(step), step.timezone, then)
        case "regex":
            return _taken(_regex(step), step, then)
        case "grok":
            return _taken(_grok(step), step, then)
        case "csv":
            return _taken(_csv(step), step, then)
        case "combined":
            return Taken(_built_in(step, forms.ANY_COMBINED, forms.ACCESS_MEANING, forms.ACCESS_TYPES), step.timezone)
        case "common":
            return Taken(_built_in(step, f"{forms.COMMON}$", forms.ACCESS_MEANING, forms.ACCESS_TYPES), step.timezone)
        case "klog":
            klog = _built_in(step, forms.KLOG, forms.KLOG_MEANING, forms.PLACE_TYPES)
            return _taken(klog, step, then or JSON_WITHIN)
        case "glog":
            glog = _built_in(step, forms.GLOG, forms.GLOG_MEANING, forms.PLACE_TYPES)
            return _taken(glog, step, then or JSON_WITHIN)
        case "syslog" | "container":
            raise AssertionError(step.type)  # wrappings, see above
        case _:
            assert_never(step.type)


#: Which settings a type of step looks at, beside those of all.
_OWN: Mapping[str, tuple[str, ...]] = {
    "json": ("then",),
    "logfmt": ("then",),
    "regex": ("pattern", "types", "spread", "then"),
    "grok": ("pattern", "patterns", "spread", "then"),
    "csv": ("columns", "delimiter", "types", "spread", "then"),
    "klog": ("then",),
    "glog": ("then",),
    "key_value": ("delimiter", "pair_delimiter"),
}


def _only(step: Step) -> None:
    """A setting that its type doesn't look at is a mistake."""
    usual = Step(type=step.type)
    for name in ("pattern", "patterns", "columns", "delimiter", "pair_delimiter", "types", "spread", "then"):
        if getattr(step, name) != getattr(usual, name) and name not in _OWN.get(step.type, ()):
            raise ValueError(f"{name} is nothing that this type looks at")
    for name in _OWN.get(step.type, ()):
        if name in ("pattern", "columns") and not getattr(step, name):
            raise ValueError(f"{name} is missing")
    if step.type in ("auto", "text", "syslog", "container"):
        for name in (*_ROLES, "formats", "timezone", "levels", "absent"):
            if getattr(step, name):
                raise ValueError(f"{name} is nothing that this type looks at")
    if step.type in ("json", "logfmt", "key_value") and step.absent:
        raise ValueError("absent is nothing that this type looks at")


def _meaning(step: Step, usual: Meaning = Meaning()) -> Meaning:  # noqa: B008
    return Meaning(
        tuple((role, name) for role in _ROLES if (name := getattr(step, role))),
        tuple(step.formats) or usual.formats,
        tuple({**dict(usual.levels), **{word.lower(): level for word, level in step.levels.items()}}.items()),
        (*usual.absent, *step.absent),
        usual.shown,
    )


def _taken(pattern: Pattern, step: Step, then: Chain | None) -> Taken:
    message = named.name_of("message", pattern.fields, pattern.meaning)
    if then is not None and message is None:
        raise ValueError("then is for its message, and none of its fields is one")
    if step.spread and step.spread == message:
        raise ValueError(f"spread is {step.spread!r}, which is its message: what is in that is for steps in then")
    return Taken(pattern, step.timezone, step.spread, then)


def _regex(step: Step) -> Pattern:
    names = _NAMED.findall(step.pattern)
    if not names:
        raise ValueError("pattern has no named group such as (?P<message>.*)")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"pattern has the group {twice!r} twice")
    regex = groups(_NAMED.sub(r"(?P<\1>", step.pattern), names)
    regex = _uncaptured(regex)
    _check(regex, len(names))
    return Pattern(regex, tuple(Field(name, step.types.get(name, "text")) for name in names), _known(step, names))


def _grok(step: Step) -> Pattern:
    from logd.parse.grok import compile_grok  # a library of patterns that few need

    grok = compile_grok(step.pattern, step.patterns)
    if not grok.fields:
        raise ValueError("pattern has no field such as %{GREEDYDATA:message}")
    _check(grok.regex, len({place for field in grok.fields for place in field.groups}))
    by_group = {
        place: Field(field.name, "boolean" if field.type == "bool" else field.type)
        for field in grok.fields
        for place in field.groups
    }
    fields = tuple(by_group[f"g{place}"] for place in range(len(by_group)))
    return Pattern(grok.regex, fields, _known(step, [field.name for field in grok.fields]), at_start=grok.at_start)


def _csv(step: Step) -> Pattern:
    delimiter = step.delimiter or ","
    if len(delimiter) != 1 or delimiter in '"\n':
        raise ValueError(f"delimiter is {delimiter!r}, expected one character")
    if len(set(step.columns)) < len(step.columns):
        raise ValueError("columns has a name twice")
    own = re.escape(delimiter) if delimiter != " " else " "
    parts, fields = [], []
    for place, name in enumerate(step.columns):
        parts.append(rf'(?:"(?P<g{2 * place}>(?:[^"]|"")*)"|(?P<g{2 * place + 1}>[^"{own}\n]*))')
        fields += 2 * [Field(name, step.types.get(name, "text"))]
    return Pattern(rf"^{own.join(parts)}\s*$", tuple(fields), _known(step, step.columns), quoted=True)


def _built_in(step: Step, regex: str, usual: Meaning, types: Mapping[str, object]) -> Pattern:
    made = forms.pattern(regex, types=dict(types))  # type: ignore[arg-type]
    return msgspec.structs.replace(made, meaning=_meaning(step, usual))


def _known(step: Step, names: Sequence[str]) -> Meaning:
    """The meaning of a step whose fields are known: what it names must be among them."""
    for setting in (*_ROLES, "spread"):
        if (name := getattr(step, setting)) and name not in names:
            raise ValueError(f"{setting} is {name!r}, expected one of its fields: {', '.join(names)}")
    for name in step.types:
        if name not in names:
            raise ValueError(f"types has {name!r}, expected some of its fields: {', '.join(names)}")
    return _meaning(step)


def _uncaptured(regex: str) -> str:
    """Without groups that capture and have no name: Arrow wants a name for each."""
    kept = r"(\\Q(?s:.*?)(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])"
    return re.sub(kept + r"|\((?!\?)", lambda found: found[1] or "(?:", regex)


def _check(regex: str, groups: int) -> None:
    try:
        compile_pattern(regex)
        found = pc.extract_regex(pa.array([""]), regex).type.num_fields
    except (ValueError, pa.ArrowInvalid) as error:
        raise ValueError(f"pattern can't be had from RE2: {str(error).partition(chr(10))[0]}") from None
    if found != groups:
        raise ValueError(f"pattern has {found} named groups, and {groups} that look like one: is a bracket escaped?")


def _timezone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
        with duckdb.connect() as sql:
            sql.execute(f"SET TimeZone = '{name}'")
    except (KeyError, ValueError, OSError, duckdb.Error):
        raise ValueError(f"timezone is {name!r}, expected an IANA name such as Europe/Berlin") from None


Choose = Callable[[str, str, str], int]


def chooser(chains: Sequence[Chain]) -> Choose:
    """For service, source and content type the place of the first chain that is for them, -1 when none is."""
    known: dict[tuple[str, str, str], int] = {}

    def choose(service: str, source: str, content_type: str) -> int:
        key = (service, source, content_type)
        place = known.get(key)
        if place is None:
            if len(known) >= 10_000:  # of a stream with ever new sources
                known.clear()
            place = next((place for place, chain in enumerate(chains) if chain.is_for(*key)), -1)
            known[key] = place
        return place

    return choose
