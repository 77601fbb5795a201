"""A stock slixmpp client, to see that what MEP sends is what an ordinary library understands."""

import asyncio

from slixmpp import JID, ClientXMPP

from .client import TIMEOUT

PLUGINS = (
    "xep_0030",  # discovery
    "xep_0045",  # rooms
    "xep_0060",  # pubsub
    "xep_0107",  # mood
    "xep_0108",  # activity
    "xep_0115",  # capabilities
    "xep_0118",  # tune
    "xep_0163",  # PEP
    "xep_0199",  # ping
)
PUBSUB_EVENTS = ("publish", "retract", "purge", "delete", "config", "subscription")


def plain_client(server):
    """A class of clients that connect to this server, without TLS, whatever they are told."""

    class Plain(ClientXMPP):
        def connect(self, *_, **__):
            allow_plain(self)
            return super().connect(server.address, server.c2s_port)

    return Plain


def allow_plain(client):
    """Lets a client do without TLS."""
    client.plugin["feature_mechanisms"].unencrypted_plain = True
    client.enable_direct_tls = client.enable_starttls = False
    client.enable_plaintext = True


class Slix(ClientXMPP):
    """`async with Slix(server, "bob") as bob:` is logged in; `bob.events` are the pubsub messages it was told of."""

    def __init__(self, server, user, resource="slix", plugins=()):
        super().__init__(JID(f"{user}@{server.host}/{resource}"), user)
        for plugin in (*PLUGINS, *plugins):
            self.register_plugin(plugin)
        allow_plain(self)
        self.events = []
        self._address = (server.address, server.c2s_port)
        self._arrival = asyncio.Condition()
        for name in PUBSUB_EVENTS:
            self.add_event_handler(f"pubsub_{name}", self._record)

    async def __aenter__(self):
        self.connect(*self._address)
        await self.wait_until("session_start", TIMEOUT)
        self.send_presence()
        return self

    async def __aexit__(self, *_):
        await self.disconnect()

    async def join(self, room, nick):
        """Enters a room with the capabilities of all plugins, and waits for its subject."""
        await self.plugin["xep_0115"].update_caps(broadcast=False)
        await self.plugin["xep_0045"].join_muc_wait(JID(room), nick, maxstanzas=0, timeout=TIMEOUT)

    async def expect_event(self, node=None, from_=None, timeout=TIMEOUT):
        """The first pubsub message for that node and from there that was not yet taken, or the next to come."""

        def matches(message):
            event = message["pubsub_event"].xml
            return (node is None or any(part.get("node") == node for part in event)) and (
                from_ is None or message["from"] == from_
            )

        async def search():
            async with self._arrival:
                while True:
                    for position, message in enumerate(self.events):
                        if matches(message):
                            return self.events.pop(position)
                    await self._arrival.wait()

        return await asyncio.wait_for(search(), timeout)

    async def _record(self, message):
        async with self._arrival:
            self.events.append(message)
            self._arrival.notify_all()
