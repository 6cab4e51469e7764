"""The credentials endpoint of a container, as ECS gives it to what runs in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.clients.loopback import serving
from tests.clients.place import ROLE


@dataclass(slots=True)
class Container:
    """`asked` is how often somebody wanted credentials; each set lives `seconds`."""

    seconds: int
    asked: int = 0
    url: str = ""

    def answer(self, _path: str, _body: bytes) -> tuple[str, bytes]:
        self.asked += 1
        expires = datetime.now(UTC) + timedelta(seconds=self.seconds)
        document = {
            "AccessKeyId": ROLE.access_key_id,
            "SecretAccessKey": ROLE.secret_access_key,
            "Token": ROLE.session_token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return "application/json", json.dumps(document).encode()


@contextmanager
def credentials_of_a_container(seconds: int) -> Iterator[Container]:
    container = Container(seconds)
    with serving(container.answer) as url:
        container.url = f"{url}/credentials"
        yield container
