"""What the tests say again and again: requests as XML, and what a room and its occupants are called."""

from testbed import error_of

ROOM = "den@rooms.localhost"
MOOD = "http://jabber.org/protocol/mood"
TUNE = "http://jabber.org/protocol/tune"
CONFERENCE = "urn:ietf:params:xml:ns:conference-info"

MUC = "http://jabber.org/protocol/muc"
PUBSUB = "http://jabber.org/protocol/pubsub"
OWNER = PUBSUB + "#owner"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"


def notify(*nodes):
    """The features of a client that wants the events of these nodes."""
    return [node + "+notify" for node in nodes]


def mood(what="happy"):
    return f"<mood xmlns='{MOOD}'><{what}/></mood>"


def pubsub(inner, xmlns=PUBSUB):
    return f"<pubsub xmlns='{xmlns}'>{inner}</pubsub>"


def item(payload, id=None):
    return f"<item{attribute('id', id)}>{payload}</item>"


def attribute(name, value):
    return "" if value is None else f" {name}='{value}'"


def publish(node, payload, id=None, options=""):
    return pubsub(f"<publish node='{node}'>{item(payload, id)}</publish>{options}")


def retract(node, *ids):
    return pubsub(f"<retract node='{node}'>{''.join(item('', id) for id in ids)}</retract>")


def items(node, *ids, max=None):
    wanted = "".join(item("", id) for id in ids)
    return pubsub(f"<items node='{node}'{attribute('max_items', max)}>{wanted}</items>")


def subscribe(jid, node=None, verb="subscribe"):
    return pubsub(f"<{verb}{attribute('node', node)} jid='{jid}'/>")


def owner(verb, node, inner=""):
    return pubsub(f"<{verb} node='{node}'>{inner}</{verb}>", OWNER)


def form(form_type, **fields):
    """A submitted form; `max_items="2"` is the field `pubsub#max_items`."""
    rows = [f"<field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{form_type}</value></field>"]
    rows += [f"<field var='pubsub#{var}'><value>{value}</value></field>" for var, value in fields.items()]
    return f"<x xmlns='jabber:x:data' type='submit'>{''.join(rows)}</x>"


def options(**fields):
    """Publish-options, to be given to `publish`."""
    return f"<publish-options>{form('publish-options', **fields)}</publish-options>"


def configure(node, **fields):
    return owner("configure", node, form("node_config", **fields))


def affiliate(node, **people):
    rows = "".join(f"<affiliation jid='{jid}' affiliation='{what}'/>" for jid, what in people.items())
    return owner("affiliations", node, rows)


async def make_persistent(client, value=1, room=ROOM):
    """Has a room's owner make it persistent, or with 0 temporary."""
    rows = (
        f"<field var='FORM_TYPE'><value>{MUC}#roomconfig</value></field>"
        f"<field var='muc#roomconfig_persistentroom'><value>{value}</value></field>"
    )
    inner = f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'>{rows}</x></query>"
    await must(client, "set", room, inner)


def disco(kind, node=None):
    return f"<query xmlns='{kind}'{attribute('node', node)}/>"


async def must(client, type, to, payload):
    """A request that must succeed; its reply."""
    reply = await client.iq(type, to, payload)
    assert reply.get("type") == "result", error_of(reply)
    return reply


async def must_soon(client, type, to, payload):
    """A request that must succeed as soon as the server has tried its storage again; its reply."""
    while (reply := await client.iq(type, to, payload)).get("type") != "result":
        assert error_of(reply)[:2] == ("wait", "internal-server-error"), error_of(reply)
    return reply


async def refused(client, type, to, payload):
    """A request that must fail: type, condition and pubsub condition of its error."""
    reply = await client.iq(type, to, payload)
    assert reply.get("type") == "error", "a reply where an error should be"
    return error_of(reply)[:3]


def ids_in(reply):
    """The ids of the items in a reply, in order."""
    return [element.get("id") for element in reply.iter(f"{{{PUBSUB}}}item")]


def nodes_in(reply):
    """The nodes that a disco#items reply lists."""
    return [element.get("node") for element in reply.iter(f"{{{DISCO_ITEMS}}}item")]


def features_in(reply):
    """The features that a disco#info reply has."""
    return {element.get("var") for element in reply.iter(f"{{{DISCO_INFO}}}feature")}


def identities_in(reply):
    """The identities that a disco#info reply has, as `category/type`."""
    return {f"{e.get('category')}/{e.get('type')}" for e in reply.iter(f"{{{DISCO_INFO}}}identity")}


def fields(reply):
    """The fields of the form in a reply or an event, without their `pubsub#`."""
    found = reply.iter("{jabber:x:data}field")
    return {f.get("var").removeprefix("pubsub#"): f.findtext("{jabber:x:data}value") for f in found}


def entries(reply, kind):
    """The entries of an owner's or one's own list, as pairs of JID or node and value."""
    found = [e for e in reply.iter() if e.tag.endswith("}" + kind)]
    return {e.get("jid") or e.get("node"): e.get(kind) for e in found}


async def told(client, kind="items"):
    """The ids of the items in each event of this kind that the client was told of so far, in order."""
    await client.barrier()
    return [event.item_ids for event in client.events(kind=kind)]


async def come_in(client, nick, room=ROOM):
    """Joins, and returns once the room knows what the client wants."""
    await client.join(room, nick)
    await client.barrier()  # the room's question has come, and is answered
    await client.barrier()  # the answer has been read


async def alice_and_bob(connect, *wants):
    """Alice, who owns the room and wants nothing, and Bob, who wants these nodes; both are in the room."""
    alice, bob = await connect("alice"), await connect("bob", features=notify(*wants))
    await come_in(alice, "alice")
    await come_in(bob, "bob")
    return alice, bob

