"""Keep the queue of raised hands in a room: raised_hands.py JID PASSWORD ROOM [NICK]

Occupants raise a hand by publishing an item to the node "urn:mod_mep:hand:0" of their address in the room, and lower
it by retracting the item. The bot says who is next, each time that this changes.
"""

import asyncio
import sys
from datetime import datetime

import slixmpp_mep  # registers the plugin
from slixmpp import JID, ClientXMPP

HAND = "urn:mod_mep:hand:0"


class RaisedHands(ClientXMPP):
    """A bot in one room."""

    #: Seconds in which changes are collected, so that one who plays with a hand floods nobody.
    pause = 1.0

    def __init__(self, jid: str, password: str, room: str, nick: str = "chair") -> None:
        super().__init__(jid, password)
        for plugin in ("xep_0045", "xep_0199", "xep_0316"):
            self.register_plugin(plugin)
        self.room, self.nick = JID(room), nick
        self.hands: dict[str, datetime] = {}  # who has raised one, and when
        self.changed = asyncio.Event()
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("mep_publish", self.raised)
        for event in ("mep_retract", "mep_purge", "mep_delete"):
            self.add_event_handler(event, self.lowered)
        self.add_event_handler("mep_leave", self.left)
        self.add_event_handler("mep_nick", self.renamed)

    async def start(self, _: object) -> None:
        """Comes in. Hands that are up already are told after joining, each with its time."""
        self.send_presence()
        await self.plugin["xep_0316"].add_interest(HAND)
        await self.plugin["xep_0045"].join_muc_wait(self.room, self.nick, maxstanzas=0)

    @property
    def queue(self) -> list[str]:
        """The nicks of those who have raised a hand, in that order."""
        return sorted(self.hands, key=lambda nick: self.hands[nick])

    def raised(self, event: slixmpp_mep.MEPEvent) -> None:
        # Who publishes again while the hand is up stands where they stood.
        if self.concerns(event) and event.nick and event.nick not in self.hands:
            self.hands[event.nick] = event.items[-1].published
            self.changed.set()

    def lowered(self, event: slixmpp_mep.MEPEvent) -> None:
        if self.concerns(event) and event.nick and not self.plugin["xep_0316"].state(self.room, event.nick, HAND):
            self.remove(event.nick)

    def left(self, event: slixmpp_mep.MEPLeave) -> None:
        if event.room == self.room:
            for nick in [event.nick] if event.nick else list(self.hands):
                self.remove(nick)

    def renamed(self, event: slixmpp_mep.MEPNick) -> None:
        if event.room == self.room and event.old in self.hands:
            self.hands[event.new] = self.hands.pop(event.old)
            self.changed.set()

    def concerns(self, event: slixmpp_mep.MEPEvent) -> bool:
        return event.room == self.room and event.node == HAND

    def remove(self, nick: str) -> None:
        if self.hands.pop(nick, None):
            self.changed.set()

    async def announce(self) -> None:
        """Says in the room who is next, until it is cancelled."""
        said: list[str] = []
        while True:
            await self.changed.wait()
            await asyncio.sleep(self.pause)
            self.changed.clear()
            first, others = self.queue[:1], self.queue[1:4]
            if first and first != said:
                then = f", then {', '.join(others)}" if others else ""
                self.send_message(self.room, f"Next: {first[0]}{then}", mtype="groupchat")
            said = first


async def main(*arguments: str) -> None:
    bot = RaisedHands(*arguments)
    bot.connect()
    await bot.announce()


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
