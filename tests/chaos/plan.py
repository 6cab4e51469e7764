"""What each call of a run is: its number and the seed decide it, so that every process knows it without being told."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

ACCOUNT = "123456789012"
ROLES = ("agents", "batch", "tight", "hot")
MODELS = 64  # so many that no breaker opens on the few failures of each
INPUT_PRICE, OUTPUT_PRICE = 1_000, 4_000  # nano-dollars a token: 1 and 4 dollars a million
MAX_OUTPUT_TOKENS = 64
DEADLINE_MS = 15_000
MEAN_COST = 250_000  # nano-dollars of a call, its lost ones at their bound
ENOUGH = 0.7  # of what calls will cost, for the budgets that are to run out
TEAM = "chaos"


class Script(StrEnum):
    """What the provider does with a call."""

    STREAM = "stream"
    ANSWER = "answer"  # whole, not streamed
    BUSY = "busy"  # 503 at first, then a stream
    REFUSED = "refused"  # 400
    CUT = "cut"  # a stream that breaks off


SCRIPTS = {Script.STREAM: 70, Script.ANSWER: 18, Script.BUSY: 4, Script.REFUSED: 4, Script.CUT: 4}
KEYED = 0.3  # of the agents' calls: they show a virtual key
KILLED = 0.31  # of all calls; a few of them end before the signal comes
LEFT = 0.02  # whose caller hangs up after the first piece
REPEATED = 0.25  # of the killed: the same event comes again
NAMED = 0.06  # that have an Idempotency-Key: their callers ask a second time, whatever came of the first
SECOND = 1_000_000  # is added to the number of a call that is asked for a second time


@dataclass(frozen=True, slots=True)
class Plan:
    """One call. `kill_after` is the part of a call's typical time after which its process dies, None for never.

    `input_tokens` and `output_tokens` are what the provider says it used. `name` is the record's, `asked` the one that
    the provider sees, and the same both times where a call is asked for a second time.
    """

    number: int
    name: str
    asked: str
    request_id: str
    role: str
    model: str
    script: Script
    prompt: str
    input_tokens: int
    output_tokens: int
    kill_after: float | None
    is_left: bool
    is_repeated: bool
    has_key: bool
    is_named: bool

    @property
    def cost(self) -> int:
        """In nano-dollars, where the provider answers whole."""
        return self.input_tokens * INPUT_PRICE + self.output_tokens * OUTPUT_PRICE

    def event(self, key: str) -> dict[str, Any]:
        """As the function URL hands it to the function; `key` is the run's virtual key."""
        body = {
            "model": f"chaos/{self.model}",
            "messages": [{"role": "user", "content": self.prompt}],
            "stream": self.script is not Script.ANSWER,
            "max_tokens": MAX_OUTPUT_TOKENS,
            "user": self.asked,
        }
        return {
            "version": "2.0",
            "rawPath": "/v1/chat/completions",
            "headers": {
                "content-type": "application/json",
                "x-sluice-metadata": json.dumps({"call": self.name}),
                **({"x-sluice-key": key} if self.has_key else {}),
                **({"idempotency-key": self.asked} if self.is_named else {}),
            },
            "requestContext": {
                "http": {"method": "POST", "path": "/v1/chat/completions"},
                "authorizer": {"iam": {"userArn": arn(self.role), "accountId": ACCOUNT}},
                "stage": "$default",
            },
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }


class Context:
    """What Lambda hands the handler."""

    def __init__(self, plan: Plan) -> None:
        self.aws_request_id = plan.request_id

    def get_remaining_time_in_millis(self) -> int:
        return DEADLINE_MS


def arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{role}"


def plans(seed: int, numbers: Iterable[int]) -> Iterator[Plan]:
    """These calls in their order, and behind those with an Idempotency-Key the same ones again."""
    for one in numbers:
        first = plan(seed, one)
        yield first
        if first.is_named:
            yield plan(seed, one + SECOND)


def plan(seed: int, number: int) -> Plan:
    """The call of this number in the run of this seed. Negative numbers are calls that nothing happens to."""
    if number >= SECOND:
        first = plan(seed, number - SECOND)
        return replace(first, name=f"call-{number}", request_id=request_id(seed, number), kill_after=None)
    random = Random(f"{seed} {number}")
    is_calm = number < 0
    script = random.choices(list(SCRIPTS), weights=list(SCRIPTS.values()))[0]
    prompt = "word " * random.choice((4, 16, 64, 256))
    is_killed = random.random() < KILLED and not is_calm
    role = random.choice(ROLES)
    return Plan(
        number=number,
        name=f"call-{number}",
        asked=f"call-{number}",
        request_id=request_id(seed, number),
        role=role,
        model=random.choice(models()),
        script=script,
        prompt=prompt,
        input_tokens=random.randint(1, len(prompt) // 4),
        output_tokens=random.randint(1, MAX_OUTPUT_TOKENS),
        kill_after=random.uniform(0, 1.1) if is_killed else None,
        is_left=random.random() < LEFT and not is_calm,
        is_repeated=random.random() < REPEATED,
        has_key=random.random() < KEYED and role == "agents",
        is_named=random.random() < NAMED,
    )


def request_id(seed: int, number: int) -> str:
    """As Lambda's: a UUID."""
    digits = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def number(name: str) -> int:
    return int(name.removeprefix("call-"))


def models() -> list[str]:
    return [f"m{number}" for number in range(MODELS)]


def virtual_key(seed: int) -> Callable[[int], bytes]:
    """The random bytes of the run's virtual key."""
    return Random(f"{seed} key").randbytes


def configuration(provider_url: str, calls: int) -> str:
    """gateway.toml of the run."""
    price = f'input = "{INPUT_PRICE / 1000}", output = "{OUTPUT_PRICE / 1000}"'
    return f"""\
[providers.chaos]
kind = "compatible"
base_url = "{provider_url}"
models = {json.dumps(models())}
prices = {{ {", ".join(f"{model} = {{ {price} }}" for model in models())} }}

{policies(calls)}"""


def policies(calls: int) -> str:
    """Every kind of budget, of which those of one role run out on the way.

    The calls of `hot` are in one budget alone, which then lists those that are open.
    """
    scarce = calls * MEAN_COST * ENOUGH / len(ROLES)
    return f"""\
[[policies]]
name = "all"
who = ["{arn("agents")}", "{arn("batch")}", "{arn("tight")}"]
[[policies.budget]]
usd = "{dollars(calls * MEAN_COST * 4)}"
window = "total"
per = "all"
overshoot = "50%"
hot = true

[[policies]]
name = "agents"
who = "{arn("agents")}"
rate = {{ requests_per_minute = 1000000, tokens_per_minute = 1000000000, concurrent = 1000 }}
[[policies.budget]]
usd = "{dollars(scarce * (1 - KEYED))}"
window = "month"
estimate = "strict"
[[policies.budget]]
usd = "{dollars(calls * MEAN_COST * 2)}"
window = "day"
per = "tag:team"
overshoot = "10%"

[[policies]]
name = "batch"
who = "{arn("batch")}"
[[policies.budget]]
usd = "{dollars(scarce)}"
window = "week"
overshoot = "25%"

[[policies]]
name = "tight"
who = "{arn("tight")}"
[[policies.budget]]
usd = "{dollars(scarce)}"
window = "total"
estimate = "strict"

[[policies]]
name = "hot"
who = "{arn("hot")}"
[[policies.budget]]
usd = "{dollars(scarce)}"
window = "day"
estimate = "strict"
hot = true
"""


def dollars(nano: float) -> str:
    return f"{int(nano) // 10**9}.{int(nano) % 10**9:09}"
