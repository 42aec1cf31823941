"""Queries as no author should write them, and what lint and a Prometheus are to say of each.

The Prometheus knows the series of `SERIES`, written just before it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from canaryd.model.answered import Answered

SERIES = (
    ({"__name__": "lone"}, 7.0),
    ({"__name__": "depth", "pod": "a"}, 1.0),
    ({"__name__": "depth", "pod": "b"}, 2.0),
    ({"__name__": "unset"}, math.nan),
    ({"__name__": "endless"}, math.inf),
    ({"__name__": "odd", "words": 'a"b\\c\nd\x00é😀'}, 3.0),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A query, a part of what lint says of it (empty: nothing), and what becomes of it."""

    query: str
    lint: str
    told: Answered
    words: str = ""


V, N, R = Answered.VALUE, Answered.NO_DATA, Answered.REFUSED
NOT = "is not PromQL: "
NONE = "gives no series"

PARSED = (
    # What it answers is not one number.
    Case("lone", "", V),
    Case("depth", "", N, "gives 2 series, not one number"),
    Case("lone[5m]", "", N, "gives a matrix, not one number"),
    Case('"words"', "", N, "gives a string, not one number"),
    Case("time()", "", V),
    Case("nowhere", "", N, NONE),
    Case("lone > 8", "", N, NONE),
    Case("unset", "", N, "NaN"),
    Case("NaN", "", N, "NaN"),
    Case("vector(0) / 0", "", N, "NaN"),
    Case("1 % 0", "", N, "NaN"),
    Case("endless", "", N, "+Inf"),
    Case("-Inf", "", N, "-Inf"),
    Case("-endless", "", N, "-Inf"),
    Case("lone / 0", "", N, "+Inf"),
    Case("1e999", "", R, "out of range"),
    Case("0x7fffffffffffffff", "", V),
    Case("{__name__=~'.+'}", "", N, "series, not one number"),
    Case("count_values('a', depth)", "", N, "gives 2 series"),
    Case("absent(lone)", "", N, NONE),
    Case("scalar(depth)", "", N, "NaN"),
    Case("histogram_quantile(0.9, lone)", "", N, ""),
    Case("quantile(2, depth)", "", N, ""),
    # Other instants and spans.
    Case("lone offset -1m", "", V),
    Case("lone offset 1w", "", N, NONE),
    Case("lone offset 100y", "", N, NONE),
    Case("lone offset 280y", "", N, ""),
    Case("lone @ 0", "", N, NONE),
    Case("lone @ 1e9", "", N, NONE),
    Case("lone @ end()", "", V),
    Case("lone @ start() offset -5s", "", V),
    Case("sum_over_time(lone[100y])", "", V),
    Case("max_over_time(lone[10s:1s])", "", V),
    Case("max_over_time(max_over_time(lone[10s:1s])[10s:1s] @ end())", "", V),
    Case("rate(lone[1ms])", "", N, NONE),
    Case("lone offset 1m offset 1m", NOT + "offset", R, "parse error"),
    Case("lone @ 1e400", NOT + "timestamp out of bounds", R, "parse error"),
    Case("lone @ NaN", NOT + "timestamp out of bounds", R, "parse error"),
    Case("lone @ x", NOT, R, "parse error"),
    Case("lone @ end(", NOT + "unclosed", R, "parse error"),
    Case("lone offset 1000000000y", NOT + "a time in it is beyond", R, "parse error"),
    Case("rate(lone[99999999999999999999y])", NOT + "duration", R, "parse error"),
    Case("rate(lone[1y1y])", NOT + "bad number or duration", R, "parse error"),
    Case("rate(lone[1e999])", NOT + "the parser stumbles over it", R, "parse error"),
    Case("depth{\u202e}", NOT + "unexpected character inside braces", R, "parse error"),
    Case("rate(lone[0s])", NOT + "duration must be greater", R, "parse error"),
    Case("rate(lone[5 m])", NOT, R, "parse error"),
    Case("rate(lone[5M])", NOT, R, "parse error"),
    Case("rate(lone[-5m])", NOT, R, "parse error"),
    Case("rate(lone[1h:0s])", NOT, R, "parse error"),
    Case("rate(lone[])", NOT, R, "parse error"),
    Case("lone[5m][5m]", NOT, R, "parse error"),
    Case("lone[5m:][5m:]", NOT + "subquery", R, "parse error"),
    # Functions and operators.
    Case("nosuch(lone)", NOT + "unknown function", R, "unknown function"),
    Case("rate(lone)", NOT + "expected type", R, "expected type range vector"),
    Case("rate()", NOT, R, "expected 1 argument"),
    Case("abs(lone, lone)", NOT, R, "expected 1 argument"),
    Case("abs(lone[5m])", NOT, R, "expected type instant vector"),
    Case("topk(lone)", NOT + "wrong number of arguments", R, "wrong number of arguments"),
    Case('quantile("a", lone)', NOT, R, "expected type scalar"),
    Case("lone + bool lone", NOT + "bool modifier", R, "bool modifier"),
    Case("1 > 0", NOT, R, "comparisons between scalars must use BOOL"),
    Case("1 and lone", NOT, R, "not allowed in binary scalar"),
    Case("lone + 'a'", NOT, R, "must contain only scalar"),
    Case("lone + on(pod) group_left(pod) lone", NOT + "label 'pod'", R, "must not occur in ON"),
    Case("depth + ignoring(pod) depth", "", R, "duplicate series"),
    Case("lone + on() depth", "", R, "duplicate series"),
    Case('label_replace(lone, "a", "$1", "b", "(")', "", R, "regular expression"),
    Case('label_join(lone, "", ",", "b")', "", R, "label"),
    Case("lone or", NOT, R, "parse error"),
    Case("+", NOT, R, "parse error"),
    Case("1 2", NOT, R, "parse error"),
    Case("lone, lone", NOT, R, "parse error"),
    Case("SELECT 1", NOT, R, "parse error"),
    Case("=lone", NOT, R, "parse error"),
    Case("lone => 1", NOT, R, "parse error"),
    Case("sum by (lone", NOT, R, "parse error"),
    # Matchers.
    Case("{}", NOT + "vector selector", R, "at least one non-empty matcher"),
    Case('{pod=~".*"}', NOT + "vector selector", R, "at least one non-empty matcher"),
    Case('lone{__name__="x"}', NOT + "metric name must not be set twice", R, "metric name"),
    Case('depth{pod=~"("}', NOT + "illegal regex", R, "error parsing regexp"),
    Case('depth{pod=~"((a{100}){100}){100}"}', NOT, R, "error parsing regexp"),
    Case('depth{pod=~"(?=a)"}', NOT, R, "error parsing regexp"),
    Case('depth{pod=~"\\\\"}', NOT, R, "error parsing regexp"),
    Case("depth{pod=a}", NOT, R, "parse error"),
    Case('depth{pod=="a"}', NOT, R, "parse error"),
    Case('depth{pod="a" pod="b"}', NOT, R, "parse error"),
    Case('depth{pod="a",pod="b",}', "", N, NONE),
    Case("depth{,}", NOT, R, "parse error"),
    Case('depth{0a="b"}', NOT, R, "parse error"),
    Case("depth{", NOT, R, "parse error"),
    Case("depth}", NOT, R, "parse error"),
    Case('depth{pod="a"', NOT, R, "parse error"),
    Case("(lone", NOT + "unclosed left parenthesis", R, "parse error"),
    Case("lone)", NOT + "unexpected right parenthesis", R, "parse error"),
    Case("(" * 2000, "is not checked: it has 2000 brackets", R, "parse error"),
    Case("(" * 200 + "1" + ")" * 200, "", V),
    Case("(" * 2000 + "1" + ")" * 2000, "is not checked", V),
    Case("-" * 4000 + "1", "is not checked", V),
    Case("1" + "+1" * 2000, "is not checked", V),
    Case("abs(" * 800 + "lone" + ")" * 800, "is not checked", V),
    # Letters.
    Case("lone\x00", NOT + "unexpected character", R, "parse error"),
    Case("\x1b[2Jlone", NOT + "unexpected character", R, "parse error"),
    Case("lone\u202e", NOT + "unexpected character", R, "parse error"),
    Case("\ufefflone", NOT, R, "parse error"),
    Case("lone\u00a0", NOT, R, "parse error"),
    Case("😀", NOT + "unexpected character", R, "parse error"),
    Case("λ", NOT, R, "parse error"),
    Case("“lone”", NOT, R, "parse error"),
    Case("lone;", NOT, R, "parse error"),
    Case(" ", NOT + "no expression", R, "no expression"),
    Case("# lone", NOT + "no expression", R, "no expression"),
    Case("lone # )", "", V),
    Case("lone\n\n+\r\n\t1", "", V),
    Case("'lone", NOT, R, "parse error"),
    Case('"\\', NOT, R, "parse error"),
    Case('"\\xzz"', NOT, R, "parse error"),
    Case('"\\U99999999"', NOT, R, "parse error"),
    Case('odd{words="a\\"b\\\\c\\nd\\x00é😀"}', "", V),
    Case("odd{words=`a`}", "", N, NONE),
    Case("x" * 4096, "", N, NONE),
    Case('lone{a="' + "é" * 4000 + '"}', "", N, NONE),
    # Braces that look like variables, and are none.
    Case("lone + {", NOT, R, "parse error"),
    Case("lone}}", NOT, R, "parse error"),
    Case("lone{ { name } }", NOT, R, "parse error"),
    Case('lone{a="{ {{ name }} }"}', "", N, NONE),
    Case("{{ name }}", "", N, NONE),
    Case("lone[{{ interval }}]", "", N, "matrix"),
    Case("{{ weight }}{{ weight }}", "", V),
)
"""What the API server lets in, as it is PromQL's to say what is wrong."""

