"""Every way a network may cut bytes in two."""

from collections.abc import Iterator

EXHAUSTIVE_BYTES = 16 * 1024
NEAR = 8


def every_split(data: bytes, edges: tuple[int, ...] = ()) -> Iterator[tuple[bytes, bytes]]:
    """All splits in two; above 16 KB those near an edge (an event's end)."""
    if len(data) <= EXHAUSTIVE_BYTES:
        return ((data[:place], data[place:]) for place in range(len(data) + 1))
    return splits_near(data, edges)


def splits_near(data: bytes, edges: tuple[int, ...]) -> Iterator[tuple[bytes, bytes]]:
    """The splits in two within 8 bytes of an edge."""
    near = {place for edge in edges for place in range(edge - NEAR, edge + NEAR + 1) if 0 <= place <= len(data)}
    return ((data[:place], data[place:]) for place in sorted(near))


def event_edges(data: bytes) -> tuple[int, ...]:
    """Where the events of an LF stream end."""
    edges, place = [], data.find(b"\n\n")
    while place >= 0:
        edges.append(place + 2)
        place = data.find(b"\n\n", place + 2)
    return tuple(edges)
