"""Text with the addresses taken out, for readers who have to see its shape and not its recipients.

It takes out too much rather than too little: in doubt a word around an @ is an address. It does not recognise names.
"""

import json
import re
from typing import Any, Final

from app.domain.message.address import masked

REDACTED: Final = "[redacted]"

# In two steps: one expression for both would begin anew at each character of a word that holds no @.
_WORD: Final = re.compile(r"[^\s<>\"'(),;]+")
_AT_WITHIN: Final = re.compile(r".(?:@|%40).")
_ESCAPED_AT: Final = re.compile(r"\\+u0040")


def without_addresses(text: str) -> str:
    """`text` without addresses; JSON is read first, written again and indented, so that no escape hides one."""
    try:
        return json.dumps(_in_value(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return _in_text(text)


def with_masked_addresses(text: str) -> str:
    """`text` with each address masked, for readers who have to tell one recipient from another: `k•••@example.net`."""
    return _WORD.sub(_masked_word, text) if _AT_WITHIN.search(text) else text


def _in_value(value: Any) -> Any:
    match value:
        case str():
            return _in_text(value)
        case list():
            return [_in_value(item) for item in value]
        case dict():
            return {_in_value(name): _in_value(item) for name, item in value.items()}
        case _:
            return value


def _in_text(text: str) -> str:
    return _WORD.sub(_in_word, _ESCAPED_AT.sub("@", text))


def _in_word(word: re.Match[str]) -> str:
    return REDACTED if _AT_WITHIN.search(word[0]) else word[0]


def _masked_word(word: re.Match[str]) -> str:
    return masked(word[0].replace("%40", "@")) if _AT_WITHIN.search(word[0]) else word[0]
