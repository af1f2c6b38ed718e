"""SQL for what is searched in the message: words, phrases, wildcards, regular expressions, words nearby.

Each condition begins with what is cheap and never wrong about a miss: a stretch of plain characters that every hit has.
CASE and not AND does that: DuckDB may reorder the operands of AND.
"""

from __future__ import annotations

from logd.query import fuzzy, regex, slop, wildcard
from logd.query.fields import TEXT
from logd.query.tree import Fuzzy, Regex, Wildcard, Words
from logd.query.words import NOT_SEPARATOR, TOKEN, Filter, first_filter, pattern

Parameters = list[str | float]
#: The words of a message as a list.
_TOKENS = f"regexp_extract_all(lower({TEXT}), ?)"


def words(node: Words, parameters: Parameters) -> str:
    """The condition that the words occur; its parameters are added to `parameters`, here and below."""
    if not node.words:
        return "false"
    if node.slop and len(node.words) > 1:
        return _near(node, parameters)
    cheap, exact = first_filter(node.words), pattern(node.words)
    if cheap is not None and cheap.text == exact:
        parameters.append(exact)
        return f"contains({TEXT}, ?)"
    return _matches(exact, cheap, parameters)


def _near(node: Words, parameters: Parameters) -> str:
    """All words first; the lists of words are made of the texts that have them."""
    all_words = [words(Words(TEXT, word, (word,)), parameters) for word in dict.fromkeys(node.words)]
    parameters.append(TOKEN)
    exact = slop.condition(_TOKENS, node.words, node.slop, parameters)
    return f"CASE WHEN {' AND '.join(all_words)} THEN {exact} ELSE false END"


def wildcards(node: Wildcard, parameters: Parameters) -> str:
    """… that the pattern matches."""
    found = wildcard.of_text(node.pattern)
    if found is None:
        return "false"
    return _matches(found.pattern, first_filter(found.literals), parameters)


def regex_of_words(node: Regex, parameters: Parameters) -> str:
    """… that a word matches."""
    found = regex.rewritten(node.pattern, words=True)
    condition = _matches(found.pattern, first_filter(found.literals), parameters)
    if not found.nullable:
        return condition
    # It matches where there is no word, too.
    alone = regex.rewritten(node.pattern, words=True, alone=True)
    parameters += [f"{NOT_SEPARATOR}+", alone.pattern]
    exact = f"len(list_filter(regexp_extract_all({TEXT}, ?), lambda w: regexp_full_match(w, ?))) > 0"
    return f"CASE WHEN {condition} THEN {exact} ELSE false END"


def regex_of_text(node: Regex, parameters: Parameters) -> str:
    """… that a stretch of the text matches, in its case."""
    found = regex.rewritten(node.pattern)
    longest = max(found.literals, key=len, default="")
    if found.plain:
        parameters.append(longest)
        return f"contains({TEXT}, ?)"
    return _matches(found.pattern, Filter(longest, False) if longest else None, parameters)


def nearly(node: Fuzzy, parameters: Parameters) -> str:
    """… that a word is as near."""
    first = fuzzy.first(node.word, node.edits)
    parameters += [first.pattern, TOKEN, node.word]
    near = fuzzy.near("w", node.word, node.edits, least=1)
    exact = f"len(list_filter({_TOKENS}, lambda w: {near})) > 0"
    if first.exact:
        exact = f"(strlen({TEXT}) = length({TEXT}) OR {exact})"
    return f"CASE WHEN regexp_matches({TEXT}, ?) THEN {exact} ELSE false END"


def _matches(exact: str, cheap: Filter | None, parameters: Parameters) -> str:
    if cheap is None:
        parameters.append(exact)
        return f"regexp_matches({TEXT}, ?)"
    parameters += ["(?i)" + cheap.text if cheap.any_case else cheap.text, exact]
    first = "regexp_matches" if cheap.any_case else "contains"
    return f"CASE WHEN {first}({TEXT}, ?) THEN regexp_matches({TEXT}, ?) ELSE false END"
