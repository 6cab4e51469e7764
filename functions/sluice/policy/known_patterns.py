"""What guards find by name: payment cards, keys of known shapes, e-mail addresses, IBANs.

Each finder gives spans of a text, in order, none inside another. Only what can be told from its own form is here: a
card has its issuer's prefix, its length and its Luhn digit, an IBAN its country's length and its checksum. A phone
number or an address is no such thing: that is for the operator's own patterns.

Every expression begins with what is rare (a digit, `@`, a fixed prefix) and is bounded, so that no text takes longer
than its length says. What stands before is looked at after the beginning, since Python finds a fixed beginning fast.
Letters and digits are ASCII's: a number between Chinese characters stands alone.
https://www.iso.org/standard/70484.html (cards), https://www.swift.com/standards/data-standards/iban-international-bank-account-number
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

MOST_LOCAL_PART = 64  # characters before the @, as RFC 5321 has it

CARD_STARTS = re.compile(r"[2-6](?<![0-9A-Za-z_].)(?=[0-9]{3}(?:[0-9]{9}|[ .\u00a0-][0-9]{4}))")
CARD = re.compile(  # digits in a row, or in the groups that are printed on cards, with one and the same separator
    r"""(?x)
    (?: [0-9]{13,19}
      | (?P<sixteen>[0-9]{4}([ .\u00a0-])[0-9]{4}\2[0-9]{4}\2[0-9]{4})(?:\2[0-9]{1,3})?
      | [0-9]{4}([ .\u00a0-])[0-9]{6}\3[0-9]{4,5}
    )(?![0-9A-Za-z_])"""
)
SEPARATORS = str.maketrans("", "", " .-\u00a0")
ISSUERS = re.compile(
    r"""(?x)
    4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})                                           # Visa
    | (?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}  # Mastercard
    | 3[47][0-9]{13}                                                             # American Express
    | 3(?:0[0-5]|[689][0-9])[0-9]{11,16}                                         # Diners Club
    | (?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12,15}                               # Discover, RuPay
    | 35(?:2[89]|[3-8][0-9])[0-9]{12,15}                                         # JCB
    | 62[0-9]{14,17}                                                             # UnionPay
    | 220[0-4][0-9]{12,15}                                                       # Mir
    | (?:50|5[6-8]|6304|6759|676[1-3])[0-9]{10,15}                               # Maestro
    """
)
DOUBLED = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}

HAS_DIGIT = r"(?=[A-Za-z_-]{0,64}[0-9])"  # a key has one soon, words with dashes have none
KEYS = {  # the beginning: what follows it
    "-----BEGIN ": r"[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,6}-----"
    r"(?:[^-]{1,16384}+|-(?!----)){0,64}+(?:-----END [A-Z0-9 ]{0,60}-----)?",
    "AKIA": r"[A-Z2-7]{16}(?![A-Za-z0-9])",  # AWS
    "ASIA": r"[A-Z2-7]{16}(?![A-Za-z0-9])",
    "ABSK": r"[A-Za-z0-9+/]{60,400}={0,2}",  # Amazon Bedrock
    "bedrock-api-key-": r"[A-Za-z0-9+/_-]{20,8192}={0,2}",
    "slu_": r"[A-Za-z0-9]{4,64}_[A-Za-z0-9_-]{20,200}",  # our own virtual keys
    "sk-": HAS_DIGIT + r"[A-Za-z0-9_-]{20,400}",  # OpenAI, Anthropic, OpenRouter
    "sk_live_": r"[A-Za-z0-9]{16,200}",  # Stripe
    "rk_live_": r"[A-Za-z0-9]{16,200}",
    "gsk_": r"[A-Za-z0-9]{40,100}",  # Groq
    "xai-": r"[A-Za-z0-9]{60,120}",
    "hf_": r"[A-Za-z0-9]{30,60}",  # Hugging Face
    "AIza": r"[A-Za-z0-9_-]{35}",  # Google
    "ghp_": r"[A-Za-z0-9]{36,255}",  # GitHub
    "gho_": r"[A-Za-z0-9]{36,255}",
    "ghu_": r"[A-Za-z0-9]{36,255}",
    "ghs_": r"[A-Za-z0-9]{36,255}",
    "ghr_": r"[A-Za-z0-9]{36,255}",
    "github_pat_": r"[A-Za-z0-9_]{22,255}",
    "glpat-": r"[A-Za-z0-9_-]{20,100}",  # GitLab
    "xoxb-": r"[A-Za-z0-9-]{20,255}",  # Slack
    "xoxp-": r"[A-Za-z0-9-]{20,255}",
    "xapp-": r"[A-Za-z0-9-]{20,255}",
    "npm_": r"[A-Za-z0-9]{36}",
    "pypi-AgE": r"[A-Za-z0-9_-]{50,1000}",
    "SG.": r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
    "eyJ": r"[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{10,8192}\.[A-Za-z0-9_-]{0,4096}",  # a JSON web token
    "Bearer ": r"(?=[A-Za-z._~+/=-]{0,64}[0-9])[A-Za-z0-9._~+/-]{20,8192}={0,2}",
    "bearer ": r"(?=[A-Za-z._~+/=-]{0,64}[0-9])[A-Za-z0-9._~+/-]{20,8192}={0,2}",
    "ecret_access_key": r"[\"']?\s{0,8}[:=]\s{0,8}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",  # of AWS, in its files
    "ECRET_ACCESS_KEY": r"[\"']?\s{0,8}[:=]\s{0,8}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
}
INSIDE_A_NAME = ("ecret_access_key", "ECRET_ACCESS_KEY", "-----BEGIN ")


def _alone(begin: str) -> str:
    """No letter, digit or dash before it."""
    return rf"(?<![A-Za-z0-9_-]{re.escape(begin)})"


KEY_EXPRESSIONS = {
    begin: re.compile(re.escape(begin) + ("" if begin in INSIDE_A_NAME else _alone(begin)) + rest)
    for begin, rest in KEYS.items()
}

DOMAIN = re.compile(r"@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])")
LOCAL_PART = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+/=?^_{|}~-"
AROUND = ".!#$%&'*+/=?^_{|}~-"  # may be inside an address, and is punctuation before one

IBANS = re.compile(r"[A-Z](?<![0-9A-Za-z].)[A-Z][0-9]{2}(?=[ -]?[A-Z0-9]{4})")
IBAN_LENGTHS: Mapping[str, int] = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FK FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH CR HR LI LV",
        "22": "BG BH DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}


def cards(text: str) -> Iterator[Span]:
    end = 0
    for found in CARD_STARTS.finditer(text):
        start = found.start()
        shown = CARD.match(text, start) if start >= end else None
        size = _card_size(shown) if shown else 0
        if size:
            end = start + size
            yield start, end


def _card_size(shown: re.Match[str]) -> int:
    """Characters of the card that begins there, 0 for none: a fifth group may be a check code beside it."""
    for text in dict.fromkeys((shown[0], shown["sixteen"] or shown[0])):
        digits = text.translate(SEPARATORS)
        if is_luhn(digits) and ISSUERS.fullmatch(digits):
            return len(text)
    return 0


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812-1)."""
    return (sum(map(int, digits[-1::-2])) + sum(map(DOUBLED.__getitem__, digits[-2::-2]))) % 10 == 0


