"""What `sluice dev` says when it is ready: where everything is, and calls to copy."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice_cli.gateway import CHAT_COMPLETIONS
from sluice_cli.terminal import Screen

PROMPT = "Hello!"
STORES = {"moto": "in memory (moto), gone at the end"}


@dataclass(frozen=True, slots=True)
class Welcome:
    """`providers` says of each where its calls go; `bedrock_model` is one for the paths of the Bedrock runtime, None
    where there is none; `program` starts the CLI again."""

    url: str
    ready_seconds: float
    store: str
    table: str
    providers: Mapping[str, str]
    model: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    env_file: Path | None
    program: str = "sluice"
    bedrock_model: str | None = None

    def text(self, screen: Screen) -> str:
        head = f"ready in {self.ready_seconds:.1f} s at {screen.paint(self.url, 'bold')}"
        calls = [call for call in (self.curl(), self.converse(), self.chat()) if call]
        return "\n\n".join([head, "\n".join(self._facts(screen)), *calls, self._end(screen)])

    def curl(self) -> str:
        """A signed call that streams; curl 7.75 or newer."""
        message = {"role": "user", "content": PROMPT}
        return self._signed(f"-N {self.url}{CHAT_COMPLETIONS}", model=self.model, stream=True, messages=[message])

    def converse(self) -> str:
        """A signed call on Bedrock's own path; empty without a model for it."""
        message = {"role": "user", "content": [{"text": PROMPT}]}
        path = f"/model/{self.bedrock_model}/converse"
        return self._signed(f"{self.url}{path}", messages=[message]) if self.bedrock_model else ""

    def _signed(self, where: str, **body: object) -> str:
        user = shlex.quote(f"{self.access_key_id}:{self.secret_access_key}")
        return (
            f"curl {where} \\\n"
            f"  --aws-sigv4 aws:amz:{self.region}:lambda --user {user} \\\n"
            f"  -H 'content-type: application/json' \\\n"
            f"  -d {shlex.quote(json.dumps(body))}"
        )

    def chat(self) -> str:
        words = [self.program, "chat"]
        if self.env_file is not None:
            words += ["--env-file", shlex.quote(str(self.env_file))]
        return " ".join([*words, "--model", shlex.quote(self.model), shlex.quote(PROMPT)])

    def _facts(self, screen: Screen) -> list[str]:
        store = STORES.get(self.store, self.store)
        facts = [("store", f"{store}, table {self.table}")]
        facts += [("provider", f"{name}: {target}") for name, target in self.providers.items()]
        return [f"{screen.paint(f'{name:9}', 'dim')} {value}" for name, value in facts]

    def _end(self, screen: Screen) -> str:
        others = f"`{self.program} connect` has programs for boto3, the SDKs of OpenAI and Anthropic, and others."
        return screen.paint(f"{others}\nOne line per call from here on; Ctrl-C ends it and prints totals.", "dim")
