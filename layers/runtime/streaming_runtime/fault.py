"""What is said of an exception: to Lambda and the caller in trailers, to the log in fields.

Callers can see trailers, so they hold class and message only; where it happened is for the log.
"""

import json
from string import ascii_letters

MAX_MESSAGE_CHARACTERS = 1024
MAX_STACK_LINES = 20


def error_type(error: Exception) -> str:
    """`Function.<Name>` as Lambda accepts it: at least two letters, nothing else, a capital first."""
    letters = "".join(letter for letter in type(error).__name__ if letter in ascii_letters)
    return f"Function.{letters[0].upper()}{letters[1:]}" if len(letters) > 1 else "Function.Unknown"


def error_body(error: Exception) -> bytes:
    """Class and message as JSON, under the names awslambdaric uses."""
    return json.dumps({"errorType": type(error).__name__, "errorMessage": message(error)}).encode()


def message(error: Exception) -> str:
    try:
        return str(error)[:MAX_MESSAGE_CHARACTERS]
    except Exception:  # a __str__ that fails must not take the runtime with it
        return ""


def log_fields(error: Exception) -> dict[str, object]:
    """Class, message and the innermost places passed, without reading source files as `traceback` does."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return {"errorType": type(error).__name__, "errorMessage": message(error), "stackTrace": places[-MAX_STACK_LINES:]}
