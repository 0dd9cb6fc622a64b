"""Which series a PromQL expression asks for."""

import re

_TOKEN = re.compile(r"""
    \#[^\n]*                                    # a comment
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>\d[\w.]*)                        # durations too
  | (?P<name>[A-Za-z_][\w:]*)
  | (?P<sign>\S)
""", re.VERBOSE)

# Names that take a list of labels.
_WITH_LABELS = {"by", "without", "on", "ignoring", "group_left",
                "group_right"}
_AGGREGATORS = {"sum", "min", "max", "avg", "count", "topk", "bottomk",
                "quantile", "stddev", "stdvar", "count_values", "group"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2"}


def selectors(expression):
    """The selectors, `name` or `name{...}`, in order, each once.

    ValueError: one has no name, which no test could look for."""
    found = []
    tokens = [(m.lastgroup, m.group()) for m in _TOKEN.finditer(expression)
              if m.lastgroup]
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if text == "{":
            raise ValueError(f"a selector without a name: {expression}")
        if kind != "name" or text.lower() in _WORDS:
            continue
        if text.lower() in _WITH_LABELS:
            if following == "(":
                at = _behind(tokens, at, ")")
            continue
        if following == "(" or text.lower() in _AGGREGATORS:
            continue
        if following == "{":
            end = _behind(tokens, at, "}")
            text += "".join(token for _, token in tokens[at:end])
            at = end
        if text not in found:
            found.append(text)
    return found


def metrics(expression):
    """The names of its selectors, each once."""
    return list(dict.fromkeys(
        s.partition("{")[0] for s in selectors(expression)))


def _behind(tokens, at, end):
    """The place behind the next token `end`."""
    while tokens[at][1] != end:
        at += 1
    return at + 1
