# XEP-0316 for slixmpp
# Copyright (c) 2026 The mod_mep developers
# See the file LICENSE for copying permission.
from asyncio import Future
from typing import Any, TypeVar

from slixmpp import JID, Message, Presence
from slixmpp.jid import InvalidJID
from slixmpp.plugins.base import BasePlugin
from slixmpp.plugins.xep_0004.stanza import Form
from slixmpp.plugins.xep_0045 import stanza as muc
from slixmpp.stanza import Iq
from slixmpp.types import JidStr
from slixmpp.xmlstream import ElementBase, ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath
from slixmpp.xmlstream.stanzabase import StanzaBase

from slixmpp_mep.event import MEPItem, MEPLeave, MEPNick, read
from slixmpp_mep.state import RoomState


Stanza = TypeVar('Stanza', bound=StanzaBase)


class XEP_0316(BasePlugin):

    """
    XEP-0316: MUC Eventing Protocol (MEP)

    Each occupant of a room, and the room itself, has nodes to publish to. Their events come from the occupant's address
    in the room, or from the room's.

    Events, each with a :class:`MEPEvent` of room, nick (None for the room) and node:

    - ``mep_publish``: items were published, or are told to one who joins
    - ``mep_retract``: items were retracted
    - ``mep_purge``: all items of a node were removed
    - ``mep_delete``: a node was deleted
    - ``mep_config``: a node was configured

    and two about what was published before:

    - ``mep_leave`` (:class:`MEPLeave`): it ends, as the occupant has left
    - ``mep_nick`` (:class:`MEPNick`): it goes with the occupant to another nick

    xep_0060 raises its own events for the same messages, and cannot tell them from those of accounts:
    :meth:`occupant_of` does.
    """

    name = 'xep_0316'
    description = 'XEP-0316: MUC Eventing Protocol'
    dependencies = {'xep_0030', 'xep_0045', 'xep_0060', 'xep_0115', 'xep_0163'}
    default_config = {
        'max_nodes': 64,
        'max_size': 16 * 1024 * 1024,
    }

    #: How many nodes of one occupant, or of a room, are remembered.
    max_nodes: int
    #: How many octets are remembered of a room and its occupants.
    max_size: int

    def plugin_init(self) -> None:
        self._rooms: dict[str, RoomState] = {}
        self._interests: dict[str, int] = {}
        # Rooms that one was made to leave: xep_0045 still lists them.
        self._left: set[str] = set()

        self.xmpp.register_handler(
            Callback('MEP Event', StanzaPath('message/pubsub_event'), self._handle_event))
        self.xmpp.register_handler(
            Callback('MEP Leaving', StanzaPath('presence@type=unavailable'), self._handle_unavailable))
        self.xmpp.add_filter('out', self._filter_own_presence)
        self.xmpp.add_event_handler('session_bind', self._handle_new_session)
        self.xmpp.add_event_handler('session_end', self._handle_end)

    def plugin_end(self) -> None:
        self.xmpp.remove_handler('MEP Event')
        self.xmpp.remove_handler('MEP Leaving')
        self.xmpp.del_filter('out', self._filter_own_presence)
        self.xmpp.del_event_handler('session_bind', self._handle_new_session)
        self.xmpp.del_event_handler('session_end', self._handle_end)
        for node in self._interests:
            self.xmpp.plugin['xep_0030'].del_feature(feature=_notify(node))

    # Interest

    async def add_interest(self, node: str, max_items: int = 1) -> None:
        """
        Ask for the events of a node, of all occupants and rooms.

        The feature ``node+notify`` goes into the capabilities, and those into the presence to each room: await this
        before joining, or at any time. The same feature asks contacts for their PEP events.

        :param node: The node, such as ``http://jabber.org/protocol/mood``.
        :param max_items: How many items of this node :meth:`state` has of one occupant. A service keeps one unless
                          the node is configured otherwise.
        """
        self._interests[node] = max(1, max_items)
        await self.xmpp.plugin['xep_0030'].add_feature(_notify(node))
        await self._update_caps()

    async def remove_interest(self, node: str) -> None:
        """
        Ask for no more events of a node, and forget its state.

        :param node: The node.
        """
        self._interests.pop(node, None)
        for state in self._rooms.values():
            for nick in state.nicks():
                state.end(nick, node)
        await self.xmpp.plugin['xep_0030'].del_feature(feature=_notify(node))
        await self._update_caps()

    # What is there

    def state(self, room: JidStr, nick: str | None, node: str) -> list[MEPItem]:
        """
        Return the items of a node, the oldest first, as far as its events have told.

        It has what came since joining, and follows nick changes. It is empty once the occupant, or oneself, has left.

        :param room: The room's JID.
        :param nick: The occupant, or None for the room's own node.
        :param node: The node.
        """
        state = self._rooms.get(JID(room).bare)
        return state.items(_prepared(nick), node) if state else []

    def states(self, room: JidStr, node: str) -> dict[str | None, list[MEPItem]]:
        """
        Return the items of a node by nick, of all occupants that have any, and of the room (None).

        :param room: The room's JID.
        :param node: The node.
        """
        state = self._rooms.get(JID(room).bare)
        found = {nick: state.items(nick, node) for nick in state.nicks()} if state else {}
        return {nick: items for nick, items in found.items() if items}

    def occupant_of(self, message: Message) -> tuple[JID, str | None] | None:
        """
        Return the room and the nick that a pubsub message is from; None if it is not from a room that one is in.

        A handler of ``user_mood_publish`` and the like tells the moods of occupants from those of contacts by it.

        :param message: The message.
        """
        room, nick = _address(message)
        if message.xml.get('type') == 'error' or not self._is_joined(room):
            return None
        return JID(room), nick or None

    def own_jid(self, room: JidStr) -> JID:
        """
        Return one's own address in a room, to which one publishes.

        :param room: The room's JID.
        :raises ValueError: if the room is not joined.
        """
        bare = JID(room).bare
        rooms = self.xmpp.plugin['xep_0045']
        if not self._is_joined(bare):
            raise ValueError(f'Room {bare} is not joined')
        return JID(f'{bare}/{rooms.our_nicks[None][JID(bare)]}')

    # Requests

    def publish(self, room: JidStr, payload: ElementBase | ET.Element, node: str | None = None, *,
                id: str | None = 'current', as_room: bool = False, options: Form | None = None,
                **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Publish an item to one's own address in a room.

        :param room: The room's JID.
        :param payload: What to publish, as a stanza object or as XML.
        :param node: The node. If not specified, the payload's namespace.
        :param id: The item's id. Another item of the same id is replaced; with None the service makes one.
        :param as_room: Whether to publish to the room's node, for those whom it lets.
        :param options: A form of publish options.
        """
        if node is None:
            node = _namespace(payload)
        return self.xmpp.plugin['xep_0060'].publish(
            self._own_address(room, as_room), node, id=id, payload=payload, options=options, **pubsubkwargs)

    def retract(self, room: JidStr, node: str, id: str = 'current', *, as_room: bool = False,
                **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Retract an item from one's own node, and have it told.

        :param room: The room's JID.
        :param node: The node.
        :param id: The item's id.
        :param as_room: Whether it is the room's node.
        """
        return self.xmpp.plugin['xep_0060'].retract(
            self._own_address(room, as_room), node, id, notify=True, **pubsubkwargs)

    def purge(self, room: JidStr, node: str, *, as_room: bool = False, **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Remove all items from one's own node.

        :param room: The room's JID.
        :param node: The node.
        :param as_room: Whether it is the room's node.
        """
        return self.xmpp.plugin['xep_0060'].purge(self._own_address(room, as_room), node, **pubsubkwargs)

    def delete(self, room: JidStr, node: str, *, as_room: bool = False, **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Delete one's own node, with its items and its configuration.

        :param room: The room's JID.
        :param node: The node.
        :param as_room: Whether it is the room's node.
        """
        return self.xmpp.plugin['xep_0060'].delete_node(self._own_address(room, as_room), node, **pubsubkwargs)

    def items(self, room: JidStr, nick: str | None, node: str, **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Retrieve the items of a node from the service.

        :param room: The room's JID.
        :param nick: The occupant, or None for the room's own node.
        :param node: The node.
        """
        return self.xmpp.plugin['xep_0060'].get_items(_join(room, nick), node, **pubsubkwargs)

    def subscribe(self, room: JidStr, nick: str | None, node: str | None = None, *, bare: bool = True,
                  **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        Subscribe to a node whatever one's capabilities say.

        :param room: The room's JID.
        :param nick: The occupant, or None for the room.
        :param node: The node. If not specified, all nodes of that address, now and later.
        :param bare: Whether all of one's clients in the room are told, or only this one.
        """
        return self.xmpp.plugin['xep_0060'].subscribe(_join(room, nick), node, bare=bare, **pubsubkwargs)

    def unsubscribe(self, room: JidStr, nick: str | None, node: str | None = None, *, bare: bool = True,
                    **pubsubkwargs: Any) -> 'Future[Iq]':
        """
        End a subscription.

        :param room: The room's JID.
        :param nick: The occupant, or None for the room.
        :param node: The node, as it was subscribed to.
        :param bare: As it was subscribed to.
        """
        return self.xmpp.plugin['xep_0060'].unsubscribe(_join(room, nick), node, bare=bare, **pubsubkwargs)

    # What comes in

    def _handle_event(self, message: StanzaBase) -> None:
        """Remember what an event says, and raise it."""
        if not isinstance(message, Message):
            return
        occupant = self.occupant_of(message)
        if occupant is None:
            return
        room, nick = occupant
        state = self._rooms.get(room.bare)
        if state is None:
            state = self._rooms[room.bare] = RoomState(self.max_nodes, self.max_size)
        for kind, event in list(read(message, room, nick)):
            if kind == 'publish':
                state.publish(event, self._interests.get(event.node, 1))
            elif kind == 'retract':
                state.retract(event)
            elif kind in ('purge', 'delete'):
                state.end(nick, event.node)
            self.xmpp.event(f'mep_{kind}', event)

    def _handle_unavailable(self, presence: StanzaBase) -> None:
        """Follow an occupant who leaves or changes the nick."""
        room, nick = _address(presence)
        if not self._is_joined(room):
            return
        codes = {status.get('code') for status in presence.xml.iterfind(f'{{{muc.NS_USER}}}x/{{{muc.NS_USER}}}status')}
        item = presence.xml.find(f'{{{muc.NS_USER}}}x/{{{muc.NS_USER}}}item')
        new = None if item is None or '303' not in codes else item.get('nick')
        own = '110' in codes or nick in ('', self.xmpp.plugin['xep_0045'].our_nicks[None].get(JID(room)))
        state = self._rooms.get(room)
        if new:
            if state and state.rename(nick, new):
                self.xmpp.event('mep_nick', MEPNick(JID(room), nick, new))
        elif own:
            self._left.add(room)
            self._leave(room)
        elif nodes := state.leave(nick) if state else []:
            self.xmpp.event('mep_leave', MEPLeave(JID(room), nick, nodes))

    def _filter_own_presence(self, stanza: Stanza) -> Stanza:
        """Forget a room when it is left, or joined (again): what is there then, it will tell."""
        if isinstance(stanza, Presence):
            to, type = stanza.xml.get('to') or '', stanza.xml.get('type')
            room = to.partition('/')[0]
            if type is None and stanza.xml.find(f'{{{muc.NS}}}x') is not None:
                self._left.discard(room)
                self._leave(room)
            elif type == 'unavailable' and room:
                self._leave(room)
            elif type == 'unavailable':
                self._handle_end()
        return stanza

    def _handle_new_session(self, jid: JID) -> None:
        """Begin anew: nothing of an earlier session is true, and the resource that has the features is another."""
        self._handle_end()
        for node in self._interests:
            self.xmpp.plugin['xep_0163'].add_interest(node)

    def _handle_end(self, _: Any = None) -> None:
        """End the state of all rooms: one is in none any more."""
        self._left.update(str(room) for room in self.xmpp.plugin['xep_0045'].rooms[None])
        for room in list(self._rooms):
            self._leave(room)

    def _is_joined(self, room: str) -> bool:
        return room in self.xmpp.plugin['xep_0045'].rooms[None] and room not in self._left

    def _leave(self, room: str) -> None:
        state = self._rooms.pop(room, None)
        nodes = {node: None for nick in state.nicks() for node in state.nodes(nick)} if state else {}
        if nodes:
            self.xmpp.event('mep_leave', MEPLeave(JID(room), None, list(nodes)))

    async def _update_caps(self) -> None:
        """Compute the capabilities, and tell them to the rooms, with the presence that one has there."""
        await self.xmpp.plugin['xep_0115'].update_caps(broadcast=False)
        rooms = self.xmpp.plugin['xep_0045']
        for room, occupants in list(rooms.rooms[None].items()):
            nick = rooms.our_nicks[None].get(room)
            # One who is not listed yet is joining, with presence that has the capabilities of its moment of sending.
            if nick in occupants:
                was = occupants[nick]
                self.xmpp.send_presence(pto=f'{room}/{nick}', pshow=was.get('show'), pstatus=was.get('status'))

    def _own_address(self, room: JidStr, as_room: bool) -> JID:
        return JID(JID(room).bare) if as_room else self.own_jid(room)


def _notify(node: str) -> str:
    return f'{node}+notify'


def _address(stanza: StanzaBase) -> tuple[str, str]:
    """Return the bare JID and the nick as the server wrote them: it lets in nicks that the class JID refuses."""
    bare, _, nick = (stanza.xml.get('from') or '').partition('/')
    return bare, nick


def _prepared(nick: str | None) -> str | None:
    """Return a nick as the server writes it."""
    try:
        return JID(f'room@muc/{nick}').resource if nick else None
    except InvalidJID:
        return nick


def _join(room: JidStr, nick: str | None) -> JID:
    return JID(f'{JID(room).bare}/{nick}' if nick else JID(room).bare)


def _namespace(payload: ElementBase | ET.Element) -> str:
    xml = payload.xml if isinstance(payload, ElementBase) else payload
    return xml.tag.rpartition('}')[0][1:]
