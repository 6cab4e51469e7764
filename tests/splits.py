"""Every way a network may cut bytes in two."""

from collections.abc import Iterator

EXHAUSTIVE_BYTES = 16 * 1024
NEAR = 8


def every_split(data: bytes, edges: tuple[int, ...] = ()) -> Iterator[tuple[bytes, bytes]]:
    """All splits in two; above 16 KB those within 8 bytes of an edge (an event's end)."""
    if len(data) <= EXHAUSTIVE_BYTES:
        places = range(len(data) + 1)
        yield from ((data[:place], data[place:]) for place in places)
        return
    near = {place for edge in edges for place in range(edge - NEAR, edge + NEAR + 1) if 0 <= place <= len(data)}
    yield from ((data[:place], data[place:]) for place in sorted(near))


def event_edges(data: bytes) -> tuple[int, ...]:
    """Where the events of an LF stream end."""
    edges, place = [], data.find(b"\n\n")
    while place >= 0:
        edges.append(place + 2)
        place = data.find(b"\n\n", place + 2)
    return tuple(edges)
