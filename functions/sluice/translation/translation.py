"""What every translation is made of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

Event = Mapping[str, Any]


class Translated(NamedTuple):
    """A request in the provider's words. `warnings` name the caller's fields that were dropped or changed."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answer's translators must know of its call.

    `model` is the name the caller asked for, `id` what makes the answer's own ids (without a prefix), `created` epoch
    seconds, `body` the request as it was before translation, in the dialect that is translated into.
    """

    model: str
    id: str
    created: int
    body: Event

    def of(self, body: Event) -> "Asked":
        """The same call, as the next of two translations sees it."""
        return replace(self, body=body)


class Translator(Protocol):
    """Turns the events of one answer, in order, into those of another dialect.

    `is_over` says that the answer has ended properly and nothing can follow. Both methods raise UpstreamReported for
    a failure that the events tell, `end` UpstreamTruncated where the answer did not end.
    """

    @property
    def is_over(self) -> bool: ...

    def add(self, event: Event) -> Iterable[dict[str, Any]]: ...

    def end(self) -> Iterable[dict[str, Any]]:
        """The provider's stream is over."""


class Chain:
    """Two translations, one behind the other."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Translator, second: Translator) -> None:
        self._first = first
        self._second = second

    @property
    def is_over(self) -> bool:
        return self._second.is_over

    def add(self, event: Event) -> Iterator[dict[str, Any]]:
        for between in self._first.add(event):
            yield from self._second.add(between)

    def end(self) -> Iterator[dict[str, Any]]:
        for between in self._first.end():
            yield from self._second.add(between)
        yield from self._second.end()
