"""From what somebody wrote to a Rule, or to all that is wrong with it, each with its place.

Types come one by one, as they are found; once they are right, everything else is said at once.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from logd.alerts.notify.checks import check
from logd.alerts.rules import ACTION_NEEDS, ACTION_TAKES, NEEDS, OF_ALL, TAKES, Action, Condition, Rule
from logd.alerts.trees import LIST_FIELDS, group_field, node_of
from logd.config.address import parse_url
from logd.config.alerting import Notify
from logd.config.globs import compile_globs
from logd.config.keys import KeyPath, dotted, expectation, type_at, value_at
from logd.errors import BadRequest, LogdError, QueryError
from logd.levels import level_of
from logd.query.parse import Operator
from logd.query.values import listed
from logd.tokens import ID

T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r"(?s)(?P<message>.*?)(?: - at `\$\.?(?P<path>.*)`)?")
_NAMED = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_PARTS = re.compile(r"\[(\d+)\]|\[\.\.\.\]|\.?([^.\[]+)")
#: As Prometheus writes them.
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
#: Labels go to Alertmanager, which has these names, and two of them are the rule's own.
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_OWN_LABELS = ("alertname", "severity")
#: Of a rule in the catalog, or in a file.
_ANY_ID = re.compile(rf"(file-)?{ID.pattern}")
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0\r\n]+", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")
#: What somebody wrote is quoted up to here.
_QUOTED_CHARACTERS = 80
_MOST_LEVELS, _MOST_VALUES = 50, 1_000


class Wrong(NamedTuple):
    """`where` is the key's path, `condition.query:7` with a column where it is a query's; `message` says it with the
    value, unless that is a secret."""

    where: str
    message: str


class WrongRule(LogdError):
    """What was written is no rule that can run; `problems` are all that are known, in the order of the rule."""

    def __init__(self, problems: list[Wrong]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class Terms(msgspec.Struct, frozen=True):
    """What rules are read by: what words side by side in a query mean, and globs of the references that actions may
    use. Whoever may write rules could else have any secret of the machine sent to himself. By `notify` an action is
    held to what the notifier of this server can do; None, where that isn't known, to what it may be anywhere."""

    operator: Operator = "or"
    secrets: tuple[str, ...] = ("env:ALERT_*",)
    notify: Notify | None = None

    def allows(self, reference: str) -> bool:
        """Whether a glob names it; a file by its whole path."""
        kind, _, name = reference.partition(":")
        if kind == "file" and not (name.startswith("/") and posixpath.normpath(name) == name):
            return False
        allowed = compile_globs("alerts.notify.secrets", self.secrets)
        return allowed is not None and allowed.fullmatch(reference) is not None


#: Those of a server that isn't told otherwise.
USUAL = Terms()


def read_rule(written: object, terms: Terms = USUAL) -> Rule:
    """The rule in what JSON or TOML gave. Raises WrongRule."""
    return checked(typed(written), terms)


def checked(rule: Rule, terms: Terms) -> Rule:
    """The rule, if all of it will do: its name stripped, and a composite's window in each of its conditions. Raises
    WrongRule."""
    if problems := list(problems_of(rule, terms)) or list(_undeliverable(rule, terms)):
        raise WrongRule(problems)
    condition = rule.condition
    window = {"window_seconds": condition.window_seconds}
    inner = [msgspec.structs.replace(one, **window) for one in condition.conditions]
    condition = msgspec.structs.replace(condition, conditions=inner)
    return msgspec.structs.replace(rule, name=rule.name.strip(), condition=condition)


def typed(written: object) -> Rule:
    """What is no more than of the right types. Raises WrongRule."""
    if not isinstance(written, Mapping):
        raise WrongRule([Wrong("", f"a rule is an object or a table, this is {_quoted(written)}")])
    tree: dict[str, Any] = dict(written)
    if isinstance(text := tree.get("for"), str) and (found := _DURATION.fullmatch(text)):
        tree["for"] = int(found[1]) * _UNITS[found[2]]
    return converted(tree, Rule)


def converted(tree: Mapping[str, Any], kind: type[T]) -> T:
    """`tree` as this struct. Raises WrongRule."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise WrongRule([_mistyped(error, tree, inspect.type_info(kind))]) from None
    except RecursionError:
        raise WrongRule([Wrong("", "it is nested too deeply")]) from None


def is_reference(text: str) -> bool:
    """Whether it says where a secret is: `env:NAME` or `file:/PATH`."""
    return _REFERENCE.fullmatch(text) is not None


def secrets_of(rule: Rule) -> list[tuple[str, str]]:
    """Where the rule's actions refer to secrets, and what they are called."""
    found: list[tuple[str, str]] = []
    for where, action in _actions(rule):
        texts = {name: getattr(action, name) for name in ("url", "secret", "routing_key")}
        texts |= {f"headers.{name}": text for name, text in action.headers.items()}
        found += [(f"{where}.{name}", text) for name, text in texts.items() if is_reference(text)]
    return found


