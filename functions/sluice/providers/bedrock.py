"""Amazon Bedrock's runtime: one signed POST per call.

Its own surface passes through, frames and all; Anthropic's goes to Claude by InvokeModel; chat and Responses are
translated into Converse, or pass to Bedrock's OpenAI-compatible endpoint where the target says `api = "openai"`.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import InvalidRequest, UpstreamError, UpstreamRefused
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
from sluice.providers import bedrock_plans, openai
from sluice.providers.gathering import Gathered
from sluice.providers.plan import Plan
from sluice.providers.posting import HEADERS, error_object, key_refused, post
from sluice.providers.upstream import Answered, Upstream
from sluice.providers.watch import Watch
from sluice.settings import ProviderSettings
from sluice.translation import bedrock_errors

OPENAI_API = "openai"
OPENAI_PATH = "/openai/v1/"
PASSED_HEADERS = ("retry-after",)  # the function URL has an x-amzn-requestid of its own
PASSED_PREFIX = "x-amzn-bedrock-"
ERROR_TYPE = "x-amzn-errortype"
OUR_FAULT = "provider_authentication_error"
NOT_OURS = "Bedrock refused the function's credentials; look at its role and its clock"
DENIED = "Bedrock does not allow this to the gateway's role; look at the role's policy and the account's model access"
OUR_ROLE = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::")  # AWS says who was denied: our account, role and session

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
        make = openai.translated_plan if request.operation is MESSAGES else openai.plan
        made = make(self.settings, target, request)
        return bedrock_plans.moved(made, OPENAI_PATH + made.path)

    def open(self, plan: Plan, key: str | None, watch: Watch) -> Answered:  # noqa: ARG002 signed, without a key
        if plan.is_gathered:
            return Gathered.of(plan.payloads, lambda payload: self._post(plan, payload, watch))
        return self._post(plan, plan.payloads[0], watch)

    def _post(self, plan: Plan, payload: bytes, watch: Watch) -> Upstream:
        url = f"{self.settings.base_url}{plan.path}"
        headers = self.sign(url, payload, {**HEADERS, **plan.headers})
        refuse = openai_refusal if plan.path.startswith(OPENAI_PATH) else refusal
        return post(self.client, httpx.URL(url), payload, headers, watch, refuse)

    def passed(self, headers: Mapping[str, str]) -> dict[str, str]:
        return passed_headers(headers)

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-amzn-requestid")


def passed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in PASSED_HEADERS or name.startswith(PASSED_PREFIX)}


def openai_refusal(upstream: Upstream, body: bytes) -> UpstreamError:
    """Of the endpoint that speaks OpenAI's dialect; who signs wrongly is told in AWS's."""
    is_ours = upstream.status in (401, 403) and "error" not in error_object(body)
    return refusal(upstream, body) if is_ours or names_role(body) else openai.refusal(upstream, body, None)


def names_role(body: bytes) -> bool:
    """Whether an error tells who was denied, which is for the operator only."""
    return OUR_ROLE.search(body.decode("utf-8", "replace")) is not None


def refusal(upstream: Upstream, body: bytes) -> UpstreamError:
    """What an answer of 4xx or 5xx means: its exception's name decides."""
    value = error_object(body)
    name = bedrock_errors.name(upstream.headers.get(ERROR_TYPE), value)
    message = bedrock_errors.message(value)
    meaning = bedrock_errors.meaning(name, message, upstream.status)
    if meaning.code == OUR_FAULT:
        return key_refused(NOT_OURS)
    words = DENIED if names_role(body) else message or f"Bedrock answered {upstream.status}"
    error = UpstreamRefused(words, headers=_refused_headers(upstream))
    if meaning.is_final:
        error.headers["x-should-retry"] = "false"
    error.status, error.dialect = meaning.status, "bedrock"
    error.body = body if value and not names_role(body) else None
    error.type, error.code, error.param = meaning.type, meaning.code or error.code, meaning.param
    error.told = {"message": error.message, "type": meaning.type, "param": meaning.param, "code": meaning.code}
    return error


def _refused_headers(upstream: Upstream) -> dict[str, str]:
    shown = passed_headers(upstream.headers)
    return shown | {name: upstream.headers[name] for name in (ERROR_TYPE,) if name in upstream.headers}
