r"""The grammar of filters and options, as Eclipse Ditto's parser reads them.

Facts from `RqlParserBase.scala`, `RqlPredicateParser.scala` and `RqlOptionParser.scala` of
eclipse-ditto/ditto (4e3576844b). Blanks are allowed in three places only: before the whole,
after the comma between queries, and after a literal. A property runs to the next comma or
closing parenthesis and may be empty, hold blanks and opening parentheses; comma, `)`, `"`
and `\` stand in it as `\uXXXX` or, the last two, behind a backslash. Numbers have no
exponent and no leading zeros; `-0` is no number, `-0.0` is. U+FFFF ends the input there
and is no character here.
"""

from typing import Final

GRAMMAR: Final = r"""
filter: _WS? query
?query: compare | among | both | either | negation | present | void
compare: COMPARE "(" property "," value ")"
among: "in" "(" property ("," value)+ ")"
both: "and" "(" query ("," _WS? query)* ")"
either: "or" "(" query ("," _WS? query)* ")"
negation: "not" "(" query ")"
present: "exists" "(" property ")"
void: "empty" "(" property ")"

options: _WS? option ("," option)*
?option: sort | limit | cursor | size
sort: "sort" "(" sort_key ("," sort_key)* ")"
sort_key: ORDER property
limit: "limit" "(" long "," long ")"
cursor: "cursor" "(" property ")"
size: "size" "(" DIGITS ")"

property: PROPERTY?
?value: double | long | text | time | yes | no | null
double: DOUBLE _WS?
long: LONG _WS?
text: (STRING | SINGLE) _WS?
time: TIME _WS?
yes: "true" _WS?
no: "false" _WS?
null: "null" _WS?

COMPARE: "eq" | "ne" | "gt" | "ge" | "lt" | "le" | "like" | "ilike"
ORDER: "+" | "-"
DIGITS: /[0-9]+/
DOUBLE.2: /[+-]?(?:[1-9][0-9]+|[0-9])\.[0-9]+/
LONG: /(?!-0)[+-]?(?:[1-9][0-9]+|[0-9])/
STRING: /"(?:[^"\\\uFFFF]|\\(?:["\\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/
SINGLE: /'(?:[^'\\\uFFFF]|\\(?:['\\\/bfnrt]|u[0-9A-Fa-f]{4}))*'/
TIME: /time:(?:[^,)"\\\uFFFF]|\\(?:["\\\/bfnrt]|u[0-9A-Fa-f]{4}))*/
PROPERTY: /(?:[^,)"\\\uFFFF]|\\(?:["\\\/bfnrt]|u[0-9A-Fa-f]{4}))+/
_WS: /[ \n\r\t\f]+/
"""

# Names of terminals in the words of whoever reads the error.
WORDS: Final = {
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "PROPERTY": "a property",
    "ORDER": "'+' or '-'",
    "DIGITS": "a number",
    "LONG": "a whole number",
    "$END": "the end",
}
QUERY_WORDS: Final = frozenset({"COMPARE", "IN", "AND", "OR", "NOT", "EXISTS", "EMPTY"})
VALUE_WORDS: Final = frozenset({"STRING", "SINGLE", "DOUBLE", "TIME", "TRUE", "FALSE", "NULL"})
OPTION_WORDS: Final = frozenset({"SORT", "LIMIT", "CURSOR", "SIZE"})
