"""A streamed response as bytes: HTTP/1.1 chunks behind a JSON prelude, errors in trailers. Touches no socket.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import binascii

from streaming_runtime.fault import error_body, error_type

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
DELIMITER = bytes(8)
END = b"0\r\n\r\n"

HEAD = (
    "POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\n"
    "Host: {host}\r\n"
    f"Content-Type: {CONTENT_TYPE}\r\n"
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
)
FAILED_END = b"0\r\nLambda-Runtime-Function-Error-Type: %b\r\nLambda-Runtime-Function-Error-Body: %b\r\n\r\n"


def head(host: str, request_id: str, invocation_id: str | None) -> bytes:
    """The request head. The invocation id, if there is one, keeps a late answer from reaching another caller."""
    echo = f"Lambda-Runtime-Invocation-Id: {invocation_id}\r\n" if invocation_id else ""
    return f"{HEAD.format(host=host, request_id=request_id)}{echo}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One HTTP chunk. `data` may not be empty: a chunk without bytes would end the response."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def failed_end(error: Exception) -> bytes:
    """The end of a response whose body broke: the last chunk and the trailers that say why."""
    return FAILED_END % (error_type(error).encode(), binascii.b2a_base64(error_body(error), newline=False))
