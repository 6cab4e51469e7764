"""Patterns of policies, in which `*` stands for any text."""


def fits(text: str, pattern: str) -> bool:
    """Whether all of the text is what the pattern says, in the same case; `*` is any text, slashes and none included.

    No regular expression, and nothing is tried twice: each part between two stars is taken where it stands first, so
    that what follows has the most room.
    """
    if "*" not in pattern:
        return text == pattern
    first, *middle, last = pattern.split("*")
    place, end = len(first), len(text) - len(last)
    if end < place or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def fits_any(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fits(text, pattern) for pattern in patterns)
