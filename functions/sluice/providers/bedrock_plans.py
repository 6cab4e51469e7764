"""What a call becomes at Bedrock: one function for each way to ask its runtime."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from sluice.codecs.dialects import dialect
from sluice.domain.call import ModelRequest, Target
from sluice.domain.errors import UnsupportedParameter, UpstreamProtocol
from sluice.domain.operation import COUNT_TOKENS, INVOKE, INVOKE_STREAM
from sluice.providers import guardrail
from sluice.providers.bedrock_refusal import failure, native_failure
from sluice.providers.plan import Plan, Translation
from sluice.providers.posting import encoded
from sluice.providers.translations import spoken
from sluice.translation.families import family
from sluice.translation.translation import Asked

BETAS = "anthropic-beta"
CONVERSE_PATHS = {False: "converse", True: "converse-stream"}
INVOKE_PATHS = {False: INVOKE.path, True: INVOKE_STREAM.path}


def path(model: str, operation: str) -> str:
    """The path of an operation on a model, its id quoted as the SDKs do."""
    return f"/model/{quote(model, safe='')}/{operation}"


def converse(target: Target, request: ModelRequest) -> Plan:
    """Any dialect that has a way into Converse."""
    found = spoken(request.operation.dialect, "converse", request.body, target.family_model)
    named = guardrail.config(request)
    body = found.body if named is None or guardrail.FIELD in found.body else {**found.body, guardrail.FIELD: named}
    warnings = tuple(name for name in found.warnings if name != guardrail.FIELD or name not in body)
    return Plan(
        path(target.model, CONVERSE_PATHS[request.is_stream]),
        (encoded(body),),
        dialect("converse"),
        found.translation,
        warnings=_with_betas(request, warnings),
        failure=failure,
    )


def native(target: Target, request: ModelRequest) -> Plan:
    """Bedrock's own words, with the headers that belong to them."""
    where = path(target.model, request.operation.path)
    read_as = dialect(request.operation.dialect)
    return Plan(where, (encoded(request.body),), read_as, headers=request.headers, failure=native_failure)


def messages(target: Target, request: ModelRequest) -> Plan:
    """Anthropic's Messages: to Claude as they are, to every other model by Converse."""
    if not family(target.family_model).speaks_messages:
        return converse(target, request)
    from sluice.translation.answers import invoke_to_messages

    body, warnings = _to_invoke(target, request)
    return Plan(
        path(target.model, INVOKE_PATHS[request.is_stream]),
        (encoded(body),),
        dialect("invoke"),
        Translation(invoke_to_messages.whole, invoke_to_messages.Stream),
        warnings=warnings,
        headers=guardrail.headers(guardrail.config(request) or {}),
        failure=failure,
    )


def count_messages(target: Target, request: ModelRequest) -> Plan:
    """CountTokens on the body that InvokeModel would get."""
    if not family(target.family_model).speaks_messages:
        words = f"tokens of Messages are counted for Claude only, not for {target.model}"
        raise UnsupportedParameter(words, param="model")
    body, warnings = _to_invoke(target, request)
    body.setdefault("max_tokens", 1)  # InvokeModel wants one; counting does not need it
    counted = {"input": {"invokeModel": {"body": _base64(encoded(body))}}}
    return Plan(
        path(target.model, COUNT_TOKENS.path),
        (encoded(counted),),
        dialect("count"),
        Translation(_counted),
        warnings=warnings,
        failure=failure,
    )


def embeddings(target: Target, request: ModelRequest) -> Plan:
    """One InvokeModel for each batch that the model takes."""
    from sluice.translation.requests import embeddings_to_invoke

    bodies, warnings = embeddings_to_invoke.requests(request.body, target.family_model)
    return Plan(
        path(target.model, INVOKE.path),
        tuple(map(encoded, bodies)),
        dialect("chat"),
        Translation(_embedded(request.body)),
        warnings=warnings,
        failure=failure,
        is_gathered=True,
    )


def prompt(target: Target, request: ModelRequest) -> Plan:
    """A quick prompt, as the body of the model's family."""
    from sluice.translation.requests import prompt_to_invoke

    made = prompt_to_invoke.request(str(request.body["prompt"]), target.family_model)
    return Plan(
        path(target.model, INVOKE_PATHS[request.is_stream]),
        (encoded(made),),
        dialect("invoke"),
        _prompted(target.model, request.body),
        headers=guardrail.headers(guardrail.config(request) or {}),
        failure=failure,
    )


def without_guardrail(request: ModelRequest) -> ModelRequest:
    """The request without what goes into headers; the caller's own body stays as it was."""
    body = {name: value for name, value in request.body.items() if name != guardrail.FIELD}
    return replace(request, body=body)


def _to_invoke(target: Target, request: ModelRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
    from sluice.translation.requests import messages_to_invoke

    body = without_guardrail(request).body
    made = messages_to_invoke.request(body, target.family_model, request.headers)
    return dict(made.body), made.warnings


def _with_betas(request: ModelRequest, warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Features that a caller of Messages switched on have no place in another dialect."""
    return (*warnings, BETAS) if request.headers.get(BETAS) else warnings


def _base64(body: bytes) -> str:
    from base64 import b64encode

    return b64encode(body).decode()


def _counted(answer: Mapping[str, Any], _asked: Asked) -> dict[str, Any]:
    tokens = answer.get("inputTokens")
    if not isinstance(tokens, int):
        raise UpstreamProtocol("the provider's answer has no count of tokens")
    return {"input_tokens": tokens}


def _embedded(body: Mapping[str, Any]) -> Any:
    def whole(gathered: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        from sluice.translation.answers import invoke_to_embeddings

        return invoke_to_embeddings.whole(gathered["answers"], gathered["tokens"], asked.of(body))

    return whole


def _prompted(model: str, body: Mapping[str, Any]) -> Translation:
    from sluice.translation.answers import invoke_to_prompt

    def whole(answer: Mapping[str, Any], _asked: Asked) -> dict[str, Any]:
        return {"modelId": model, "prompt": body["prompt"], "res": invoke_to_prompt.text(answer)}

    return Translation(whole, invoke_to_prompt.Stream)