def keys(text: str) -> Iterator[Span]:
    present = [expression for begin, expression in KEY_EXPRESSIONS.items() if begin in text]
    spans = sorted(found.span() for expression in present for found in expression.finditer(text))
    return _apart(spans)


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Sorted spans, with those that overlap as one."""
    start = end = -1
    for first, last in spans:
        if first < end:
            end = max(end, last)
            continue
        if end > 0:
            yield start, end
        start, end = first, last
    if end > 0:
        yield start, end


def emails(text: str) -> Iterator[Span]:
    for found in DOMAIN.finditer(text):
        at = found.start()
        before = text[max(0, at - MOST_LOCAL_PART) : at]
        local = before[len(before.rstrip(LOCAL_PART)) :].lstrip(AROUND)
        if local and local[-1] != ".":
            yield at - len(local), found.end()


def ibans(text: str) -> Iterator[Span]:
    end = 0
    for found in IBANS.finditer(text):
        start = found.start()
        length = IBAN_LENGTHS.get(found[0][:2])
        if length is None or start < end:
            continue
        whole = IBAN_RESTS[length].match(text, start)
        if whole and _is_iban(whole[0].translate(SEPARATORS)):
            end = whole.end()
            yield start, end


def _is_iban(text: str) -> bool:
    """ISO 7064, mod 97-10: letters are two digits each."""
    turned = text[4:] + text[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


IBAN_RESTS = {
    length: re.compile(rf"[A-Z0-9](?:[ -]?[A-Z0-9]){{{length - 1}}}(?![A-Za-z0-9])")
    for length in set(IBAN_LENGTHS.values())
}
FINDERS: Mapping[str, Finder] = {"card": cards, "key": keys, "email": emails, "iban": ibans}


def finder(expression: re.Pattern[str]) -> Finder:
    """Of an operator's own pattern; what it finds of no length at all is nothing."""
    return lambda text: (found.span() for found in expression.finditer(text) if found.end() > found.start())