def problems_of(rule: Rule, terms: Terms) -> Iterator[Wrong]:
    """All that is wrong with a rule whose types are right."""
    name = rule.name.strip()
    if not name or not name.isprintable() or _ANY_ID.fullmatch(name):
        yield _wrong(("name",), rule.name, "printable characters, and not what looks like an id")
    yield from _condition(rule.condition, ("condition",), terms.operator)
    yield from _groups(rule)
    for label in rule.labels:
        if not _LABEL.fullmatch(label):
            yield _wrong(("labels", label), label, "a name of letters, digits and _", "is named")
        elif label in _OWN_LABELS:
            yield Wrong(f"labels.{label}", f"labels.{label} is there already: it is the rule's own")
    if rule.action is not None and rule.actions:
        yield Wrong("actions", "actions are there beside action, expected one of the two")
    if rule.action is not None:
        yield from _action(rule.action, ("action",))
    for place, action in enumerate(rule.actions):
        yield from _action(action, ("actions", place))
    for where, text in secrets_of(rule):
        if not terms.allows(text):
            yield Wrong(
                where, f"{where} is {text}, which alerts.notify.secrets doesn't name: {', '.join(terms.secrets)}"
            )


def _actions(rule: Rule) -> list[tuple[str, Action]]:
    """With their places."""
    named = [("action", rule.action)] if rule.action is not None else []
    return named + [(f"actions[{place}]", action) for place, action in enumerate(rule.actions)]


def _undeliverable(rule: Rule, terms: Terms) -> Iterator[Wrong]:
    """What the notifier would say of the actions of a rule that is right."""
    if terms.notify is None:
        return
    for where, action in _actions(rule):
        try:
            check(action, terms.notify)
        except BadRequest as error:
            said = str(error).removeprefix("the action's ")
            yield Wrong(f"{where}.{error.where.removeprefix('action.')}", f"{where}.{said}")


def _condition(
    condition: Condition, path: KeyPath, operator: Operator, around: Condition | None = None
) -> Iterator[Wrong]:
    kind = condition.aggregation
    usual = Condition()
    for name in NEEDS[kind]:
        if getattr(condition, name) == getattr(usual, name):
            yield Wrong(dotted((*path, name)), f"{dotted((*path, name))} is missing, which {kind} needs")
    takes = (*OF_ALL, *NEEDS[kind], *TAKES.get(kind, ()))
    for name in condition.__struct_fields__:
        if name not in takes and (value := getattr(condition, name)) != getattr(usual, name):
            yield _wrong((*path, name), value, f"nothing: {kind} takes no {name}")
    if around is not None and condition.window_seconds not in (usual.window_seconds, around.window_seconds):
        yield _wrong((*path, "window_seconds"), condition.window_seconds, "nothing: the composite's window is for all")
    if around is not None and kind in ("new_value", "new_pattern"):
        yield _wrong((*path, "aggregation"), kind, "another one: what is new has groups of its own")
    if around is not None and condition.against == "last_week":
        yield _wrong((*path, "against"), condition.against, "previous: a composite's windows are those of all")
    yield from _numbers(condition, path)
    yield from _records(condition, path, operator)
    if condition.field and "field" in takes and (expected := _field(condition)):
        yield _wrong((*path, "field"), condition.field, expected)
    if kind != "composite":
        return
    if around is not None:
        yield Wrong(dotted(path), f"{dotted(path)} is a composite within a composite")
        return
    if len(condition.conditions) == 1:
        yield _wrong((*path, "conditions"), 1, "at least two", "has")
    for place, inner in enumerate(condition.conditions):
        yield from _condition(inner, (*path, "conditions", place), operator, condition)


def _numbers(condition: Condition, path: KeyPath) -> Iterator[Wrong]:
    for name in ("threshold", "at_least"):
        number = getattr(condition, name)
        if number is not None and not math.isfinite(number):
            yield _wrong((*path, name), number, "a number")
    threshold = condition.threshold
    if threshold is None or not math.isfinite(threshold):
        return
    if condition.aggregation == "ratio" and not 0 <= threshold <= 1:
        yield _wrong((*path, "threshold"), threshold, "a share from 0 to 1, as of a ratio")
    if condition.aggregation == "spike" and threshold <= 0:
        yield _wrong((*path, "threshold"), threshold, "how many times as many, above 0")
    counts = condition.aggregation in ("count", "rate", "distinct")
    if counts and (threshold < 0 or (threshold == 0 and condition.compare == "<")):
        yield _wrong((*path, "threshold"), threshold, "a number that there can be fewer and more than")


def _records(condition: Condition, path: KeyPath, operator: Operator) -> Iterator[Wrong]:
    for name in ("query", "of"):
        text = getattr(condition, name)
        if not text:
            continue
        where = dotted((*path, name))
        try:
            node_of(text, operator)
        except QueryError as error:
            yield Wrong(f"{where}:{error.column}", f"{where}: {error}")
        except ValueError as error:
            yield Wrong(where, f"{where} {error}")
    for name in LIST_FIELDS:
        values = listed([getattr(condition, name)])
        most = _MOST_LEVELS if name == "level" else _MOST_VALUES
        if len(values) > most:
            yield _wrong((*path, name), len(values), f"at most {most} of them", "has")
        if getattr(condition, name) and not values:
            yield _wrong((*path, name), getattr(condition, name), "names, or nothing")
    for level in listed([condition.level]):
        if level_of(level) is None:
            # A query would look for it in the metadata: here it is a slip, with which the rule would never fire.
            expected = "TRACE, DEBUG, INFO, WARN, ERROR or FATAL (a query finds others: level:odd)"
            yield _wrong((*path, "level"), level, expected)


