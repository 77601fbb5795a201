"""Join a room and publish a mood there: publish_mood.py JID PASSWORD ROOM NICK MOOD"""

import asyncio
import sys

from slixmpp import JID, ClientXMPP


async def main(jid, password, room, nick, mood):
    client = ClientXMPP(jid, password)
    for plugin in ("xep_0045", "xep_0060", "xep_0107"):
        client.register_plugin(plugin)
    client.connect()
    await client.wait_until("session_start", timeout=30)
    client.send_presence()
    await client.plugin["xep_0045"].join_muc_wait(JID(room), nick)

    payload = client.plugin["xep_0107"].stanza.UserMood()
    payload["value"] = mood
    own_address = JID(f"{room}/{nick}")  # not the account: the occupant
    await client.plugin["xep_0060"].publish(own_address, "http://jabber.org/protocol/mood", payload=payload)
    await client.disconnect()


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except TimeoutError:
        sys.exit("no session within 30 seconds: is the password right, and does the server have TLS?")
