"""Bedrock's ApplyGuardrail: what a guardrail says of a prompt, before any provider gets it.

Strategy: texts go together, as many as a request may hold; a longer one is cut where a word ends. Where something is to
be masked and it is not clear which text an answer is for, each text is asked for alone. A guardrail that blocks has
nothing to be masked. Requests come one after the other, within the seconds that the caller gives, and none is repeated,
but once where the connection broke.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from math import inf
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from sluice.domain.errors import Unavailable, UpstreamError, UpstreamLost
from sluice.domain.timeouts import Timeouts
from sluice.providers.bedrock_refusal import refusal
from sluice.providers.posting import HEADERS, encoded, post
from sluice.providers.signature import Signer
from sluice.providers.watch import Watch

REQUEST_SECONDS = 2.0  # for one request, from the connection to the end of the answer
CHARACTERS = 25_000  # of one request: 25 text units, the least that any region takes at once
ANSWER_BYTES = 1024 * 1024
ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):[0-9]*:guardrail")
INTERVENED, NONE = "GUARDRAIL_INTERVENED", "NONE"
BLOCKED = '"BLOCKED"'  # as the action of any assessment


class Judged(NamedTuple):
    """What a guardrail says. `masked` has each text as it may leave, in their order, None where none may."""

    is_intervention: bool
    masked: tuple[str, ...] | None = None


class Piece(NamedTuple):
    """A part of a text, the whole of most. `number` is the text's place among all."""

    number: int
    text: str


class Answer(NamedTuple):
    is_intervention: bool
    blocks: bool
    outputs: tuple[str, ...]


class ApplyGuardrail:
    """Asks in the function's name. `region` is where a guardrail is that is named by its id alone; `urls` are Bedrock's
    runtimes by region, where they are not AWS's own.
    """

    def __init__(
        self,
        client: httpx.Client,
        credentials: Callable[[], Any],
        region: str,
        urls: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._region = region
        self._urls = urls or {}
        self._monotonic = monotonic

    def ask(
        self, guardrail: str, version: str, texts: Sequence[str], seconds: float, *, wants_masked: bool = False
    ) -> Judged:
        """Raises Unavailable where there is no answer to all of it within the seconds."""
        asked = Asked(self, guardrail, version, self._monotonic() + seconds)
        try:
            return asked.masked(texts) if wants_masked else asked.judged(texts)
        except UpstreamError as error:
            why = (error.exception or error.code).partition(":")[0]
            name = guardrail.rpartition("/")[2]
            raise Unavailable(f"the prompt was not sent: guardrail {name} did not answer ({why})") from None

    def apply(self, guardrail: str, version: str, texts: Sequence[str], until: float) -> Answer:
        """One request, twice where the connection broke. Raises UpstreamError."""
        region = _region(guardrail) or self._region
        base = self._urls.get(region) or f"https://bedrock-runtime.{region}.{_domain(region)}"
        url = f"{base}/guardrail/{quote(guardrail, safe='')}/version/{quote(version, safe='')}/apply"
        payload = encoded({"source": "INPUT", "content": [{"text": {"text": text}} for text in texts]})
        try:
            return self._post(url, payload, region, until)
        except UpstreamLost:
            return self._post(url, payload, region, until)

    def _post(self, url: str, payload: bytes, region: str, until: float) -> Answer:
        left = until - self._monotonic()
        wait = min(REQUEST_SECONDS, max(left, 0))
        watch = Watch(Timeouts(wait, wait, wait, wait), inf, self._monotonic)
        watch.left()
        headers = Signer(self._credentials, region)(url, payload, HEADERS)
        upstream = post(self._client, httpx.URL(url), payload, headers, watch, refusal)
        try:
            return _answer(upstream.read(ANSWER_BYTES))
        finally:
            upstream.close()


class Asked:
    """One question to one guardrail, in as many requests as it takes. `until` is monotonic seconds."""

    def __init__(self, service: ApplyGuardrail, guardrail: str, version: str, until: float) -> None:
        self._service = service
        self._guardrail = guardrail
        self._version = version
        self._until = until

    def judged(self, texts: Sequence[str]) -> Judged:
        """Whether it would intervene; the first time that it would is enough."""
        return Judged(any(self._apply(batch).is_intervention for batch in _batches(texts)))

    def masked(self, texts: Sequence[str]) -> Judged:
        is_intervention = False
        pieces: list[Piece] = []
        for batch in _batches(texts):
            answer = self._apply(batch)
            is_intervention = is_intervention or answer.is_intervention
            found = self._masked_batch(batch, answer) if answer.is_intervention else batch
            if found is None:
                return Judged(is_intervention=True)
            pieces += found
        grouped = groupby(pieces, key=lambda piece: piece.number)
        return Judged(is_intervention, tuple("".join(one.text for one in group) for _, group in grouped))

    def _masked_batch(self, batch: Sequence[Piece], answer: Answer) -> Sequence[Piece] | None:
        """None for what may not leave at all, or where it cannot be told what may."""
        if answer.blocks:
            return None
        if len(answer.outputs) == len(batch):
            return [Piece(piece.number, text) for piece, text in zip(batch, answer.outputs, strict=True)]
        if len(batch) == 1:
            return None
        answers = [(piece, self._apply([piece])) for piece in batch]
        if not any(one.is_intervention for _, one in answers):
            return None
        found = [self._masked_batch([piece], one) if one.is_intervention else [piece] for piece, one in answers]
        return None if None in found else [piece for one in found for piece in one or ()]

    def _apply(self, batch: Sequence[Piece]) -> Answer:
        return self._service.apply(self._guardrail, self._version, [piece.text for piece in batch], self._until)


def _answer(body: bytes) -> Answer:
    """Raises UpstreamError for what is no judgement: Bedrock tells of some failures with status 200."""
    try:
        value = json.loads(body)
        action, outputs = value["action"], tuple(str(one["text"]) for one in value.get("outputs") or ())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        action, outputs, value = "", (), {}
    if action not in (INTERVENED, NONE):
        raise UpstreamError("the guardrail's answer is no judgement")
    return Answer(action == INTERVENED, BLOCKED in json.dumps(value.get("assessments")), outputs)


def _batches(texts: Sequence[str]) -> Iterator[list[Piece]]:
    """Pieces that go together, each batch within the limit."""
    batch: list[Piece] = []
    size = 0
    for number, text in enumerate(texts):
        for piece in _pieces(text):
            if batch and size + len(piece) > CHARACTERS:
                yield batch
                batch, size = [], 0
            batch.append(Piece(number, piece))
            size += len(piece)
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[str]:
    """The text, cut behind a space where it is too long; anywhere, where it has none for long."""
    while len(text) > CHARACTERS:
        cut = max(text.rfind(space, CHARACTERS // 2, CHARACTERS) for space in " \n\t") + 1 or CHARACTERS
        yield text[:cut]
        text = text[cut:]
    yield text


def _region(guardrail: str) -> str | None:
    found = ARN.match(guardrail)
    return found[1] if found else None


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
