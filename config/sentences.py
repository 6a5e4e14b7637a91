"""What pydantic finds, as a sentence for whoever wrote the value."""

from pydantic_core import ErrorDetails

from config.document import Loc
from config.suggest import named

_TAKES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def sentence(details: ErrorDetails, loc: Loc, shown: object) -> str:
    """Return pydantic's kind of error as a sentence for whoever wrote `shown`."""
    kind = details["type"]
    key = next((step for step in reversed(loc) if isinstance(step, str)), "")
    subject = named(key) if loc and loc[-1] == key else f"an item of {named(key)}"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind in {"too_short", "string_too_short"}:
        needs = "needs at least one entry" if kind == "too_short" else "needs some text"
        return f"{subject} is empty; it {needs}"
    if kind == "greater_than_equal":
        return f"{subject} cannot be less than {details['ctx']['ge']}, and {named(shown)} is"
    takes = f"{subject} takes {_TAKES.get(kind, 'another kind of value')}"
    scalar = not isinstance(shown, (dict, list))
    if kind == "string_type" and scalar:
        return f"{takes}, and YAML does not read {named(shown)} as text: put it in quotes"
    if kind == "tuple_type" and scalar:
        return f"{takes}; put it in brackets: {named(f'[{shown}]')}"
    return f"{takes}, not {named(shown)}"
