"""Which endpoint a model's name belongs to."""

import pytest

from sluice_devstack.simulated.catalogue import OTHERS, SNAPSHOTS, Kind, model
from sluice_devstack.simulated.refusal import Refused

NAMES = {
    "gpt-4o": Kind.TEXT,
    "o3-mini": Kind.TEXT,
    "gpt-4o-mini-tts": Kind.SPEECH,
    "tts-1-hd": Kind.SPEECH,
    "gpt-3.5-turbo": Kind.TEXT,
    "gpt-3.5-turbo-instruct": Kind.LEGACY,
    "babbage-002": Kind.LEGACY,
    "text-embedding-3-large": Kind.EMBEDDINGS,
    "gpt-image-1.5": Kind.IMAGES,
    "chatgpt-image-latest": Kind.IMAGES,
    "chatgpt-4o-latest": Kind.TEXT,
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
@pytest.mark.parametrize("suffix", ["", "-fast", "-instant"])
def test_a_name_is_of_one_kind_and_refused_by_all_others(name: str, kind: Kind, suffix: str) -> None:
    assert model(name + suffix, kind).asked == name + suffix
    for other in set(Kind) - {kind}:
        with pytest.raises(Refused):
            model(name + suffix, other)


def test_every_listed_name_is_of_some_kind() -> None:
    for name in (*SNAPSHOTS, *OTHERS):
        assert sum(is_of(name, kind) for kind in Kind) == 1


def is_of(name: str, kind: Kind) -> bool:
    try:
        model(name, kind)
    except Refused:
        return False
    return True
