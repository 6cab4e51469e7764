"""What the simulated OpenAI says: deterministic, on the prompt's subject where a few rules reach, always honest about
being simulated."""

import operator
import re
from collections.abc import Callable
from zlib import crc32

CLOSING = "(Simulated: this answer was made up on your own machine. No model was asked and nobody was billed.)"
OPENINGS = ("Good question!", "Gladly.", "Let me think out loud.", "Here is my honest attempt.")
BODY = (
    "You asked about {subject}, and I would love to tell you all of it.",
    "I am only the stand-in for OpenAI in the Sluice dev stack, so what I know about it fits into a thimble.",
    "What I am good at is arriving the way a real model does: token by token, at the pace of a good typist.",
    "Each of these words left the provider on its own and passed the gateway before the next one was written.",
    "When the last one is here, the ledger will hold one record of how many there were and what they cost.",
    "Point a provider at the real API in gateway.toml, and the same call brings a real answer about {subject}.",
)
MORE = (
    "A sluice is a gate in a watercourse: it lets the stream through, measures it, and can shut.",
    "Nothing waits in it, for water that waits is a lake.",
    "Upstream somebody produces, downstream somebody reads, and the gate keeps the books.",
    "If the reader is slow, the stream slows down; if the spring runs dry, the gate says so instead of pretending.",
)
CAPITALS = {
    "canada": "Ottawa",
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "japan": "Tokyo",
    "kenya": "Nairobi",
    "mexico": "Mexico City",
    "peru": "Lima",
    "portugal": "Lisbon",
    "spain": "Madrid",
}
OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "x": operator.mul,
}
READY_ANSWERS = {
    r"\bhaiku\b": "Snow melts, water comes.\nThe gate lifts a hand's breadth: now\nevery drop is heard.",
    r"\bpoem\b": (
        "The stream came down with much to say\nand found a gate across its way.\n"
        "The gate said: pass, and pass, and pass!\nI only count you, drops of glass."
    ),
    r"\bjoke\b": "Why did the token cross the gateway? It was only asked to stream to the other side.",
    r"\b(?:who|what) are you\b": (
        "I am the simulated OpenAI of the Sluice dev stack: I speak its wire format and know very little."
    ),
    r"^\W*(?:hello|hi|hey|good (?:morning|evening|day))\b": (
        "Hello! Lovely to hear from you. I stream one token at a time, so you can watch this sentence grow. "
        "What shall we talk about?"
    ),
}
MAX_COUNT = 500
MAX_WORDS = 2000

Writer = Callable[[re.Match[str]], str]


def answer(prompt: str, variant: int = 0) -> str:
    """The answer to a prompt; `variant` is the number of the choice, each opens differently."""
    for pattern, write in TOPICS:
        if match := pattern.search(prompt):
            return f"{write(match)}\n\n{CLOSING}"
    opening = OPENINGS[(crc32(prompt.encode("utf-8", "replace")) + variant) % len(OPENINGS)]
    body = " ".join(BODY).format(subject=_subject(prompt))
    return f"{opening} {body}\n\n{CLOSING}"


def of_tool_results(prompt: str, results: list[str]) -> str:
    listed = "\n".join(f"- {result[:400]}" for result in results)
    return f"You asked about {_subject(prompt)}. This is what the tools told me:\n{listed}\n\n{CLOSING}"


def reasoning_summaries(prompt: str) -> tuple[str, ...]:
    """What a reasoning model says about its thoughts, in two parts."""
    return (
        f"**Reading the question**\n\nI was asked about {_subject(prompt)}. I look for the words that matter.",
        "**Choosing an answer**\n\nNothing is really thought here: the simulated OpenAI picks from a few rules.",
    )


def _subject(prompt: str) -> str:
    text = " ".join(prompt.split()).strip(" .?!")
    return f"“{text[:80]}{'…' if len(text) > 80 else ''}”" if text else "nothing in particular"


def _counted(match: re.Match[str]) -> str:
    return ", ".join(str(number) for number in range(1, min(int(match[1]), MAX_COUNT) + 1)) + "."


def _capital(match: re.Match[str]) -> str:
    city = CAPITALS.get(match[1].lower(), "not on my short list")
    return f"The capital of {match[1].title()} is {city}."


def _calculated(match: re.Match[str]) -> str:
    left, sign, right = match.groups()
    return f"{left} {sign} {right} = {OPERATORS[sign.lower()](int(left), int(right))}."


def _of_length(match: re.Match[str]) -> str:
    wanted = min(int(match[1]), MAX_WORDS)
    words = " ".join((*MORE, *BODY)).format(subject="the flow of water").split()
    return " ".join((words * (wanted // len(words) + 1))[:wanted]).rstrip(".,;:") + "."


def _ready(text: str) -> Writer:
    return lambda _match: text


WRITERS: dict[str, Writer] = {
    r"^\s*(?:say|repeat)\b:?\s+(.+)": lambda match: match[1].strip(),
    r"\bcount (?:up )?to (\d{1,4})\b": _counted,
    r"\bcapital of (?:the )?(\w+)": _capital,
    r"(\d{1,12})\s*([-+*x])\s*(\d{1,12})": _calculated,
    r"\b(\d{2,4}) words\b": _of_length,
} | {pattern: _ready(text) for pattern, text in READY_ANSWERS.items()}
TOPICS = tuple((re.compile(pattern, re.IGNORECASE), write) for pattern, write in WRITERS.items())
