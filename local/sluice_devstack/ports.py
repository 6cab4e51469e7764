"""The ports that `sluice dev` gives its parts, so that a file can name them: events/env.json does, for `sam local`."""

import socket

AWS_PORT = 8788
PROVIDER_PORT = 8789
BEDROCK_PORT = 8791  # 8790 is that of a `sluice proxy`


def available(port: int) -> int:
    """The port, or 0 (any free one) where it is taken."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return 0
    return port
