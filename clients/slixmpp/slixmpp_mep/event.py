# XEP-0316 for slixmpp
# Copyright (c) 2026 The mod_mep developers
# See the file LICENSE for copying permission.
"""What the events of XEP-0316 carry, and how they are read from a message.

Everything here reads plain XML and takes nothing for granted: what a room or an occupant sends may be anything.
"""
import copy
import datetime as dt

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from slixmpp import JID, Message
from slixmpp.plugins import xep_0082
from slixmpp.plugins.xep_0060.stanza import EventItem
from slixmpp.xmlstream import ET


NS_EVENT = 'http://jabber.org/protocol/pubsub#event'
NS_DELAY = 'urn:xmpp:delay'
NS_OCCUPANT_ID = 'urn:xmpp:occupant-id:0'

#: How many levels an item may have.
MAX_DEPTH = 200

#: What an event is called by the name of its element; items are told apart by what is in them.
KINDS = {'purge': 'purge', 'delete': 'delete', 'configuration': 'config'}


@dataclass(frozen=True)
class MEPItem:
    """An item that was published.

    ``item['mood']['value']`` is what the stanza of a plugin (here of xep_0107) makes of the payload.
    """

    #: The item's id in its node.
    id: str
    #: The item as slixmpp's stanza object.
    stanza: EventItem
    #: When it was published: what the room says of an item from before one's joining, else when it arrived.
    published: dt.datetime

    @property
    def payload(self) -> ET.Element | None:
        """The payload as XML, or None if the event came without it."""
        return next(iter(self.stanza.xml), None)

    def __getitem__(self, name: str) -> Any:
        return self.stanza[name]

    def copy(self) -> 'MEPItem':
        """Return an item of its own: reading an interface of a stanza object may change it."""
        return MEPItem(self.id, EventItem(xml=copy.deepcopy(self.stanza.xml)), self.published)


@dataclass(frozen=True)
class MEPEvent:
    """What has happened in a node of a room or of an occupant."""

    #: The room's bare JID.
    room: JID
    #: The occupant, or None if it is the room's own node.
    nick: str | None
    node: str
    #: What was published; empty for everything but ``mep_publish``.
    items: list[MEPItem] = field(default_factory=list)
    #: The ids of what was retracted; empty for everything but ``mep_retract``.
    retracted: list[str] = field(default_factory=list)
    #: The occupant's id (XEP-0421), if the room gives one: it stays the same over nicks and joins.
    occupant_id: str | None = None
    #: The message that brought it.
    message: Message | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MEPLeave:
    """The end of what an occupant has published."""

    #: The room's bare JID.
    room: JID
    #: Who has left, or None if one has left (or joins anew) oneself: then all of the room's state has ended.
    nick: str | None
    #: The nodes that had state.
    nodes: list[str]


@dataclass(frozen=True)
class MEPNick:
    """A change of nick: what the occupant has published is found under the new one, and no event is repeated."""

    #: The room's bare JID.
    room: JID
    old: str
    new: str


def read(message: Message, room: JID, nick: str | None) -> Iterator[tuple[str, MEPEvent]]:
    """Yield what a message says that has happened, each as the name of its kind and the event.

    What is malformed is left out.
    """
    event = message.xml.find(f'{{{NS_EVENT}}}event')
    if event is None:
        return
    id = message.xml.find(f'{{{NS_OCCUPANT_ID}}}occupant-id')
    occupant_id = None if id is None or nick is None else id.get('id')
    published = _published(message.xml)
    for part in event:
        namespace, name = _split(part.tag)
        node = part.get('node')
        if namespace != NS_EVENT or not node:
            continue
        said = MEPEvent(room, nick, node, occupant_id=occupant_id, message=message)
        if name in KINDS:
            yield KINDS[name], said
        elif name == 'items':
            yield from _items(part, said, published)


def size(item: MEPItem) -> int:
    """Return about how many octets an item holds, with what Python needs beside them."""
    return 1000 + sum(_element_size(element) for element in item.stanza.xml.iter())


def is_too_deep(element: ET.Element) -> bool:
    """Return whether an element has more levels than are safe to copy: Python's own copying is recursive."""
    level = [element]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in parent]
        if not level:
            return False
    return True


def _items(part: ET.Element, said: MEPEvent, published: dt.datetime) -> Iterator[tuple[str, MEPEvent]]:
    items, retracted = [], []
    for child in part:
        id = child.get('id')
        if not id or is_too_deep(child):
            continue
        if child.tag == f'{{{NS_EVENT}}}item':
            items.append(MEPItem(id, EventItem(xml=copy.deepcopy(child)), published))
        elif child.tag == f'{{{NS_EVENT}}}retract':
            retracted.append(id)
    if retracted:
        yield 'retract', _with(said, retracted=retracted)
    if items:
        yield 'publish', _with(said, items=items)


def _with(said: MEPEvent, items: list[MEPItem] | None = None, retracted: list[str] | None = None) -> MEPEvent:
    return MEPEvent(said.room, said.nick, said.node, items or [], retracted or [], said.occupant_id, said.message)


def _published(message: ET.Element) -> dt.datetime:
    """Return when the room says that it was published; now, if it says nothing that can be understood."""
    now = dt.datetime.now(dt.UTC)
    delay = message.find(f'{{{NS_DELAY}}}delay')
    if delay is None:
        return now
    try:
        # Nothing has been published in the future.
        return min(xep_0082.parse(delay.get('stamp') or '').astimezone(dt.UTC), now)
    except (ValueError, OverflowError):
        return now


def _element_size(element: ET.Element) -> int:
    attributes = sum(len(name) + len(value) + 100 for name, value in element.attrib.items())
    return 200 + len(element.tag) + len(element.text or '') + len(element.tail or '') + attributes


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition('}')
    return namespace[1:], name