VARIABLE = "query has an unknown or unclosed {{ variable }}"
LETTERS = "at most 4096"
TURNED_AWAY = (
    ("", "is empty"),
    ("x" * 4097, LETTERS),
    ("x" * 100_000, LETTERS),
    ("(" * 50_000 + "1" + ")" * 50_000, LETTERS),
    ("{" * 100_000, LETTERS),
    ("{{", VARIABLE),
    ("{{}}", VARIABLE),
    ("{{ }}", VARIABLE),
    ("{{{name}}}", VARIABLE),
    ("{{ name", VARIABLE),
    ("{{ name }", VARIABLE),
    ("{{ {{ name }} }}", VARIABLE),
    ("{{ pod }}", VARIABLE),
    ("{{ Name }}", VARIABLE),
    ("{{ name | quote }}", VARIABLE),
    ("{{ .name }}", VARIABLE),
    ("{{ variables.queue }}", VARIABLE),
    ("{{\u00a0name }}", VARIABLE),
    ("{{\x0bname }}", VARIABLE),
    ("{{ na\x00me }}", VARIABLE),
    ('lone{a="{{"}', VARIABLE),
)
"""Queries that the API server and lint refuse, and their sentences."""

GOOD = (
    'sum(rate(x{ns="{{ namespace }}", v=~"{{revision}}-.*"}[{{ interval }}]))',
    'histogram_quantile(0.99, sum by (le) (rate(b{a!~"x|y"}[5m] offset -1m)))',
    "100 * (lone or vector(0)) / on (pod) group_left (y) (depth > bool 1)",
    "max_over_time(sum(depth)[10s:1s] @ end())",
    'label_replace(lone, "a", "$1", "b", "(.*)") unless depth',
    "quantile(0.9, depth) - -1e3 ^ 2 atan2 0x1f",
    'count_values("v", depth offset 1w) and absent({a="b"})',
    "topk(1, depth @ 1700000000.5) # a comment",
)
SIGNS = "(){}[]\"'`\\,=~!<>+-*/%^@:#. \n\t\x00\x7f0189eExyNinfsmhdw_é😀\u202e"


def spoilt(seed: int, count: int) -> list[str]:
    """Return so many distinct queries that were good: cut, doubled, swapped and spliced."""
    chance = Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        query = chance.choice(GOOD)
        for _ in range(chance.randint(1, 4)):
            query = _spoil(query, chance)
        if query and query not in GOOD:
            made[query[:4096]] = None
    return list(made)


def _spoil(query: str, chance: Random) -> str:
    start = chance.randrange(len(query) + 1)
    end = min(len(query), start + chance.randint(1, 8))
    before, piece, after = query[:start], query[start:end], query[end:]
    other = chance.choice(GOOD)
    return chance.choice(
        (
            before + after,
            before + piece * chance.choice((2, 3, 20)) + after,
            before + piece[::-1] + after,
            before + chance.choice(SIGNS) + after,
            before + chance.choice(SIGNS) + piece + after,
            before + other[chance.randrange(len(other)) :],
        )
    )


def distinct() -> Iterator[str]:
    """Every query that is written here by hand."""
    yield from (case.query for case in PARSED)
    yield from (query for query, _ in TURNED_AWAY)
