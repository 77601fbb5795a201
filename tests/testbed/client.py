"""An exact XMPP client: it sends what it is told to the letter and keeps everything it receives."""

import asyncio
import base64
import codecs
import itertools
from collections import namedtuple
from dataclasses import dataclass
from xml.etree.ElementTree import tostring
from xml.sax.saxutils import escape

from . import caps
from .xml import (
    BIND, CLIENT, DISCO_INFO, MUC, MUC_USER, PING, PUBSUB_ERRORS, PUBSUB_EVENT, SASL, STANZAS, STREAM,
    Element, StreamParser, attributes,
)  # fmt: skip

TIMEOUT = 10
BASE_FEATURES = (DISCO_INFO[1:-1], PING[1:-1])

REFUSAL = f"<error type='cancel'><service-unavailable xmlns='{STANZAS[1:-1]}'/></error>"

Asked = namedtuple("Asked", "from_ node id")
Error = namedtuple("Error", "type condition pubsub text")


@dataclass(frozen=True)
class Event:
    """One `pubsub#event` message."""

    from_: str
    to: str
    type: str
    id: str
    node: str
    kind: str  # items, retract, delete, purge, configuration, subscription, ...
    item_ids: list
    payloads: list
    element: Element

    @classmethod
    def of(cls, message):
        """The event in a message, or None."""
        event = message.find(PUBSUB_EVENT + "event")
        if event is None or not len(event):
            return None
        body = event[0]
        kind = local(body)
        if body.find(PUBSUB_EVENT + "retract") is not None:
            kind = "retract"
        return cls(
            from_=message.get("from"),
            to=message.get("to"),
            type=message.get("type", "normal"),
            id=message.get("id"),
            node=body.get("node"),
            kind=kind,
            item_ids=[item.get("id") for item in body],
            payloads=[payload for item in body.iterfind(PUBSUB_EVENT + "item") for payload in item],
            element=message,
        )


class Refused(Exception):
    """A room that does not let one in; `error` says why."""

    def __init__(self, error):
        super().__init__(f"{error.condition} ({error.text})" if error.text else error.condition)
        self.error = error


def local(element):
    return element.tag.rpartition("}")[2]


def bare(jid):
    return jid.partition("/")[0]


def error_of(stanza):
    """(type, condition, pubsub condition or None, text or None) of an error; None if it is not an error."""
    error = stanza.find(CLIENT + "error")
    if error is None:
        return None
    names = {child.tag: child for child in error}
    text = names.pop(STANZAS + "text", None)
    return Error(
        type=error.get("type"),
        condition=next((local(e) for tag, e in names.items() if tag.startswith(STANZAS)), None),
        pubsub=next((local(e) for tag, e in names.items() if tag.startswith(PUBSUB_ERRORS)), None),
        text=None if text is None else text.text,
    )


def is_event(node=None, from_=None, kind=None):
    """A predicate for `expect`: a pubsub event from that node, address, of that kind."""

    def matches(stanza):
        event = stanza.tag == CLIENT + "message" and Event.of(stanza)
        return (
            bool(event)
            and (node is None or event.node == node)
            and (from_ is None or event.from_ == from_)
            and (kind is None or event.kind == kind)
        )

    return matches


def own_presence(room, type=None):
    """A predicate: the room's word on the client's own presence there, or its refusal."""

    def matches(stanza):
        if stanza.tag != CLIENT + "presence" or bare(stanza.get("from", "")) != room:
            return False
        codes = {status.get("code") for status in stanza.iterfind(f"{MUC_USER}x/{MUC_USER}status")}
        return stanza.get("type") == "error" or (stanza.get("type") == type and "110" in codes)

    return matches


def subject_of(room):
    """A predicate: the room's subject."""
    return lambda stanza: (
        stanza.tag == CLIENT + "message"
        and bare(stanza.get("from", "")) == room
        and stanza.find(CLIENT + "subject") is not None
    )


