"""Clients by the thousand: they log in, join, answer what their capabilities are, and count what they are sent."""

import asyncio
import base64
import re
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from testbed import caps

DISCO = "http://jabber.org/protocol/disco#info"
SM = "urn:xmpp:sm:3"
STANZAS = ("message", "presence", "iq")
QUESTION = "question"  # a disco#info request, which is counted as such, too
PATIENCE = 120  # seconds that anything may take
MESSAGE = b"</message>"
REQUEST = b"<r xmlns='"
SHORT = len(MESSAGE) - 1  # what is kept of a piece: too short for either to be found twice
AT_ONCE = 50  # sessions that log in, or join, at the same time


class Load:
    """The sessions of a server, and how many stanzas they have received in all."""

    def __init__(self, server):
        self.server = server
        self.sessions = []
        self.received = dict.fromkeys((*STANZAS, QUESTION), 0)
        self._goals = []

    async def connect(self, count, prefix="u", features=(), managed=False, resource="bench"):
        """`count` sessions of the users prefix0, prefix1, ...; `managed`: with stream management.

        `features` is what they all can do, or a function from the number to that.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number):
            async with gate:
                able = features(number) if callable(features) else features
                session = Session(self, f"{prefix}{number}", able, resource)
                await session.log_in(managed)
                return session

        new = await asyncio.gather(*(one(number) for number in range(count)))
        self.sessions += new
        return new

    async def messages(self, count):
        """Returns when that many messages more than at `self.received["message"]` so far have come."""
        await self.until("message", self.received["message"] + count)

    async def until(self, kind, total):
        done = asyncio.get_running_loop().create_future()
        if self.received[kind] >= total:
            return
        self._goals.append((kind, total, done))
        try:
            await asyncio.wait_for(done, PATIENCE)
        except TimeoutError:
            raise TimeoutError(f"{self.received[kind]} of {total} {kind}s came") from None

    def count(self, kind, number=1):
        self.received[kind] += number
        if self._goals:
            for goal in [goal for goal in self._goals if goal[0] == kind and goal[1] <= self.received[kind]]:
                self._goals.remove(goal)
                if not goal[2].done():
                    goal[2].set_result(None)

    async def settle(self, sessions=None):
        """Returns when these sessions have been asked all that there is to ask, and their answers are read."""
        for _ in range(2):
            await each(self.sessions if sessions is None else sessions, Session.ping)

    def close(self):
        for session in self.sessions:
            session.transport.abort()
        self.sessions.clear()


async def each(sessions, do):
    """Does something with all sessions, `AT_ONCE` at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(session):
        async with gate:
            await do(session)

    await asyncio.gather(*map(one, sessions))


