"""A small XMPP client over STARTTLS, which looks at a room's MEP as a stranger would.

xmpp.py JID PASSWORD ROOM ends with 0 if the room says that it has MEP, and what an occupant publishes is told to an
occupant who asks for it. It takes the standard library alone.
"""

import base64
import hashlib
import socket
import ssl
import sys
import time
from xml.etree.ElementTree import XMLPullParser, tostring

CLIENT = "{jabber:client}"
DISCO = "{http://jabber.org/protocol/disco#info}"
EVENT = "{http://jabber.org/protocol/pubsub#event}"
MOOD = "http://jabber.org/protocol/mood"
FEATURES = ("http://jabber.org/protocol/disco#info", f"{MOOD}+notify")
STREAM = """
<stream:stream to='{host}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>
"""


class Failed(Exception):
    pass


def main(jid, password, room):
    with Session(jid, password) as session:
        session.join(room, "witch")
        answer = session.ask(room, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
        identities = [(found.get("category"), found.get("type")) for found in answer.iter(f"{DISCO}identity")]
        if ("pubsub", "mep") not in identities:
            raise Failed(f"{room} has no MEP: {identities}")
        session.ask(
            f"{room}/witch", "set",
            f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{MOOD}'>"
            f"<item><mood xmlns='{MOOD}'><happy/></mood></item></publish></pubsub>",
        )  # fmt: skip
        event = f"{EVENT}event/{EVENT}items[@node='{MOOD}']"
        session.wait_for("the event", lambda stanza: stanza.find(event) is not None)


class Session:
    def __init__(self, jid, password):
        self._user, _, self._host = jid.partition("@")
        self._password = password
        self._socket = connect()
        self._received, self._number = [], 0

    def __enter__(self):
        self._open()
        self._send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self._wait_for_tag("proceed")
        # Whom the certificate is for does not matter here.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)
        self._open()
        secret = base64.b64encode(f"\0{self._user}\0{self._password}".encode()).decode()
        self._send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        self._wait_for_tag("success")
        self._open()
        self.ask(None, "set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
        return self

    def __exit__(self, *_):
        self._socket.close()

    def join(self, room, nick):
        """Enters with capabilities that ask for moods."""
        text = "client/bot//<" + "".join(f"{feature}<" for feature in sorted(FEATURES))
        ver = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
        self._send(
            f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/>"
            f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/' ver='{ver}'/></presence>"
        )
        self.wait_for("the room's subject", lambda stanza: stanza.find(f"{CLIENT}subject") is not None)

    def ask(self, to, kind, payload):
        """Sends a request and returns its result."""
        self._number += 1
        id = f"clean{self._number}"
        address = f"to='{to}'" if to else ""
        self._send(f"<iq id='{id}' type='{kind}' {address}>{payload}</iq>")
        answer = self.wait_for(payload, lambda stanza: stanza.get("id") == id)
        if answer.get("type") != "result":
            raise Failed(f"{payload} is refused: {tostring(answer, 'unicode')}")
        return answer

    def wait_for(self, what, matches):
        """The next stanza that matches; what the server asks meanwhile about capabilities is answered."""
        while True:
            while self._received:
                stanza = self._received.pop(0)
                query = stanza.find(f"{DISCO}query")
                if stanza.get("type") == "get" and query is not None:
                    self._tell_capabilities(stanza, query.get("node", ""))
                elif matches(stanza):
                    return stanza
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                data = b""
            if not data:
                raise Failed(f"{what}: no answer from the server")
            self._parser.feed(data)
            for event, element in self._parser.read_events():
                self._depth += 1 if event == "start" else -1
                if event == "end" and self._depth == 1:
                    self._received.append(element)

    def _tell_capabilities(self, asked, node):
        features = "".join(f"<feature var='{feature}'/>" for feature in FEATURES)
        self._send(
            f"<iq id='{asked.get('id')}' type='result' to='{asked.get('from')}'>"
            f"<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'>"
            f"<identity category='client' type='bot'/>{features}</query></iq>"
        )

    def _open(self):
        self._parser, self._depth = XMLPullParser(("start", "end")), 0
        self._send(STREAM.format(host=self._host).strip())
        self._wait_for_tag("features")

    def _wait_for_tag(self, name):
        return self.wait_for(f"<{name}/>", lambda stanza: stanza.tag.endswith(f"}}{name}"))

    def _send(self, text):
        self._socket.sendall(text.encode())


def connect():
    """A connection to the server, which may be about to start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", 5222), timeout=20)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Failed, OSError) as failure:
        sys.exit(f"{type(failure).__name__}: {failure}")
