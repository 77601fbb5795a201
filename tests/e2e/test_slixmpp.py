"""A stock library: what MEP sends is what slixmpp understands, and what slixmpp sends is what MEP takes."""

import asyncio

from mep import MOOD, ROOM, TUNE
from slixmpp import JID
from testbed.slix import Slix


async def test_moods_tunes_and_items_go_through_the_library_unmodified(server):
    async with Slix(server, "alice") as alice, Slix(server, "bob") as bob:
        await alice.join(ROOM, "alice")
        await bob.join(ROOM, "bob")
        address = JID(f"{ROOM}/alice")

        stanza = alice.plugin["xep_0107"].stanza.UserMood()
        stanza["value"], stanza["text"] = "curious", "What does it do?"
        moods = asyncio.create_task(bob.wait_until("user_mood_publish", 10))
        await asyncio.sleep(0)  # lets the task register its handler
        result = await alice.plugin["xep_0060"].publish(address, MOOD, payload=stanza)
        mood = (await moods)["pubsub_event"]["items"]["item"]["mood"]
        assert (mood["value"], mood["text"]) == ("curious", "What does it do?")
        await bob.expect_event(MOOD, from_=address)

        tune = alice.plugin["xep_0118"].stanza.UserTune()
        tune["artist"], tune["title"] = "Coven", "Double Trouble"
        await alice.plugin["xep_0060"].publish(address, TUNE, payload=tune)
        await bob.expect_event(TUNE, from_=address)

        id = result["pubsub"]["publish"]["item"]["id"]
        read = await bob.plugin["xep_0060"].get_item(address, MOOD, id)
        assert read["pubsub"]["items"]["item"]["payload"].find(f"{{{MOOD}}}curious") is not None
        nodes = await bob.plugin["xep_0060"].get_nodes(address)
        assert {node for _, node, _ in nodes["disco_items"]["items"]} == {MOOD, TUNE}

        await alice.plugin["xep_0060"].retract(address, MOOD, id, notify=True)
        await bob.expect_event(MOOD, from_=address)
        await bob.plugin["xep_0060"].subscribe(address, TUNE, bare=True)
        await bob.expect_event(TUNE, from_=address)