class Session(asyncio.Protocol):
    """One session. Its stream is parsed by expat, and nothing is kept: stanzas are counted as they end.

    While it is `hurried`, it looks at nothing but the ends of messages and the requests of stream management, which
    costs less than the server takes to send them.
    """

    def __init__(self, load, user, features, resource):
        self.load, self.user, self.features, self.resource = load, user, tuple(features), resource
        self.host = load.server.host
        self.jid = f"{user}@{self.host}/{resource}"
        self.room = None  # the one that it came into last
        self.transport = None
        self.handled = 0  # XEP-0198's h
        self._managed = False
        self._tail = None  # of the last piece, while it is hurried
        self._awaited = {}  # what is waited for: tag, (tag, id), or (room, its subject) -> future
        self._depth = 0
        self._stanza = None
        self._ids = 0

    @property
    def caps(self):
        return caps.element(caps.ver((DISCO, *self.features)))

    # What it does

    async def log_in(self, managed=False):
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self.load.server.address, self.load.server.c2s_port)
        await self._open()
        secret = base64.b64encode(f"\0{self.user}\0{self.user}".encode()).decode()
        await self.ask(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>", "success"
        )
        await self._open()
        bind = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{self.resource}</resource></bind>"
        await self.iq("set", None, bind)
        if managed:
            await self.ask(f"<enable xmlns='{SM}' resume='true'/>", "enabled")
            self.handled, self._managed = 0, True

    async def join(self, room, nick=None, history=0):
        """Comes in, and returns with the subject, which ends the joining."""
        muc = f"<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='{history}'/></x>"
        to = quoteattr(f"{room}/{nick or self.user}")
        await self.ask(f"<presence to={to}>{muc}{self.caps}</presence>", (room, "subject"))
        self.room = room

    async def leave(self, room, nick=None):
        to = quoteattr(f"{room}/{nick or self.user}")
        await self.ask(f"<presence to={to} type='unavailable'/>", (room, "left"))
        self.room = None

    def hurry(self, on=True):
        """Changes how it reads; between stanzas only."""
        if on:
            self._tail = b""
        else:
            self._tail = None
            self._parse()
            self._parser.Parse(b"<stream>")

    async def ping(self):
        await self.iq("get", self.host, "<ping xmlns='urn:xmpp:ping'/>")

    async def iq(self, type, to, payload):
        self._ids += 1
        id = f"i{self._ids}"
        to = f" to={quoteattr(to)}" if to else ""
        await self.ask(f"<iq type='{type}' id='{id}'{to}>{payload}</iq>", ("iq", id))

    async def ask(self, xml, answer):
        future = self._awaited[answer] = asyncio.get_running_loop().create_future()
        self.send(xml)
        try:
            await asyncio.wait_for(future, PATIENCE)
        except TimeoutError:
            raise TimeoutError(f"{self.jid}: no answer to {xml}") from None

    def send(self, xml):
        self.transport.write(xml.encode())

    async def _open(self):
        self._parse()
        await self.ask(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
            f"xmlns:stream='http://etherx.jabber.org/streams' to='{self.host}'>",
            "stream:features",
        )

    def _parse(self):
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._depth = 0

    # What comes

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self._tail is None:
            self._parser.Parse(data)
            return
        data = self._tail + data
        self._tail = data[-SHORT:]
        if count := data.count(MESSAGE):
            self.handled += count
            self.load.count("message", count)
        if self._managed and REQUEST in data:
            self.send(f"<a xmlns='{SM}' h='{self.handled}'/>")

    def connection_lost(self, error):
        for future in self._awaited.values():
            if not future.done():
                future.set_exception(error or ConnectionError(f"{self.jid}: the stream has ended"))

    def _start(self, name, attr):
        self._depth += 1
        if self._depth == 2:
            self._stanza = name, attr
            if name == "r" and self._managed:
                self.send(f"<a xmlns='{SM}' h='{self.handled}'/>")
        elif self._depth == 3:
            kind, stanza = self._stanza
            if name == "query" and kind == "iq" and stanza["type"] == "get" and attr.get("xmlns") == DISCO:
                info = caps.disco_info((DISCO, *self.features), attr.get("node"))
                to = quoteattr(stanza["from"])
                self.send(f"<iq type='result' id={quoteattr(stanza['id'])} to={to}>{info}</iq>")
                self.load.count(QUESTION)
            elif name == "subject":
                self._came((stanza["from"].partition("/")[0], "subject"))
        elif self._depth == 4 and name == "status" and attr.get("code") == "110":
            kind, stanza = self._stanza
            if stanza.get("type") == "unavailable":
                self._came((stanza["from"].partition("/")[0], "left"))

    def _end(self, name):
        self._depth -= 1
        if self._depth != 1:
            return
        if name in STANZAS:
            self.handled += 1
            self.load.count(name)
        if not self._awaited:
            return
        if name == "iq":
            stanza = self._stanza[1]
            if stanza["type"] == "error" and ("iq", stanza.get("id")) in self._awaited:
                self._awaited.pop(("iq", stanza["id"])).set_exception(ValueError(f"{self.jid}: refused {stanza}"))
            self._came(("iq", stanza.get("id")))
        elif name == "presence" and self._stanza[1].get("type") == "error":
            room = re.sub("/.*", "", self._stanza[1]["from"])
            if future := self._awaited.pop((room, "subject"), None):
                future.set_exception(ValueError(f"{self.jid}: not let into {room}"))
        else:
            self._came(name)

    def _came(self, what):
        future = self._awaited.pop(what, None)
        if future and not future.done():
            future.set_result(None)