def _field(condition: Condition) -> str:
    """What was expected of its field instead; nothing where that will do."""
    try:
        group_field(condition.field, text=condition.aggregation in ("distinct", "new_value"))
    except ValueError as error:
        return str(error)
    numeric = condition.aggregation not in ("distinct", "new_value")
    if numeric and not group_field(condition.field).startswith("metadata."):
        return f"a field of metadata with numbers, for {condition.aggregation}"
    return ""


def _groups(rule: Rule) -> Iterator[Wrong]:
    found: list[str] = []
    for place, name in enumerate(rule.group_by):
        try:
            field = group_field(name)
        except ValueError as error:
            yield _wrong(("group_by", place), name, str(error))
            continue
        if field in found:
            yield _wrong(("group_by", place), name, "every field once")
        found.append(field)


def _action(action: Action, path: KeyPath) -> Iterator[Wrong]:
    for name in ACTION_NEEDS[action.type]:
        if not getattr(action, name):
            yield Wrong(dotted((*path, name)), f"{dotted((*path, name))} is missing, which {action.type} needs")
    takes = ("type", *ACTION_NEEDS[action.type], *ACTION_TAKES[action.type])
    for name in action.__struct_fields__:
        if name not in takes and getattr(action, name):
            yield Wrong(dotted((*path, name)), f"{dotted((*path, name))} is nothing that {action.type} takes")
    if action.url and not _is_target(action.url):
        yield _secret((*path, "url"), "an address such as https://example.org/hook, env:NAME or file:/PATH")
    for name in ("secret", "routing_key"):
        text = getattr(action, name)
        if text and name in takes and not is_reference(text):
            yield _secret((*path, name), "where the secret is, env:NAME or file:/PATH")
    for name, value in action.headers.items():
        if not _HEADER.fullmatch(name):
            yield _wrong((*path, "headers", name), name, "a name that HTTP allows", "is named")
        elif not _is_secret(value):
            yield _secret((*path, "headers", name), "a line of text, env:NAME or file:/PATH")
    for place, address in enumerate(action.to):
        if not _ADDRESS.fullmatch(address):
            yield _wrong((*path, "to", place), address, "an address such as on-call@example.org")


def _is_target(text: str) -> bool:
    if text.startswith(("env:", "file:")):
        return is_reference(text)
    before, _, _ = text.partition("?")  # which addresses of hooks may have
    try:
        parse_url(before)
    except ValueError:
        return False
    return text.isascii() and _is_line(text) and " " not in text


def _is_secret(text: str) -> bool:
    return _is_line(text) and (not text.startswith(("env:", "file:")) or is_reference(text))


def _is_line(text: str) -> bool:
    return text.isprintable()


def _mistyped(error: msgspec.ValidationError, tree: Mapping[str, Any], root: inspect.Type) -> Wrong:
    found = _PLACE.fullmatch(str(error))
    assert found is not None  # every text matches
    path: KeyPath = tuple(
        int(place) if place else name for place, name in _PARTS.findall(found["path"] or "") if place or name
    )
    named = _NAMED.fullmatch(found["message"])
    if named is not None and named["what"] == "missing required":
        where = dotted((*path, named["name"]))
        return Wrong(where, f"{where} is missing, expected {_expected((*path, named['name']), root)}")
    if named is not None:
        around = type_at(path, root)
        known = (
            ", ".join(field.encode_name for field in around.fields) if isinstance(around, inspect.StructType) else ""
        )
        where = dotted((*path, named["name"]))
        return Wrong(where, f"{where} is unknown, expected one of {known}")
    where = dotted(path)
    # What is wrong of an action may be a secret.
    value = "" if path[:1] in (("action",), ("actions",)) else f" is {_quoted(value_at(tree, path))},"
    return Wrong(where, f"{where or 'the rule'}{value} expected {_expected(path, root)} ({found['message'].lower()})")


def _expected(path: KeyPath, root: inspect.Type) -> str:
    if path == ("for",):
        return "seconds, or a time such as 5m"
    kind = type_at(path, root)
    return expectation(kind) if kind is not None else "another value"


def _wrong(path: KeyPath, value: object, expected: str, verb: str = "is") -> Wrong:
    return Wrong(dotted(path), f"{dotted(path)} {verb} {_quoted(value)}, expected {expected}")


def _secret(path: KeyPath, expected: str) -> Wrong:
    """Without the value, which may be one."""
    return Wrong(dotted(path), f"{dotted(path)} won't do, expected {expected}")


def _quoted(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return "too long to be shown"
    return text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"
