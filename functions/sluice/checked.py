"""Tables of a configuration: which keys there are, what each accepts, and the words for what is wrong."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sluice.domain.errors import Misconfigured


class Key(NamedTuple):
    """One configuration key: what it accepts (in words), the check, and its default."""

    wants: str
    accepts: Callable[[Any], bool]
    default: Any = None


def is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 900


def is_heartbeat(value: object) -> bool:
    return (value == 0 and not isinstance(value, bool)) or is_seconds(value)


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_span(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def is_switch(value: object) -> bool:
    return isinstance(value, bool)


def is_table(value: object) -> bool:
    return isinstance(value, dict)


def is_list(value: object) -> bool:
    return isinstance(value, list)


def is_names(value: object) -> bool:
    return isinstance(value, list) and all(is_text(item) for item in value)


def is_texts(value: object) -> bool:
    """One text, or several; a list of none is a mistake where none would mean all."""
    return is_text(value) or (is_names(value) and bool(value))


def is_whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_one_of(names: Iterable[str]) -> Callable[[object], bool]:
    known = tuple(names)
    return lambda value: isinstance(value, str) and value in known


def named(names: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    *most, last = (f'"{name}"' for name in names)
    return f"{', '.join(most)} or {last}" if most else last


def texts(value: str | list[str] | None) -> tuple[str, ...]:
    """What `is_texts` accepts, as a tuple; nothing of None."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def checked(table: object, keys: Mapping[str, Key], where: str) -> dict[str, Any]:
    """The table with defaults filled in, each key known and each value accepted."""
    if not isinstance(table, dict):
        raise Misconfigured(f"[{where}] is {type(table).__name__}, want a table")
    for name, value in table.items():
        if name not in keys:
            raise Misconfigured(f"unknown key {dotted(where, name)}{nearest(name, keys)}")
        if not keys[name].accepts(value):
            raise Misconfigured(f"{dotted(where, name)} = {value!r}: want {keys[name].wants}")
    return {name: table.get(name, key.default) for name, key in keys.items()}


def dotted(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def nearest(name: str, names: Mapping[str, object]) -> str:
    import difflib  # only a refused configuration pays for it

    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(names))}"
