import pytest

from sluice.domain.errors import InvalidRequest, ModelNotFound
from sluice.surfaces.cloudflare import Api, Cloudflare

PROVIDERS = {
    "openai": Api("openai"),
    "azure-east": Api("azure"),
    "azure-west": Api("azure"),
    "bedrock": Api("bedrock"),
    "gemini": Api("compatible", "gemini"),
    "x": Api("compatible", "xai"),
    "own": Api("compatible"),
}
CLOUDFLARE = Cloudflare(PROVIDERS, {"mini", "grok/fast"}, (), "/v1/acct/gw")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("openai", "openai"),
        ("azure-openai", "azure-east"),
        ("aws-bedrock", "bedrock"),
        ("google-ai-studio", "gemini"),
        ("grok", "x"),
        ("xai", "x"),
        ("own", "own"),
        ("azure-west", "azure-west"),
    ],
)
def test_a_provider_has_its_own_name_and_the_one_that_cloudflare_gives_it(theirs: str, ours: str) -> None:
    assert CLOUDFLARE.provider(theirs) == ours
    assert CLOUDFLARE.model(f"{theirs}/some/model") == f"{ours}/some/model"


def test_a_configured_name_wins_over_what_cloudflare_means_by_it() -> None:
    cloudflare = Cloudflare({"first": Api("compatible", "groq"), "groq": Api("openai")})

    assert cloudflare.provider("groq") == "groq"
    assert cloudflare.model("groq/m") == "groq/m"


@pytest.mark.parametrize("name", ["anthropic", "workers-ai", "", "OpenAI ", "mini"])
def test_a_provider_that_is_not_there_is_refused_and_the_known_ones_are_named(name: str) -> None:
    with pytest.raises(ModelNotFound, match="known: .*aws-bedrock.*google-ai-studio") as refused:
        CLOUDFLARE.provider(name)

    assert refused.value.param == "provider"
    assert "mistral" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mini", "mini"),
        ("dynamic/mini", "mini"),
        ("grok/fast", "grok/fast"),  # a route
        ("grok/slow", "x/slow"),
        ("anthropic/claude", "anthropic/claude"),  # nobody's: the routing refuses it
        ("aws-bedrock/", "aws-bedrock/"),
        ("aws-bedrock", "aws-bedrock"),
    ],
)
def test_a_model_keeps_its_own_name_under_its_providers(text: str, meant: str) -> None:
    assert CLOUDFLARE.model(text) == meant


def test_another_gateway_than_the_configured_one_is_refused() -> None:
    CLOUDFLARE.check({"cf-aig-gateway-id": "gw"})
    CLOUDFLARE.check({})
    Cloudflare().check({"cf-aig-gateway-id": "any"})

    with pytest.raises(InvalidRequest, match="this gateway is gw"):
        CLOUDFLARE.check({"cf-aig-gateway-id": "other"})


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("/", True),
        ("/v1/acct/gw", True),
        ("/v1/acct/gw/", True),
        ("/v1/acct/gw/openai/responses", True),
        ("/v1/acct/gw2/openai/responses", False),
        ("/v1/responses", False),
        ("/compat/chat/completions", False),
    ],
)
def test_paths_that_only_their_programs_take_are_known(path: str, theirs: bool) -> None:
    assert CLOUDFLARE.is_theirs(path) is theirs
    assert Cloudflare().is_theirs(path) is (path == "/")
