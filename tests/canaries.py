"""Canaries: unique words of one run, put where keys, prompts and answers are, and looked for where none of them may be.

A key is found raw, reversed, URL-encoded, in base64 at any of its three alignments, and by any eight characters of its
random part: a mask that shows less hides enough. Text is found whole, in the same forms.
"""

import base64
import secrets
import string
from collections.abc import Iterable
from urllib.parse import quote

WINDOW, RANDOM = 8, 48
# Eight of these are no accident, as eight hexadecimal digits may be. No x: the simulated models take 0x7 for a sum.
LETTERS = (string.ascii_letters + string.digits).translate({ord(letter): None for letter in "xX"})
ROLE_SECRETS = ("fake-secret-of-", "fake-session-token-of-")  # what every role of embedded AWS has begins so


def canary(name: str) -> str:
    """A new one; it begins with its name."""
    return name + "".join(secrets.choice(LETTERS) for _ in range(RANDOM))


KEY, PROMPT, SAID = map(canary, ("sk-fake-", "prompt", "answer"))


def random_part(canary: str) -> str:
    return canary[-RANDOM:]


def forms(text: str) -> set[str]:
    """Each way in which a whole text may stand somewhere."""
    raw = text.encode()
    in_base64 = (base64.b64encode(b"-" * shift + raw).decode()[4:-4] for shift in range(3))
    return {text, text[::-1], quote(text, safe=""), *in_base64}


def windows(random: str) -> set[str]:
    return {random[start : start + WINDOW] for start in range(len(random) - WINDOW + 1)}


def traces(text: str, canary: str) -> list[str]:
    """Every form of the canary that stands in the text; any piece of its random part counts."""
    random = random_part(canary)
    return sorted(form for form in windows(random) | forms(random) if form in text)


def leaks(text: str, words: Iterable[str] = (KEY, PROMPT, SAID)) -> list[str]:
    """Canaries of this run and secrets of roles that stand in the text, in any form."""
    whole = {form for secret in ROLE_SECRETS for form in forms(secret) if form in text}
    return sorted({trace for word in words for trace in traces(text, word)} | whole)
