"""What of a message changes from line to line, masked in SQL: all lines of a template have few different masks.

    Accepted password for root from 10.0.0.7 port 4242   →   Accepted password for root from <*> port <*>

White space becomes blanks, a date as ctime and syslog write it `<*>`, then each word that has a digit, then each run of
blanks one. Only a message's first line counts that isn't empty, and of it LINE_CHARACTERS. White space, digits and word
boundaries are those of ASCII.
"""

from __future__ import annotations

from collections.abc import Iterable

MASK = "<*>"
#: No template that people read is longer; the rest of a line of megabytes would be compared for nothing.
LINE_CHARACTERS = 1_000
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = (
    rf"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?{_MONTH} +[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
    r"(?:\.[0-9]+)?(?: [A-Z]{3,4})?(?: [0-9]{4})?"
)
#: In every date; where it isn't, the expression needn't look (0.1 against 0.4 µs a line).
_DATED = "% __:__:__%"
_DATE_MASKED = f"CASE WHEN line LIKE '{_DATED}' THEN regexp_replace(line, '{_DATE}', '{MASK}', 'g') ELSE line END"
#: Word by word it takes 0.35 µs a line, with an expression for each word 0.45, with one for all of them 0.75.
_MASKED = f"""array_to_string(list_transform(string_split({_DATE_MASKED}, ' '),
    lambda word: CASE WHEN word GLOB '*[0-9]*' THEN '{MASK}' ELSE word END), ' ')"""
_TIDIED = "trim(regexp_replace({mask}, ' +', ' ', 'g'), ' ')"
#: The white space that isn't a blank; no line has the newline.
_SPACE = ("chr(9)", "chr(12)", "chr(13)")
_COARSE = f"regexp_replace({{mask}}, '^(\\S+ \\S+) .*$', '\\1 {MASK}')"


def cells(condition: str, most: int, coarse: bool) -> str:
    """A query over `rows`, of those that meet the condition: `mask`, `service`, `level`, `n` of them, `first` and
    `last` in Unix µs. After the `most` frequent masks (then by text) all others are one, NULL. `coarse`: of a mask only
    the first two words count, so that there are fewer."""
    return f"WITH parts AS ({_parts(condition, coarse, '')}), {added(most).removeprefix('WITH ')}"


def parts(condition: str, coarse: bool) -> str:
    """A query over `rows` that have a `part`: of each, the same for all masks."""
    return _parts(condition, coarse, "part, ")


def added(most: int) -> str:
    """A query over what `parts` gives, as a table of that name: the same as of `cells`."""
    return f"""WITH cells AS MATERIALIZED (
        SELECT mask, service, level, sum(n) AS n, min(first) AS first, max(last) AS last FROM parts GROUP BY ALL),
      known AS (SELECT mask FROM cells GROUP BY mask ORDER BY sum(n) DESC, mask LIMIT {most})
      SELECT known.mask AS mask, service, level, sum(n)::BIGINT AS n, min(first) AS first, max(last) AS last
      FROM cells LEFT JOIN known ON cells.mask = known.mask GROUP BY ALL"""


def _parts(condition: str, coarse: bool, part: str) -> str:
    """Runs of blanks are looked for once the masks are few: it takes as long as masking."""
    masked = _whole(coarse=True) if coarse else _MASKED
    return f"""SELECT {part}{_TIDIED.format(mask="mask")} AS mask, service, level, sum(n)::BIGINT AS n,
          epoch_us(min(first)) AS first, epoch_us(max(last)) AS last
        FROM (SELECT {part}{masked} AS mask, service, level, count(*) AS n,
            min(timestamp) AS first, max(timestamp) AS last
          FROM ({_lines("rows", condition)}) GROUP BY ALL) GROUP BY ALL"""


def samples(condition: str, moments: Iterable[int], masks: int, coarse: bool) -> str:
    """A query over the same rows, with so many masks as parameters after the condition's: of the rows that have one of
    them at one of the moments (Unix µs), for each mask and moment the last `log_id` and its `message`."""
    known = ", ".join("?" * masks)
    # Materialized, or the engine would mask all rows first.
    return f"""WITH sampled AS MATERIALIZED (
        SELECT message, epoch_us(timestamp) AS moment, log_id FROM rows
        WHERE epoch_us(timestamp) IN ({", ".join(map(str, moments))}) AND ({condition}))
      SELECT mask, moment, max(log_id) AS log_id, left(arg_max(message, log_id), {LINE_CHARACTERS}) AS message
      FROM (SELECT {_whole(coarse)} AS mask, moment, log_id, message FROM ({_lines("sampled")}))
      WHERE mask IN ({known}) GROUP BY ALL"""


def whole(source: str) -> str:
    """A query over rows with a `number` and a `message`: each number with its `mask`, in any order."""
    return f"SELECT number, {_whole(coarse=False)} AS mask FROM ({_lines(source)})"


def _lines(source: str, condition: str = "true") -> str:
    """The rows with the `line` that counts of their messages, in which all white space is blanks."""
    spaced = "text"
    for character in _SPACE:
        spaced = f"replace({spaced}, {character}, ' ')"
    needed = " OR ".join(f"contains(text, {character})" for character in _SPACE)
    return f"""SELECT * EXCLUDE (text), CASE WHEN {needed} THEN {spaced} ELSE text END AS line FROM (
        SELECT *, CASE WHEN strlen(whole) > {LINE_CHARACTERS} THEN left(whole, {LINE_CHARACTERS}) ELSE whole END AS text
        FROM (SELECT CASE WHEN contains(message, chr(10)) THEN regexp_extract(message, '\\S[^\\n]*')
            ELSE coalesce(message, '') END AS whole, * FROM {source} WHERE {condition}))"""


def _whole(coarse: bool) -> str:
    """The mask of a `line`."""
    tidied = _TIDIED.format(mask=_MASKED)
    return _COARSE.format(mask=tidied) if coarse else tidied
