"""A Prosody with mod_mep, a room, and three occupants who publish; then a page to join them with, until Ctrl-C.

`--once` plays the scene and ends: 0 when every event reached everybody. PORT and XMPP_PORT choose the ports.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from urllib.parse import quote
from xml.etree.ElementTree import fromstring

try:
    import page
    from page import ACTIVITIES, JOINING, PINS, POLLS, ROOM, ROOT, TOKEN
    from slixmpp import JID
    from slixmpp.exceptions import IqError
    from testbed.client import TIMEOUT, Event, local
    from testbed.slix import PUBSUB_EVENTS, Slix
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is missing: `make run` installs what the demo needs, and starts it")

MOOD = "http://jabber.org/protocol/mood"
TUNE = "http://jabber.org/protocol/tune"
ACTIVITY = "http://jabber.org/protocol/activity"
POLL, VOTE = "urn:mod_mep:poll:0", "urn:mod_mep:vote:0"  # of mod_mep_poll, which counts

FIRE_BURN = (
    f"<conference-info xmlns='{ACTIVITIES}'><activity xmlns='{ACTIVITY}'><other/><text>Fire burn!</text></activity>"
    "</conference-info>"
)

CAST = {"Hecate": "35", "First witch": "36", "Second witch": "33"}  # the first to come owns the room
SCENE = (
    # who, to what node, what; Hecate's are the room's own, and so is the count of a poll
    ("Hecate", PINS, "<pin xmlns='{}' nick='First witch'><body>We meet upon the heath, to greet Macbeth.</body></pin>"),
    ("Second witch", ACTIVITY, "<activity xmlns='{}'><other/><text>I'll give thee a wind.</text></activity>"),
    ("Hecate", ACTIVITIES, f"<conference-info xmlns='{{}}'><activity xmlns='{ACTIVITY}'><other/>"
     "<text>Hecate is brewing: double, double toil and trouble.</text></activity></conference-info>"),
    ("First witch", POLL, '<json xmlns="urn:xmpp:json:0">{"question":"Is it fair?","options":["fair","foul"]}</json>'),
    ("Second witch", VOTE, '<json xmlns="urn:xmpp:json:0">{"poll":"First witch","option":2}</json>'),
    ("First witch", MOOD, "<mood xmlns='{}'><grateful/><text>Thou'rt kind.</text></mood>"),
    ("First witch", ACTIVITY, "<activity xmlns='{}'><traveling/><text>off to the heath</text></activity>"),
    ("Second witch", MOOD, "<mood xmlns='{}'><playful/></mood>"),
    ("Second witch", TUNE, "<tune xmlns='{}'><artist>Giuseppe Verdi</artist><title>Macbeth</title></tune>"),
)  # fmt: skip
TALK = (
    ("First witch", "When shall we three meet again? In thunder, lightning, or in rain?"),
    ("Second witch", "When the hurlyburly's done, when the battle's lost and won."),
    ("Hecate", "That will be ere the set of sun."),
)

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def say(text=""):
    print(f"  {text}".rstrip(), flush=True)


def name_of(jid):
    return JID(jid).resource or "the room"


def describe(payload):
    """A mood, tune, activity or whatever else in a line: what its innermost empty element is called, and its texts."""
    texts = [text for element in payload.iter() if (text := " ".join((element.text or "").split()))]
    if local(payload) == "tune":
        return " – ".join(texts)
    names = [local(element).replace("_", " ") for element in payload.iter() if not (len(element) or element.text)]
    line = ": ".join([name for name in names[-1:] if name != "other"] + [" ".join(texts)] * bool(texts))
    return "".join(filter(str.isprintable, line))  # it is other people's text, and this is a terminal


class Occupant(Slix):
    """One of the cast: prints the events that come to it, as they come."""

    def __init__(self, server, nick):
        super().__init__(server, nick.split()[0].lower())
        self.nick = nick
        self.plugin["xep_0163"].add_interest([ACTIVITIES, PINS, POLLS])
        for name in PUBSUB_EVENTS:
            self.add_event_handler(f"pubsub_{name}", self.tell)

    def tell(self, message):
        event = Event.of(message.xml)
        what = " · ".join(map(describe, event.payloads)) or event.kind
        node = event.node.rpartition("/")[2].rpartition(":")[2]
        to, from_ = (f"{name:>12}" for name in (self.nick, name_of(event.from_)))
        say(f"{paint(CAST[self.nick], to)} ◂ {paint(2, f'{from_}  {node:<15}')} {what}")

    async def publish(self, node, payload):
        to = JID(ROOM) if self.nick == "Hecate" else JID(f"{ROOM}/{self.nick}")
        say(f"{paint(1, name_of(to))} publishes {paint(1, node)}")
        await self.plugin["xep_0060"].publish(to, node, payload=fromstring(payload.replace("{}", node)))
        return (POLLS, JID(ROOM)) if node in (POLL, VOTE) else (node, to)


async def play(occupants):
    """The talk, then the scene; raises where somebody is not told of something."""
    for nick, text in TALK:
        said = occupants[nick].wait_until("groupchat_message", TIMEOUT)
        occupants[nick].send_message(JID(ROOM), text, mtype="groupchat")
        await said
    for nick, node, payload in SCENE:
        told = await occupants[nick].publish(node, payload)
        for occupant in occupants.values():
            try:
                await occupant.expect_event(*told)
            except TimeoutError:
                raise AssertionError(f"{occupant.nick} was not told of {told[0]} from {told[1]}") from None
        say()


async def run(once, ports):
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    async with AsyncExitStack() as stack:
        server = page.prosody(storage="internal", options="".join(f"{k}s = {{ {v} }}\n" for k, v in ports.items()))
        await stack.enter_async_context(server)
        vars(server).update(ports)

        occupants = {nick: Occupant(server, nick) for nick in CAST}
        for occupant in occupants.values():
            await stack.enter_async_context(occupant)
            await occupant.join(ROOM, occupant.nick)
            occupant.add_event_handler("disconnected", lambda _: ended.set())  # as when the server is killed
        say(f"{paint(1, ROOM)} on Prosody {server.version}: {', '.join(CAST)} are in.")
        say("A line ◂ is an event that came to somebody's client.")
        say()

        ways = f"<webchat>{page.url(server)}</webchat><invitation>xmpp:{ROOM}?join</invitation>"
        joining = fromstring(f"<joining xmlns='{JOINING}'>{ways}</joining>")
        await occupants["Hecate"].plugin["xep_0060"].publish(JID(ROOM), JOINING, id="current", payload=joining)

        await play(occupants)
        if once:
            return

        say(f"Join them: {paint('1;4', page.url(server))}  best in two windows")
        say(f"Or with a client of yours: {server.address}:{server.c2s_port}, anybody@localhost, any password, no TLS")
        say(f"The room says how to join it, to those who are not in it: {page.url(server)}join.html")
        say("Or let the room itself say something, as a web service would:")
        address = f"{page.url(server)}mep/coven/{quote(ACTIVITIES)}/current"
        say(f"curl -X PUT {address} -H 'Authorization: Bearer {TOKEN}' \\")
        say(f"  -H 'Content-Type: application/xml' -d \"{FIRE_BURN}\"")
        say("Ctrl-C ends it. Until then, whatever is published:")
        say()
        await ended.wait()


def chosen_ports(address="127.0.0.1"):
    """The ports that the environment asks for, by their names in the testbed."""
    ports = {}
    for variable, name in (("PORT", "http_port"), ("XMPP_PORT", "c2s_port")):
        if value := os.environ.get(variable):
            try:
                socket.create_server((address, int(value))).close()
            except (OSError, OverflowError, ValueError) as error:
                sys.exit(f"{variable}={value} cannot be used: {error}")
            ports[name] = int(value)
    return ports


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--once", action="store_true", help="play the scene and end")
    once = arguments.parse_args().once

    needed = ["target/prosody/13.0", "target/module/mod_mep", "examples/converse/node_modules/converse.js"]
    if missing := [folder for folder in needed if not (ROOT / folder).exists()]:
        sys.exit(f"{', '.join(missing)}: not there yet; `make run` builds and fetches what the demo needs")
    try:
        asyncio.run(run(once, chosen_ports()))
    except (AssertionError, IqError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