class Client:
    """A session of one user. `connect` it, `close` it; in between, what it `received` and the `wire` only grow.

    It answers disco#info and pings by itself and refuses other requests. Changing `answers` (the requested payload's
    tag to a function from the request to the reply's payload, or its `<error>`, or None for silence) makes it behave
    otherwise.
    """

    def __init__(self, features, caps_ver=None):
        self.jid = None
        self.received = []  # every stanza, in order
        self.wire = []  # every piece of text as it came in
        self.asked = []  # every disco#info query to this client
        self.rooms = {}  # room -> nick
        self.answers = {DISCO_INFO + "query": self._answer_disco, PING + "ping": lambda iq: ""}
        self._caps_ver = caps_ver
        self._inbox = []  # what no `expect` has taken yet
        self._replies = {}
        self._arrival = asyncio.Condition()
        self._ids = itertools.count(1)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ended = None  # the error that ended the stream: the connection's, or the parser's
        self.features = [*BASE_FEATURES, *features]

    @classmethod
    async def connect(cls, server, user, resource="desktop", features=(), lang=None, caps_ver=None):
        """A client of `server` (a Prosody) that is logged in and bound.

        `features` go beside disco and ping into its capabilities; `caps_ver` makes it lie about their hash.
        """
        self = cls(features, caps_ver)
        await self._log_in(server, user, lang)
        bound = await self.iq(
            "set", None, f"<bind xmlns='{BIND[1:-1]}'><resource>{escape(resource)}</resource></bind>"
        )
        self.jid = bound.findtext(f".//{BIND}jid")
        return self

    async def close(self):
        """Ends the stream as a client that logs out does."""
        if self._writer.is_closing():
            return
        self.send("</stream:stream>")
        try:
            await asyncio.wait_for(asyncio.shield(self._task), TIMEOUT)
        finally:
            await self.cut()

    async def cut(self):
        """Drops the connection without closing the stream."""
        self._task.cancel()
        self._writer.transport.abort()
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    # Capabilities

    @property
    def ver(self):
        return self._caps_ver or caps.ver(self.features)

    @property
    def caps(self):
        return caps.element(self.ver)

    def set_features(self, features):
        """Changes what the client says it can do; the next presence carries the new hash."""
        self.features = [*BASE_FEATURES, *features]

    def _answer_disco(self, iq):
        return caps.disco_info(self.features, iq[0].get("node"))

    # Sending

    def send(self, xml):
        self._writer.write(xml.encode())

    def new_id(self):
        return f"t{next(self._ids)}"

    async def iq(self, type, to, payload, id=None, timeout=TIMEOUT):
        """Sends a request; its reply, be it a result or an error."""
        self._check_stream()
        id = id or self.new_id()
        reply = self._replies[id] = asyncio.get_running_loop().create_future()
        self.send(f"<iq{attributes(type=type, to=to, id=id)}>{payload}</iq>")
        try:
            stanza = await asyncio.wait_for(reply, timeout)
        except TimeoutError:
            raise AssertionError(f"{self.jid}: no reply to {payload}") from None
        finally:
            del self._replies[id]
        assert to is None or stanza.get("from") == to, f"asked {to}, got {tostring(stanza, 'unicode')}"
        return stanza

    def presence(self, to=None, inner="", type=None):
        self.send(f"<presence{attributes(to=to, type=type, id=self.new_id())}>{inner}</presence>")

    def message(self, to, inner, type="groupchat", id=None):
        self.send(f"<message{attributes(to=to, type=type, id=id or self.new_id())}>{inner}</message>")

    async def barrier(self, timeout=TIMEOUT):
        """Returns once everything has arrived that the server had sent to this client so far."""
        reply = await self.iq("get", self._host, f"<ping xmlns='{PING[1:-1]}'/>", timeout=timeout)
        assert reply.get("type") == "result", tostring(reply, "unicode")

    # Rooms

    async def join(self, room, nick, caps=True, extra=""):
        """Enters a room and waits for the subject, which ends the joining; its own presence, or `Refused`."""
        own, subject = own_presence(room), subject_of(room)
        self._inbox = [stanza for stanza in self._inbox if not own(stanza) and not subject(stanza)]
        muc = f"<x xmlns='{MUC[1:-1]}'><history maxstanzas='0'/></x>" if "<x" not in extra else ""
        self.presence(f"{room}/{nick}", muc + (self.caps if caps else "") + extra)
        presence = await self._own_presence(room)
        self.rooms[room] = presence.get("from").partition("/")[2]
        await self.expect(subject)
        return presence

    async def change_nick(self, room, nick, caps=True):
        self.presence(f"{room}/{nick}", self.caps if caps else "")
        await self._own_presence(room, type="unavailable")
        own = await self._own_presence(room)
        self.rooms[room] = nick
        return own

    async def leave(self, room):
        self.presence(f"{room}/{self.rooms.pop(room)}", type="unavailable")
        return await self._own_presence(room, type="unavailable")

    async def _own_presence(self, room, type=None):
        presence = await self.expect(own_presence(room, type))
        if error := error_of(presence):
            raise Refused(error)
        return presence

    # Receiving

    async def expect(self, predicate, timeout=TIMEOUT):
        """The first stanza that matches among those not yet taken, or the next to come."""

        async def search():
            async with self._arrival:
                while True:
                    for position, stanza in enumerate(self._inbox):
                        if predicate(stanza):
                            return self._inbox.pop(position)
                    self._check_stream()
                    await self._arrival.wait()

        try:
            return await asyncio.wait_for(search(), timeout)
        except TimeoutError:
            there = "\n".join(tostring(stanza, "unicode") for stanza in self._inbox)
            raise AssertionError(f"{self.jid}: not received; what was not expected:\n{there}") from None

    async def expect_question(self, timeout=TIMEOUT):
        """The first disco#info query to this client."""

        async def search():
            async with self._arrival:
                while not self.asked:
                    self._check_stream()
                    await self._arrival.wait()

        await asyncio.wait_for(search(), timeout)
        return self.asked[0]

    async def expect_event(self, node=None, from_=None, kind=None, timeout=TIMEOUT):
        return Event.of(await self.expect(is_event(node, from_, kind), timeout))

    def events(self, node=None, from_=None, kind=None):
        """All events ever received, whether expected or not."""
        matches = is_event(node, from_, kind)
        return [Event.of(stanza) for stanza in self.received if matches(stanza)]

    # The stream

    async def _log_in(self, server, user, lang):
        self._host, self._lang = server.host, lang
        self._reader, self._writer = await asyncio.open_connection(server.address, server.c2s_port)
        await self._open()
        secret = base64.b64encode(f"\0{user}\0{user}".encode()).decode()
        self.send(f"<auth xmlns='{SASL[1:-1]}' mechanism='PLAIN'>{secret}</auth>")
        if (answer := await self._next()).tag != SASL + "success":
            raise ConnectionError(tostring(answer, "unicode"))
        await self._open()
        self._task = asyncio.create_task(self._run())

    async def _open(self):
        self._parser = StreamParser()
        self._pending = []
        self.send(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
            f" version='1.0'{attributes(to=self._host, xml__lang=self._lang)}>"
        )
        features = await self._next()
        assert features.tag == STREAM + "features", tostring(features, "unicode")

    async def _next(self):
        """The next element, as long as no task reads the stream."""
        while not self._pending:
            self._pending += await self._read()
        return self._pending.pop(0)

    async def _read(self):
        data = await self._reader.read(1 << 16)
        if not data:
            raise ConnectionError(f"{self.jid}: the server has closed the connection")
        self.wire.append(self._decoder.decode(data))
        return self._parser.feed(data)

    async def _run(self):
        try:
            while True:
                for stanza in await self._read():
                    self.received.append(stanza)
                    if not self._handle(stanza):
                        self._inbox.append(stanza)
                async with self._arrival:
                    self._arrival.notify_all()
        except Exception as error:
            self._ended = error
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(error)
            async with self._arrival:
                self._arrival.notify_all()

    def _check_stream(self):
        if self._ended:
            raise ConnectionError(f"{self.jid}: the stream has ended") from self._ended

    def _handle(self, stanza):
        """Deals with replies and requests; False leaves a stanza to `expect`."""
        if stanza.tag != CLIENT + "iq":
            return False
        if stanza.get("type") in ("result", "error"):
            reply = self._replies.get(stanza.get("id"))
            if not reply or reply.done():
                return False
            reply.set_result(stanza)
            return True
        request = stanza[0]
        if request.tag == DISCO_INFO + "query":
            self.asked.append(Asked(stanza.get("from"), request.get("node"), stanza.get("id")))
        answer = self.answers.get(request.tag, lambda _: REFUSAL)(stanza)
        if answer is not None:
            type = "error" if answer.startswith("<error") else "result"
            self.send(f"<iq{attributes(type=type, to=stanza.get('from'), id=stanza.get('id'))}>{answer}</iq>")
        return request.tag in self.answers
