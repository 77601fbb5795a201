"""A bare client on each transport that Prosody has: TCP with stream management, WebSocket (RFC 7395), BOSH."""

import asyncio
import base64
import http.client
import itertools
import os
import struct
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape, quoteattr

from . import caps
from .client import BASE_FEATURES, TIMEOUT
from .xml import BIND, CLIENT, MUC, SASL, STREAM, StreamParser

SM = "{urn:xmpp:sm:3}"


class Transport:
    """`await X.connect(server, "user", "resource")`, then `say` and `expect`; `received` has all that came."""

    def __init__(self, server):
        self.server = server
        self.received = []
        self._taken = 0

    @classmethod
    async def connect(cls, server, user, resource="desktop"):
        self = cls(server)
        await self._connect()
        await self._log_in(user)
        await self.say(
            f"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{BIND[1:-1]}'>"
            f"<resource>{escape(resource)}</resource></bind></iq>"
        )
        bound = await self.expect(lambda e: e.get("id") == "bind")
        self.jid = bound.findtext(f".//{BIND}jid")
        return self

    async def _log_in(self, user):
        await self._open()
        secret = base64.b64encode(f"\0{user}\0{user}".encode()).decode()
        await self.say(f"<auth xmlns='{SASL[1:-1]}' mechanism='PLAIN'>{secret}</auth>")
        await self.expect(lambda e: e.tag == SASL + "success")
        await self._open()

    async def join(self, room, nick, features):
        """Enters a room with the capabilities of a client that was seen before: it is asked nothing."""
        c = caps.element(caps.ver([*BASE_FEATURES, *features]))
        await self.say(
            f"<presence xmlns='jabber:client' to={quoteattr(room + '/' + nick)}>"
            f"<x xmlns='{MUC[1:-1]}'><history maxstanzas='0'/></x>{c}</presence>"
        )
        await self.expect(lambda e: e.find(CLIENT + "subject") is not None)

    async def expect(self, predicate):
        """The next to come that matches; what came before it is passed over."""

        async def search():
            while True:
                while self._taken < len(self.received):
                    self._taken += 1
                    if predicate(self.received[self._taken - 1]):
                        return self.received[self._taken - 1]
                self.received += await self._hear()

        return await asyncio.wait_for(search(), TIMEOUT)


class Tcp(Transport):
    async def _connect(self):
        self._reader, self._writer = await asyncio.open_connection(self.server.address, self.server.c2s_port)

    async def _open(self):
        self._parser = StreamParser()
        await self.say(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
            f" to='{self.server.host}'>"
        )
        await self.expect(lambda e: e.tag == STREAM + "features")

    async def say(self, xml):
        self._writer.write(xml.encode())

    async def _hear(self):
        data = await self._reader.read(1 << 16)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return self._parser.feed(data)

    async def close(self):
        self._writer.transport.abort()

    # Stream management

    async def enable(self):
        await self.say(f"<enable xmlns='{SM[1:-1]}' resume='true'/>")
        enabled = await self.expect(lambda e: e.tag == SM + "enabled")
        self._previd = enabled.get("id")
        self._since = self._taken

    async def resume(self):
        """Comes back on another connection, having seen nothing since `enable` but what `expect` has passed."""
        seen = sum(e.tag.startswith(CLIENT) for e in self.received[self._since : self._taken])
        del self.received[self._taken :]
        await self._connect()
        await self._log_in(self.jid.partition("@")[0])
        await self.say(f"<resume xmlns='{SM[1:-1]}' previd='{self._previd}' h='{seen}'/>")
        return await self.expect(lambda e: e.tag in (SM + "resumed", SM + "failed"))


class WebSocket(Transport):
    async def _connect(self):
        self._reader, self._writer = await asyncio.open_connection(self.server.address, self.server.http_port)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET /xmpp-websocket HTTP/1.1\r\nHost: {self.server.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n".encode()
        )
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer

    async def _open(self):
        await self.say(f"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{self.server.host}' version='1.0'/>")
        await self.expect(lambda e: e.tag == STREAM + "features")

    async def say(self, xml):
        data, mask = xml.encode(), os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self._writer.write(b"\x81" + length + mask + bytes(b ^ m for b, m in zip(data, itertools.cycle(mask))))

    async def _hear(self):
        opcode, length = await self._reader.readexactly(2)
        assert opcode == 0x81, "a frame that is no whole text"
        if length >= 126:
            size = 2 if length == 126 else 8
            length = int.from_bytes(await self._reader.readexactly(size))
        return [fromstring(await self._reader.readexactly(length))]

    async def close(self):
        self._writer.transport.abort()


class Bosh(Transport):
    BODY = "{http://jabber.org/protocol/httpbind}"

    async def _connect(self):
        self._rid = itertools.count(1000)
        self._attributes = (
            f"to='{self.server.host}' hold='1' wait='1' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'"
        )
        self._came = []

    async def _open(self):
        if hasattr(self, "_sid"):
            self._attributes = "xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'"
        await self.say("")
        await self.expect(lambda e: e.tag == STREAM + "features")

    async def say(self, xml):
        sid = f" sid='{self._sid}'" if hasattr(self, "_sid") else ""
        body = f"<body xmlns='{self.BODY[1:-1]}' rid='{next(self._rid)}'{sid} {self._attributes}>{xml}</body>"
        self._attributes = ""
        answer = fromstring(await asyncio.to_thread(self._post, body))
        assert answer.get("type") != "terminate", answer.attrib
        if not hasattr(self, "_sid"):
            self._sid = answer.get("sid")
        self._came += list(answer)

    async def _hear(self):
        if not self._came:
            await self.say("")
        came, self._came = self._came, []
        return came

    def _post(self, body):
        connection = http.client.HTTPConnection(self.server.address, self.server.http_port, timeout=TIMEOUT)
        connection.request("POST", "/http-bind", body, {"Host": self.server.host, "Content-Type": "text/xml"})
        return connection.getresponse().read()

    async def close(self):
        await self.say("<presence xmlns='jabber:client' type='unavailable'/>")
