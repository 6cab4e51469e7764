"""The suite in several processes (pytest-xdist), as `make test` runs it: each file in one of them.

Every process has to find the same tests by the same names, so nothing that is random in each may be in a name.

tests/conftest.py makes this plugin known.
"""

import re

from tests.canaries import KEY, PROMPT, RANDOM, SAID

CANARY = re.compile(rf"(sk-fake-|prompt|answer)[A-Za-z0-9]{{{RANDOM}}}")
PIECE = 7  # characters that no text shares with a canary by accident


def pytest_make_parametrize_id(val: object) -> str | None:
    """A text with a canary, or with a piece of one, is named by what it is."""
    if not isinstance(val, str):
        return None
    text = CANARY.sub(r"<\1>", val)
    if has_piece(text):
        return "<a piece of a canary>"
    return None if text == val else text.encode("unicode_escape").decode("ascii")


def has_piece(text: str) -> bool:
    random = (canary[-RANDOM:] for canary in (KEY, PROMPT, SAID))
    return any(one[start : start + PIECE] in text for one in random for start in range(RANDOM - PIECE + 1))
