# XEP-0316 for slixmpp
# Copyright (c) 2026 The mod_mep developers
# See the file LICENSE for copying permission.
"""What the nodes of one room hold, as far as its events have told, within bounds."""
from collections import OrderedDict
from dataclasses import dataclass, field

from slixmpp_mep.event import MEPEvent, MEPItem, size


@dataclass
class Address:
    """The nodes of an occupant, or of the room; the one that changed last is the last one."""

    nodes: OrderedDict[str, OrderedDict[str, tuple[MEPItem, int]]] = field(default_factory=OrderedDict)
    size: int = 0


class RoomState:
    """What a room (nick None) and its occupants have published.

    :param max_nodes: How many nodes of one address are remembered.
    :param max_size: How many octets are remembered of all together.
    """

    def __init__(self, max_nodes: int, max_size: int) -> None:
        self.max_nodes = max_nodes
        self.max_size = max_size
        self.size = 0
        self._addresses: dict[str | None, Address] = {}

    def items(self, nick: str | None, node: str) -> list[MEPItem]:
        """Return the items of a node, the oldest first."""
        address = self._addresses.get(nick)
        return [item.copy() for item, _ in address.nodes.get(node, {}).values()] if address else []

    def nodes(self, nick: str | None) -> list[str]:
        """Return the nodes of an address that have items."""
        address = self._addresses.get(nick)
        return list(address.nodes) if address else []

    def nicks(self) -> list[str | None]:
        """Return who has published; None is the room."""
        return list(self._addresses)

    def publish(self, event: MEPEvent, max_items: int) -> None:
        """Put the items of an event into its node, and keep the last ones."""
        address = self._addresses.setdefault(event.nick, Address())
        node = address.nodes.setdefault(event.node, OrderedDict())
        address.nodes.move_to_end(event.node)
        for item in event.items:
            self._remove(address, event.node, item.id, keep=True)
            # A copy, as an application may change what the event has.
            node[item.id] = item.copy(), size(item)
            self._grow(address, node[item.id][1])
        while len(node) > max_items:
            self._remove(address, event.node, next(iter(node)), keep=True)
        while len(address.nodes) > self.max_nodes:
            self.end(event.nick, next(iter(address.nodes)))
        while self.size > self.max_size:
            self._evict()

    def retract(self, event: MEPEvent) -> None:
        """Remove items from a node."""
        address = self._addresses.get(event.nick)
        for id in event.retracted if address else ():
            self._remove(address, event.node, id)
        self._tidy(event.nick)

    def end(self, nick: str | None, node: str) -> None:
        """Remove all items of a node."""
        address = self._addresses.get(nick)
        for id in list(address.nodes.get(node, ())) if address else ():
            self._remove(address, node, id)
        self._tidy(nick)

    def leave(self, nick: str | None) -> list[str]:
        """Remove what an occupant has published; return the nodes."""
        nodes = self.nodes(nick)
        address = self._addresses.pop(nick, None)
        if address:
            self.size -= address.size
        return nodes

    def rename(self, old: str, new: str) -> bool:
        """Move what an occupant has published to its new nick; return whether there is anything."""
        if old not in self._addresses or old == new:
            return False
        self.leave(new)
        self._addresses[new] = self._addresses.pop(old)
        return True

    def _evict(self) -> None:
        """Remove the item of the address that holds most that has been there for longest: a flood ends its own items."""
        nick = max(self._addresses, key=lambda nick: self._addresses[nick].size)
        address = self._addresses[nick]
        node = next(iter(address.nodes))
        self._remove(address, node, next(iter(address.nodes[node])))
        self._tidy(nick)

    def _remove(self, address: Address | None, node: str, id: str, keep: bool = False) -> None:
        items = address.nodes.get(node) if address else None
        if address and items and id in items:
            self._grow(address, -items.pop(id)[1])
        if address and not items and not keep:
            address.nodes.pop(node, None)

    def _grow(self, address: Address, by: int) -> None:
        address.size += by
        self.size += by

    def _tidy(self, nick: str | None) -> None:
        address = self._addresses.get(nick)
        if address and not address.nodes:
            del self._addresses[nick]
