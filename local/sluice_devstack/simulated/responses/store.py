"""The responses that are kept, so that conversations can go on from them: whole histories, and items by their ids."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from sluice_devstack.simulated.refusal import Refused, invalid

Item = dict[str, Any]
KEPT_RESPONSES = 1000


class StoredResponses:
    """Keeps the newest 1,000. Items that no kept response holds are gone with theirs."""

    def __init__(self) -> None:
        self._histories: OrderedDict[str, list[Item]] = OrderedDict()
        self._items: dict[str, tuple[Item, str]] = {}

    def keep(self, response_id: str, history: Iterable[Item], output: Iterable[Item]) -> None:
        self._histories[response_id] = [*history, *output]
        for item in output:
            self._items[item["id"]] = (item, response_id)
        if len(self._histories) > KEPT_RESPONSES:
            oldest, _ = self._histories.popitem(last=False)
            self._items = {id_: kept for id_, kept in self._items.items() if kept[1] != oldest}

    def history(self, response_id: str) -> list[Item]:
        """Everything up to that response, its output included."""
        if response_id not in self._histories:
            message = f"Previous response with id '{response_id}' not found."
            raise Refused(invalid(400, message, "previous_response_id", "previous_response_not_found"))
        return self._histories[response_id]

    def has_item(self, item_id: str) -> bool:
        return item_id in self._items

    def item(self, item_id: str) -> Item:
        if item_id not in self._items:
            raise Refused(invalid(404, f"Item with id '{item_id}' not found.", "input"))
        return self._items[item_id][0]
