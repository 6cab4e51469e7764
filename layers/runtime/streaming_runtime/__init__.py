"""Response streaming for the managed Python runtimes of AWS Lambda.

The official Runtime Interface Client (awslambdaric) does everything but the streaming: this package adds that.
A handler returns Lambda's HTTP response dict; `body` may also be bytes or an iterator of bytes. What an iterator raises
after its first chunk becomes error trailers. Nothing here knows what the handler is for.
"""
