"""Started as a process of its own: loads the gateway, makes one call, and prints the modules that only the call loaded."""

import json
import sys

import gateway


class Context:
    """What Lambda hands the handler."""

    aws_request_id = "11111111-2222-4333-8444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


loaded = set(sys.modules)
event = json.loads(sys.argv[1])
answer = gateway.handler(event, Context())
pieces = list(answer["body"])
answer["body"].close()
print(
    json.dumps({"status": answer["statusCode"], "pieces": len(pieces), "late": sorted(set(sys.modules) - loaded)}),
    file=sys.stderr,
)
