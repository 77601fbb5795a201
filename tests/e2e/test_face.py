"""The room's face: its vCard, which Prosody keeps, and the nodes with its avatar and its vCard4 are one thing."""

import base64
import hashlib

import pytest
from mep import DISCO_INFO, ROOM, alice_and_bob, disco, items, make_persistent, must, notify, publish, retract
from testbed.xml import CLIENT

METADATA, DATA, VCARD4 = "urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "urn:xmpp:vcard4"
VCARD, CARD = "vcard-temp", "urn:ietf:params:xml:ns:vcard-4.0"
PICTURE = b"a picture"
ID, TEXT = hashlib.sha1(PICTURE).hexdigest(), base64.b64encode(PICTURE).decode()


pytestmark = pytest.mark.mep(muc_modules=["testbed_vcards"])


@pytest.fixture
async def people(connect):
    return await alice_and_bob(connect, METADATA, VCARD4)


def vcard(inner):
    return f"<vCard xmlns='{VCARD}'>{inner}</vCard>"


PHOTO = f"<PHOTO><TYPE>image/gif</TYPE><BINVAL>{TEXT}</BINVAL></PHOTO>"


async def shown(client):
    """The name in the room's vCard, and the picture."""
    reply = await must(client, "get", ROOM, vcard(""))
    card = reply.find(f"{{{VCARD}}}vCard")
    return card.findtext(f"{{{VCARD}}}FN"), card.findtext(f"{{{VCARD}}}PHOTO/{{{VCARD}}}BINVAL")


async def is_in_disco(client, server, hash):
    """Whether the hash is what the room says, which it does by itself from Prosody 13 on."""
    info = await must(client, "get", ROOM, disco(DISCO_INFO))
    fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in info.iter("{jabber:x:data}field")}
    return server.version == "0.12" or (fields.get("muc#roominfo_avatarhash") or None) == hash


def has_hash(hash):
    def matches(stanza):
        photo = stanza.find("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
        room = stanza.tag == CLIENT + "presence" and stanza.get("from") == ROOM
        return room and photo is not None and (photo.text or None) == hash

    return matches


async def publish_avatar(client, picture):
    id, text = hashlib.sha1(picture).hexdigest(), base64.b64encode(picture).decode()
    await must(client, "set", ROOM, publish(DATA, f"<data xmlns='{DATA}'>{text}</data>", id))
    info = f"<info id='{id}' bytes='{len(picture)}' type='image/gif'/>"
    await must(client, "set", ROOM, publish(METADATA, f"<metadata xmlns='{METADATA}'>{info}</metadata>", id))
    return id, text


async def test_a_vcard_is_told_by_the_nodes(people, server):
    alice, bob = people
    await must(alice, "set", ROOM, vcard(f"<FN>Den</FN>{PHOTO}"))
    metadata = await bob.expect_event(METADATA, ROOM)
    info = metadata.payloads[0][0]
    assert (metadata.item_ids, info.get("id"), info.get("type")) == ([ID], ID, "image/gif")
    card = (await bob.expect_event(VCARD4, ROOM)).payloads[0]
    assert card.findtext(f"{{{CARD}}}fn/{{{CARD}}}text") == "Den"
    data = await must(bob, "get", ROOM, items(DATA, ID))
    assert [element.text for element in data.iter(f"{{{DATA}}}data")] == [TEXT]
    assert await shown(bob) == ("Den", TEXT)
    assert await is_in_disco(bob, server, ID)

    await must(alice, "set", ROOM, vcard("<FN>Den</FN>"))
    assert len((await bob.expect_event(METADATA, ROOM)).payloads[0]) == 0
    await bob.barrier()
    assert len(bob.events(VCARD4)) == 1, "the card is the same"


async def test_an_avatar_is_in_the_vcard_in_presence_and_in_disco(people, server, connect):
    alice, bob = people
    await must(alice, "set", ROOM, vcard("<FN>Den</FN><X>kept</X>"))
    await bob.expect_event(VCARD4, ROOM)
    for picture in (PICTURE, b"another"):
        id, text = await publish_avatar(alice, picture)
        await bob.expect(has_hash(id))
        assert await shown(bob) == ("Den", text) and await is_in_disco(bob, server, id)
    carol = await connect("carol")
    await carol.join(ROOM, "carol")
    await carol.expect(has_hash(id))

    await must(alice, "set", ROOM, retract(METADATA, id))
    await bob.expect(has_hash(None))
    assert await shown(bob) == ("Den", None) and await is_in_disco(bob, server, None)
    assert len(bob.events(VCARD4)) == 1 and len(bob.events(METADATA, kind="items")) == 2


async def test_a_card_is_in_the_vcard_beside_what_that_has_anyway(people):
    alice, bob = people
    await must(alice, "set", ROOM, vcard(f"<FN>Den</FN>{PHOTO}"))
    await bob.expect_event(VCARD4, ROOM)
    card = f"<vcard xmlns='{CARD}'><fn><text>Lair</text></fn></vcard>"
    await must(alice, "set", ROOM, publish(VCARD4, card, "current"))
    await bob.expect_event(VCARD4, ROOM)
    while (now := await shown(bob)) == ("Den", TEXT):
        await bob.barrier()
    assert now == ("Lair", TEXT)


async def test_a_vcard_that_is_refused_changes_nothing(people):
    alice, bob = people
    assert (await bob.iq("set", ROOM, vcard(PHOTO))).get("type") == "error"
    await bob.barrier()
    assert bob.events(METADATA) == []


@pytest.mark.mep(storage="internal")
async def test_a_vcard_from_before_the_module_is_told_when_the_room_is_back(people, server, connect):
    alice, bob = people
    await make_persistent(alice)
    await must(alice, "set", ROOM, vcard(f"<FN>Den</FN>{PHOTO}"))
    await bob.expect_event(VCARD4, ROOM)
    server.restart()
    carol = await connect("carol", features=notify(METADATA, VCARD4))
    await carol.join(ROOM, "carol")
    await carol.expect_event(METADATA, ROOM)
    await carol.barrier()
    assert len(carol.events(METADATA)) == len(carol.events(VCARD4)) == 1, "nothing is published anew"
