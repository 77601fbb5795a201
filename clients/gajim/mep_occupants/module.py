"""The part that sees the stanzas of an account."""

from __future__ import annotations

from typing import Any

from gajim.common.modules.base import BaseModule
from nbxmpp.namespaces import Namespace
from nbxmpp.protocol import JID, NodeProcessed
from nbxmpp.structs import StanzaHandler

from .payloads import READERS, read
from .states import States

name = "MEPOccupants"

NICK_CHANGED, ONESELF = "303", "110"


class MEPOccupants(BaseModule):
    #: Called with account, room and nick when what is to be shown has changed.
    on_change: Any = None

    def __init__(self, client: Any) -> None:
        BaseModule.__init__(self, client, plugin=True)
        self.states = States()
        self.handlers = [
            # Before nbxmpp reads events (15): it would take an occupant's for an account's, and stumble over some.
            StanzaHandler(name="message", callback=self._on_event, ns=Namespace.PUBSUB_EVENT, priority=14),
            # Before Gajim's room (49) draws who has another nick.
            StanzaHandler(name="presence", callback=self._on_presence, ns=Namespace.MUC_USER, priority=40),
        ]

    def _on_event(self, _client: Any, stanza: Any, _properties: Any) -> None:
        jid = stanza.getFrom()
        if jid is None or not jid.resource or not self._is_room(jid) or stanza.getType() == "error":
            return
        event = stanza.getTag("event", namespace=Namespace.PUBSUB_EVENT)
        if stanza.getType() != "chat":  # which any occupant can send without publishing
            for change in event.getChildren():
                self._take(str(jid.new_as_bare()), jid.resource, change)
        if not stanza.getBody():
            raise NodeProcessed
        # It has a text for the room: the rest of Gajim shows that, and sees no event.
        for change in list(event.getChildren()):
            event.delChild(change)

    def _take(self, room: str, nick: str, change: Any) -> None:
        node, what = change.getAttr("node"), change.getName()
        if node not in READERS:
            return
        if what in ("delete", "purge"):
            self.states.clear(room, nick, node)
        elif what == "items":
            self.states.retract(room, nick, node, {gone.getAttr("id") for gone in change.getTags("retract")})
            for item in change.getTags("item"):
                payload = next(iter(item.getChildren()), None)
                if payload is not None:
                    self.states.publish(room, nick, node, item.getAttr("id"), read(node, payload))
        self._tell(room, nick)

    def _on_presence(self, _client: Any, stanza: Any, _properties: Any) -> None:
        jid = stanza.getFrom()
        if jid is None or not jid.resource:
            return
        room = str(jid.new_as_bare())
        x = stanza.getTag("x", namespace=Namespace.MUC_USER)
        codes = {status.getAttr("code") for status in x.getTags("status")}
        item = x.getTag("item")
        if stanza.getType() != "unavailable":
            # One joins, perhaps after a lost connection: the room tells the last items after this.
            if ONESELF in codes and not self._is_joined(jid):
                self.states.forget(room)
        elif NICK_CHANGED in codes and item is not None and item.getAttr("nick"):
            self.states.rename(room, jid.resource, item.getAttr("nick"))
        elif ONESELF in codes:
            self.states.forget(room)
        else:
            self.states.leave(room, jid.resource)

    def _is_room(self, jid: JID) -> bool:
        contact = self._contact(jid)
        return contact is not None and contact.is_groupchat

    def _is_joined(self, jid: JID) -> bool:
        return self._is_room(jid) and self._contact(jid).is_joined

    def _contact(self, jid: JID) -> Any:
        try:
            return self._con.get_module("Contacts").get_bare_contact(jid.new_as_bare())
        except KeyError:
            return None

    def _tell(self, room: str, nick: str) -> None:
        if MEPOccupants.on_change is not None:
            MEPOccupants.on_change(self._account, room, nick)


def get_instance(client: Any, *_args: Any, **_kwargs: Any) -> tuple[MEPOccupants, str]:
    return MEPOccupants(client), name
