"""Where Elasticsearch deliberately finds something else than the embedded index, and why."""

from __future__ import annotations

_LONG_WORDS = "of a word the first 250 characters count: Lucene's tokenizer cuts words at 255 units"
_LONG_VALUES = (
    "of metadata only strings of up to 1,024 characters are indexed, so that no one value makes an index large"
)

#: The query, what it finds there, and why.
ON_ELASTICSEARCH: dict[str, tuple[str, str]] = {
    "user_id:42.0": ("ab", "a string that is a number is indexed as the number, too"),
    "_exists_:http": ("acdef", "the mapping doesn't tell a dot in a name from an object in an object"),
    "x" * 299: ("x", _LONG_WORDS),
    "x" * 301: ("x", _LONG_WORDS),
    "/y{251}/": ("", _LONG_WORDS),
    "long:" + "z" * 2000: ("", _LONG_VALUES),
    "long:z*": ("", _LONG_VALUES),
}

REFUSED_ON_FLATTENED = 'as index.elasticsearch.metadata is "flattened"'
_AS_WRITTEN = "every value is a keyword there: a number as it was written"
_NO_NUMBERS = "every value is a keyword there: numbers have no order"
_NO_PATTERNS = "names share one field there, and Lucene can't tell where a pattern leaves a name's values"
_NO_INNER = "names are whole paths there: none is that of an object"
_BESIDE = "what a level isn't, the metadata is searched for only by what can be searched there"
#: The same where metadata is one flattened field, also unlike there; None is refused.
ON_FLATTENED: dict[str, tuple[str | None, str]] = {
    "user_id:42.0": ("", _AS_WRITTEN),
    "latency_ms:5e3": ("", _AS_WRITTEN),
    "price:1000": ("", _AS_WRITTEN),
    "latency_ms:>100": (None, _NO_NUMBERS),
    "latency_ms:>=5000": (None, _NO_NUMBERS),
    "latency_ms:[7 TO 12]": (None, _NO_NUMBERS),
    "latency_ms:{7 TO 5000}": (None, _NO_NUMBERS),
    "latency_ms:<0": (None, _NO_NUMBERS),
    "ratio:<0": (None, _NO_NUMBERS),
    "ratio:[-0.5 TO 0]": (None, _NO_NUMBERS),
    "n:>=9": (None, _NO_NUMBERS),
    "n:[-3 TO 9}": (None, _NO_NUMBERS),
    "http.status:[400 TO 499]": (None, _NO_NUMBERS),
    "http.status:>=500": (None, _NO_NUMBERS),
    "region:eu-?est-1": (None, _NO_PATTERNS),
    "glob:a*c": (None, _NO_PATTERNS),
    "region:/eu-(west|east)-[0-9]/": (None, _NO_PATTERNS),
    "version:/1\\.[0-9]+\\.[0-9]+/": (None, _NO_PATTERNS),
    "mac:/(?:[a-f]{2}:){5}[a-f]{2}/": (None, _NO_PATTERNS),
    "user.name:alcie~1": (None, _NO_PATTERNS),
    "word:tmieout~1": (None, _NO_PATTERNS),
    "word:tmeiout~1": (None, _NO_PATTERNS),
    "region:eu-west-2~": (None, _NO_PATTERNS),
    "level:/E.*|lou./": ("ai", _BESIDE),
    "level:lod~1": ("", _BESIDE),
    "_exists_:long": ("", "what is too long isn't named there"),
    "_exists_:http": ("", _NO_INNER),
    "trace_id:[4 TO 5]": (None, _NO_NUMBERS),
    "trace_id:>=7": (None, _NO_NUMBERS),
    "latency_ms:<=12": (None, _NO_NUMBERS),
    "latency_ms:{12 TO 5000]": (None, _NO_NUMBERS),
    "latency_ms:[* TO 12}": (None, _NO_NUMBERS),
    "latency_ms:(>7 <5000)": (None, _NO_NUMBERS),
    "latency_ms:(>7 AND <5000)": (None, _NO_NUMBERS),
    "http.status:(>=400 AND NOT 404)": (None, _NO_NUMBERS),
    "ids:[2 TO 9]": (None, _NO_NUMBERS),
    "trace_id:/4bf.*/": (None, _NO_PATTERNS),
    "trace_id:4bf92f53~1": (None, _NO_PATTERNS),
    "http.status:5??": (None, _NO_PATTERNS),
    "http.status:/[45]../": (None, _NO_PATTERNS),
    "ok:/tru./": (None, _NO_PATTERNS),
    "ok:tru~1": (None, _NO_PATTERNS),
    "user_id:4?": (None, _NO_PATTERNS),
    "user.roles:/a.*|d.*/": (None, _NO_PATTERNS),
    "user.roles:adimn~1": (None, _NO_PATTERNS),
    "_exists_:a.b": ("", _NO_INNER),
    "a.b:*": ("", _NO_INNER),
    "_exists_:user": ("", _NO_INNER),
}
