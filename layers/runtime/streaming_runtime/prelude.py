"""The JSON object ahead of the body: status, headers and cookies, in a form that Lambda's front end can turn into HTTP.

Header names that are no tokens are left out, as are those that the front end sets itself. Values keep to one line
(RFC 9110 section 5.5 replaces CR, LF and NUL with a space) and to ISO-8859-1.
"""

import json
from collections.abc import Iterable, Mapping

MAX_BYTES = 16 * 1024  # with the delimiter; API Gateway says so, for function URLs no number is documented

FORBIDDEN = frozenset({
    "connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-connection", "server",
    "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
CONTROLS_TO_SPACE = dict.fromkeys([*range(9), *range(10, 32), 127], " ")


def prelude(status: object, headers: object, cookies: object) -> bytes:
    """The prelude of a response dict's `statusCode`, `headers` and `cookies`."""
    return json.dumps(
        {"statusCode": status_code(status), "headers": header_fields(headers), "cookies": cookie_values(cookies)}
    ).encode()


def status_code(value: object) -> int:
    """The status as a plain int: frameworks return HTTPStatus members, or digits."""
    try:
        status = int(value) if isinstance(value, (int, str)) else 0
    except ValueError:
        status = 0
    if not 200 <= status <= 599:
        raise ValueError(f"statusCode {value!r} is not a final HTTP status; expected 200 to 599")
    return status


def header_fields(headers: object) -> dict[str, str]:
    if headers is not None and not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a dict, not {type(headers).__name__}")
    return {
        str(name): field_value(value)
        for name, value in (headers or {}).items()
        if value is not None and is_allowed(str(name))
    }


def is_allowed(name: str) -> bool:
    return name != "" and TOKEN.issuperset(name) and name.lower() not in FORBIDDEN


def cookie_values(cookies: object) -> list[str]:
    if cookies is None or isinstance(cookies, str):
        return [field_value(cookies)] if cookies else []
    if not isinstance(cookies, Iterable):
        raise TypeError(f"cookies must be a list of str, not {type(cookies).__name__}")
    return [field_value(cookie) for cookie in cookies]


def field_value(value: object) -> str:
    """One line of ISO-8859-1; several values become one, separated by commas (RFC 9110 section 5.3)."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return text.translate(CONTROLS_TO_SPACE).encode("latin-1", "replace").decode("latin-1")
