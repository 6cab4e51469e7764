"""The families of models on Bedrock that Converse serves, first match wins.

Tool choice, sampling, JSON and reasoning are what AWS documents or what was answered to others' live calls; a cell
that nobody knows is left to Bedrock, whose refusal reaches the caller. Sources:
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

from dataclasses import replace

from sluice.translation.family import (
    ANYTHING,
    NOTHING,
    Family,
    JsonSchema,
    Reasoning,
    Sampling,
    TopK,
)

AUTO = frozenset({"auto"})
AUTO_OR_ANY = frozenset({"auto", "any"})
EVERYWHERE = frozenset({"system", "messages", "tools"})
NOT_ON_TOOLS = frozenset({"system", "messages"})
LOW_TO_HIGH = ("low", "medium", "high")
LOW_TO_MAX = (*LOW_TO_HIGH, "xhigh", "max")

UNKNOWN = Family("unknown")

TEXT = Family("text", takes_images=False, takes_result_images=False, takes_s3=False, takes_audio=False, choices=NOTHING)
VISION = replace(TEXT, takes_images=True)
NO_TOOLS = replace(TEXT, takes_tools=False, json_schema=JsonSchema.NONE)

CLAUDE_2 = replace(NO_TOOLS, name="Claude 2 and Instant", is_claude=True, top_k=TopK.FLAT, may_start=True)
CLAUDE_3 = Family(
    "Claude 3",
    is_claude=True,
    speaks_messages=True,
    splits_calls=True,
    takes_s3=False,
    takes_audio=False,
    top_k=TopK.FLAT,
    may_start=True,
    refuses_beside_results=frozenset({"document"}),
)
CLAUDE_3_5 = replace(CLAUDE_3, name="Claude 3.5 Sonnet v2", cache_points=EVERYWHERE)
CLAUDE_3_5_HAIKU = replace(CLAUDE_3_5, name="Claude 3.5 Haiku", takes_images=False, takes_result_images=False)
CLAUDE_4 = replace(CLAUDE_3_5, name="Claude 3.7 and 4", reasoning=Reasoning.BUDGET, efforts=("minimal", *LOW_TO_MAX))
CLAUDE_4_1 = replace(CLAUDE_4, name="Claude 4.1", sampling=Sampling.EITHER)
CLAUDE_4_5 = replace(CLAUDE_4_1, name="Claude 4.5", json_schema=JsonSchema.NATIVE, caches_an_hour=True)
CLAUDE_4_6 = replace(
    CLAUDE_4_5,
    name="Claude 4.6",
    reasoning=Reasoning.ADAPTIVE,
    efforts=(*LOW_TO_HIGH, "max"),
    may_prefill=False,
)
CLAUDE_NEWER = replace(
    CLAUDE_4_6,
    name="Claude, newer",
    efforts=LOW_TO_MAX,
    sampling=Sampling.NONE,
    top_k=TopK.NONE,
    json_schema=JsonSchema.TOOL,
)
CLAUDE_5 = replace(CLAUDE_NEWER, name="Claude Opus 4.8, Sonnet 5, Haiku 5.5", json_schema=JsonSchema.THINKING)
CLAUDE_UNFORCED = replace(CLAUDE_NEWER, name="Claude Opus 5.5, Fable 5.1", choices=AUTO)
CLAUDE_SONNET_5_5 = replace(CLAUDE_5, name="Claude Sonnet 5.5", choices=AUTO)
CLAUDE_MYTHOS_5_1 = replace(CLAUDE_NEWER, name="Claude Mythos 5.1", json_schema=JsonSchema.NATIVE)

NOVA = Family("Nova", takes_audio=False, cache_points=NOT_ON_TOOLS, top_k=TopK.NOVA)
NOVA_MICRO = replace(
    NOVA,
    name="Nova Micro",
    takes_images=False,
    takes_result_images=False,
    takes_s3=False,
    takes_documents=False,
)
NOVA_2 = replace(NOVA, name="Nova 2", reasoning=Reasoning.NOVA, efforts=LOW_TO_HIGH)
NOVA_2_OMNI = replace(NOVA_2, name="Nova 2 Omni", takes_audio=True)
TITAN = replace(NO_TOOLS, name="Titan Text", takes_system=False)

LLAMA_TEXT = replace(NO_TOOLS, name="Llama 2 and 3", takes_stop=False)
LLAMA = replace(TEXT, name="Llama 3.1 to 3.3", choices=AUTO, takes_stop=False, refuses_beside_results=ANYTHING)
LLAMA_VISION = replace(LLAMA, name="Llama 3.2 Vision and 4", takes_images=True)

MISTRAL = replace(
    TEXT, name="Mistral", refuses_beside_results=ANYTHING, has_short_tool_ids=True, wants_json_results=True
)
MISTRAL_TEXT = replace(NO_TOOLS, name="Mistral 7B and Mixtral", takes_system=False)
MISTRAL_LARGE = replace(MISTRAL, name="Mistral Large", choices=AUTO_OR_ANY)
MISTRAL_LARGE_3 = replace(MISTRAL_LARGE, name="Mistral Large 3", takes_images=True, json_schema=JsonSchema.NATIVE)
MINISTRAL = replace(MISTRAL, name="Ministral 3", takes_images=True, json_schema=JsonSchema.NATIVE)
MISTRAL_VISION = replace(MISTRAL, name="Pixtral and Magistral", takes_images=True)
VOXTRAL = replace(MISTRAL, name="Voxtral", takes_audio=True, json_schema=JsonSchema.NATIVE)

DEEPSEEK_R1 = replace(NO_TOOLS, name="DeepSeek R1", reasoning=Reasoning.ALWAYS)
DEEPSEEK = replace(
    TEXT,
    name="DeepSeek V3",
    choices=AUTO_OR_ANY,
    json_schema=JsonSchema.NATIVE,
    reasoning=Reasoning.EFFORT,
    efforts=("none", *LOW_TO_HIGH),
)
QWEN = replace(
    TEXT,
    name="Qwen3",
    json_schema=JsonSchema.NATIVE,
    reasoning=Reasoning.WORD,
    efforts=("low", "high"),
    takes_stop=False,
    may_start=True,
)
QWEN_VISION = replace(QWEN, name="Qwen3 VL", takes_images=True)
GLM = replace(TEXT, name="GLM", choices=AUTO_OR_ANY, may_start=True)
GLM_5 = replace(GLM, name="GLM 5", json_schema=JsonSchema.NATIVE)
GLM_5_3 = replace(GLM_5, name="GLM 5.3", choices=UNKNOWN.choices)
KIMI = replace(TEXT, name="Kimi K2", json_schema=JsonSchema.NATIVE, may_start=True)
KIMI_VISION = replace(KIMI, name="Kimi K2.5", takes_images=True)
KIMI_3 = replace(KIMI_VISION, name="Kimi K3", least_tokens=16)
MINIMAX = replace(TEXT, name="MiniMax M2", json_schema=JsonSchema.NATIVE)
GEMMA = replace(VISION, name="Gemma 3", json_schema=JsonSchema.NATIVE)
NEMOTRON = replace(TEXT, name="Nemotron")
NEMOTRON_NANO = replace(NEMOTRON, name="Nemotron Nano", json_schema=JsonSchema.NATIVE)
NEMOTRON_VISION = replace(NEMOTRON_NANO, name="Nemotron Nano 12B", takes_images=True)

GPT_OSS = replace(TEXT, name="gpt-oss", reasoning=Reasoning.EFFORT, efforts=LOW_TO_HIGH, takes_stop=False)
GPT = replace(
    VISION,
    name="GPT-5 and 6",
    choices=UNKNOWN.choices,
    sampling=Sampling.NONE,
    reasoning=Reasoning.EFFORT_OBJECT,
    efforts=("none", *LOW_TO_MAX),
    least_tokens=16,
)
GROK = replace(VISION, name="Grok", choices=UNKNOWN.choices, least_tokens=16)
COHERE = replace(TEXT, name="Command R")
COHERE_TEXT = replace(NO_TOOLS, name="Command")
JAMBA = replace(TEXT, name="Jamba 1.5")
JAMBA_INSTRUCT = replace(NO_TOOLS, name="Jamba Instruct", takes_documents=False)
PALMYRA = replace(TEXT, name="Palmyra X", refuses_beside_results=ANYTHING)
PALMYRA_VISION = replace(PALMYRA, name="Palmyra Vision", takes_images=True)

FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"anthropic\.claude-(v\d|instant)", CLAUDE_2),
    (r"(anthropic\.)?claude-3-(haiku|sonnet|opus)|(anthropic\.)?claude-3-5-sonnet-20240620", CLAUDE_3),
    (r"(anthropic\.)?claude-3-5-sonnet", CLAUDE_3_5),
    (r"(anthropic\.)?claude-3-5-haiku", CLAUDE_3_5_HAIKU),
    (r"(anthropic\.)?claude-3-7|(anthropic\.)?claude-(sonnet|opus)-4(-20|-0|@|$)", CLAUDE_4),
    (r"(anthropic\.)?claude-opus-4-1", CLAUDE_4_1),
    (r"(anthropic\.)?claude-(sonnet|opus|haiku)-4-5", CLAUDE_4_5),
    (r"(anthropic\.)?claude-(sonnet|opus|haiku)-4-6", CLAUDE_4_6),
    (r"(anthropic\.)?claude-(opus-5-5|fable-5-1)", CLAUDE_UNFORCED),
    (r"(anthropic\.)?claude-sonnet-5-5", CLAUDE_SONNET_5_5),
    (r"(anthropic\.)?claude-(opus-4-8|sonnet-5|haiku-5-5)", CLAUDE_5),
    (r"(anthropic\.)?claude-mythos-5-1", CLAUDE_MYTHOS_5_1),
    (r"(anthropic\.)?claude-", CLAUDE_NEWER),
    (r"amazon\.nova-2-omni", NOVA_2_OMNI),
    (r"amazon\.nova-2", NOVA_2),
    (r"amazon\.nova-micro", NOVA_MICRO),
    (r"amazon\.nova", NOVA),
    (r"amazon\.titan-t", TITAN),
    (r"meta\.llama(2|3-\d+b)", LLAMA_TEXT),
    (r"meta\.llama(3-2-(11|90)b|4)", LLAMA_VISION),
    (r"meta\.llama", LLAMA),
    (r"mistral\.(mistral-7b|mixtral)", MISTRAL_TEXT),
    (r"mistral\.mistral-large-3", MISTRAL_LARGE_3),
    (r"mistral\.mistral-large", MISTRAL_LARGE),
    (r"mistral\.ministral", MINISTRAL),
    (r"mistral\.(pixtral|magistral)", MISTRAL_VISION),
    (r"mistral\.voxtral", VOXTRAL),
    (r"mistral\.", MISTRAL),
    (r"deepseek\.r1", DEEPSEEK_R1),
    (r"deepseek\.", DEEPSEEK),
    (r"qwen\.qwen3-vl", QWEN_VISION),
    (r"qwen\.", QWEN),
    (r"zai\.glm-5\.3", GLM_5_3),
    (r"zai\.glm-5", GLM_5),
    (r"zai\.", GLM),
    (r"moonshot(ai)?\.kimi-k3", KIMI_3),
    (r"moonshot(ai)?\.kimi-k2\.5", KIMI_VISION),
    (r"moonshot(ai)?\.", KIMI),
    (r"minimax\.", MINIMAX),
    (r"google\.gemma", GEMMA),
    (r"nvidia\.nemotron-nano-12b", NEMOTRON_VISION),
    (r"nvidia\.nemotron-nano", NEMOTRON_NANO),
    (r"nvidia\.", NEMOTRON),
    (r"openai\.gpt-oss", GPT_OSS),
    (r"openai\.gpt-\d", GPT),
    (r"(xai|x-ai)\.grok|grok", GROK),
    (r"cohere\.command-r", COHERE),
    (r"cohere\.command", COHERE_TEXT),
    (r"ai21\.jamba-1", JAMBA),
    (r"ai21\.jamba", JAMBA_INSTRUCT),
    (r"writer\.palmyra-vision", PALMYRA_VISION),
    (r"writer\.", PALMYRA),
)
