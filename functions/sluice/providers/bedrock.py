"""Amazon Bedrock's runtime: one signed POST per call.

Its own surface passes through, frames and all; Anthropic's goes to Claude by InvokeModel; chat and Responses are
translated into Converse, or pass to Bedrock's OpenAI-compatible endpoint where the target says `api = "openai"`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import httpx

from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest
from sluice.domain.operation import (
    CHAT,
    CONVERSE,
    CONVERSE_STREAM,
    COUNT_MESSAGES,
    COUNT_TOKENS,
    EMBEDDINGS,
    INVOKE,
    INVOKE_STREAM,
    MESSAGES,
    PROMPT,
    RESPONSES,
)
from sluice.provider_settings import ProviderSettings
from sluice.providers import bedrock_plans, bedrock_refusal, guardrail, openai
from sluice.providers.gathering import Gathered
from sluice.providers.plan import Plan
from sluice.providers.posting import HEADERS, Refuse, post
from sluice.providers.upstream import Answered, Upstream
from sluice.providers.watch import Watch

OPENAI_API = "openai"
OPENAI_PATH = "/openai/v1/"

Sign = Callable[[str, bytes, Mapping[str, str]], dict[str, str]]
Planned = Callable[[Target, ModelRequest], Plan]

PLANS: dict[str, Planned] = {
    CHAT.path: bedrock_plans.converse,
    RESPONSES.path: bedrock_plans.converse,
    EMBEDDINGS.path: bedrock_plans.embeddings,
    MESSAGES.path: bedrock_plans.messages,
    COUNT_MESSAGES.path: bedrock_plans.count_messages,
    CONVERSE.path: bedrock_plans.native,
    CONVERSE_STREAM.path: bedrock_plans.native,
    INVOKE.path: bedrock_plans.native,
    INVOKE_STREAM.path: bedrock_plans.native,
    COUNT_TOKENS.path: bedrock_plans.native,
    PROMPT.path: bedrock_plans.prompt,
}


@dataclass(frozen=True, slots=True)
class Bedrock:
    """One configured provider of this kind. `sign` gives a request's headers with the function's signature."""

    settings: ProviderSettings
    client: httpx.Client
    sign: Sign

    def plan(self, target: Target, request: ModelRequest) -> Plan:
        path = request.operation.path
        if path not in PLANS:
            words = f"the provider {self.settings.name} does not serve {path}; it serves {', '.join(sorted(PLANS))}"
            raise InvalidRequest(words, param="model")
        if target.api == OPENAI_API and path in (CHAT.path, RESPONSES.path, MESSAGES.path):
            return self._openai(target, request)
        return PLANS[path](target, request)

    def _openai(self, target: Target, request: ModelRequest) -> Plan:
        openai.check_stored(self.settings, request)
        found = guardrail.config(request)
        make = openai.translated_plan if request.operation is MESSAGES else openai.plan
        made = make(self.settings, target, bedrock_plans.without_guardrail(request))
        return replace(made, path=OPENAI_PATH + made.path, headers=guardrail.headers(found or {}))

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Answered:  # noqa: ARG002 signed, without a key
        if plan.is_gathered:
            return Gathered.of(plan.payloads, lambda payload: self._post(plan, payload, watch))
        return self._post(plan, plan.payloads[0], watch)

    def _post(self, plan: Plan, payload: bytes, watch: Watch) -> Upstream:
        url = f"{self.settings.base_url}{plan.path}"
        headers = self.sign(url, payload, {**HEADERS, **plan.headers})
        return post(self.client, httpx.URL(url), payload, headers, watch, _refuse(plan))

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return bedrock_refusal.passed_headers(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-amzn-requestid")


def _refuse(plan: Plan) -> Refuse:
    if plan.path.startswith(OPENAI_PATH):
        return bedrock_refusal.openai_refusal
    return bedrock_refusal.refusal if plan.translation else bedrock_refusal.native_refusal
