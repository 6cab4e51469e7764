"""Where the programs call: the dev stack, a role's temporary credentials, a provider that waits for each word."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.provider import Asked, Gate, provider
from tests.e2e.rig import Rig, compatible, rig, toml
from tests.fakes.raw_provider import Peer

from sluice_devstack.sigv4 import Identity

ROLE = Identity(
    access_key_id="ASIAEXAMPLEOFAROLE00",
    secret_access_key="fake-secret-access-key-of-a-role",
    user_arn="arn:aws:sts::123456789012:assumed-role/Developers/ada",
    user_id="AROAEXAMPLEOFAROLE00:ada",
    session_token="fake/session+token==of-a-role",
)
MODEL = "small"
SIMULATED = "openai/gpt-4o-mini"
WORDS = ("one ", "two ", "three")
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}


def event(choice: dict[str, Any]) -> bytes:
    return (
        b"data: " + json.dumps({**HEAD, "choices": [{"index": 0, "finish_reason": None, **choice}]}).encode() + b"\n\n"
    )


STOP = event({"delta": {}, "finish_reason": "stop"})
WHOLE = {
    **HEAD,
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
}


@dataclass(slots=True)
class Place:
    """A running gateway. The provider sends word after word; where a call is `watched`, each when its gate is opened."""

    site: Rig
    _gate: Gate | None = None

    @contextmanager
    def watched(self) -> Iterator[Gate]:
        """Calls that begin inside wait after each word; a call that goes wrong keeps its gate, and no other's."""
        self._gate = gate = Gate()
        try:
            yield gate
        finally:
            self._gate = None

    @property
    def variables(self) -> dict[str, str]:
        """What a user exports."""
        return {
            "SLUICE_URL": self.site.stack.url,
            "AWS_REGION": self.site.stack.region,
            "AWS_ACCESS_KEY_ID": ROLE.access_key_id,
            "AWS_SECRET_ACCESS_KEY": ROLE.secret_access_key,
            "AWS_SESSION_TOKEN": str(ROLE.session_token),
        }

    def answer(self, peer: Peer, asked: Asked) -> None:
        if not asked.body.get("stream"):
            body = json.dumps(WHOLE).encode()
            return peer.send(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
        peer.head()
        gate = self._gate
        for word in WORDS:
            peer.chunk(event({"delta": {"content": word}}))
            if gate:
                gate.wait()
        peer.chunk(STOP + b"data: [DONE]\n\n")
        return peer.end()


@contextmanager
def place(folder: Path, target: str = f"test/{MODEL}", **options: Any) -> Iterator[Place]:
    """The programs' model is `target`; `options` are fields of StackOptions."""
    with provider() as upstream:
        providers = {"test": compatible(upstream.url), "openai": {"kind": "openai", "secret": "sluice/openai"}}
        config = folder / "routes.toml"
        config.write_text(f'{toml(providers)}[routes]\n"gpt-4o-mini" = "{target}"\n', encoding="utf-8")
        with rig(folder, {}, config=config, identities=[ROLE], **options) as site:
            running = Place(site)
            upstream.play(MODEL, running.answer)
            yield running
