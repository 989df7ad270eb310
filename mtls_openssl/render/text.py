"""Text for a terminal."""

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Show control characters, and those that turn the writing direction, as escapes."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def plural(number: int, word: str) -> str:
    """Give "1 step", "2 steps"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
