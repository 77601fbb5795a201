"""XML as the clients see it: a parser of endless streams, and short names for namespaces."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

CLIENT = "{jabber:client}"
STREAM = "{http://etherx.jabber.org/streams}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
CAPS = "{http://jabber.org/protocol/caps}"
DISCO_INFO = "{http://jabber.org/protocol/disco#info}"
MUC = "{http://jabber.org/protocol/muc}"
MUC_USER = "{http://jabber.org/protocol/muc#user}"
PING = "{urn:xmpp:ping}"
PUBSUB = "{http://jabber.org/protocol/pubsub}"
PUBSUB_OWNER = "{http://jabber.org/protocol/pubsub#owner}"
PUBSUB_EVENT = "{http://jabber.org/protocol/pubsub#event}"
PUBSUB_ERRORS = "{http://jabber.org/protocol/pubsub#errors}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def attributes(**values):
    """`attributes(to="a", id=None)` is ` to="a"`; `from_` is `from`, `xml__lang` is `xml:lang`."""
    return "".join(
        f" {name.rstrip('_').replace('__', ':')}={quoteattr(str(value))}"
        for name, value in values.items()
        if value is not None
    )


class StreamParser:
    """Turns what arrives on one XMPP stream into whole stanzas, as soon as the last byte of each is there."""

    def __init__(self):
        self.header = None
        self._depth = 0
        self._done = []
        self._expat = expat.ParserCreate(namespace_separator="}")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._data
        # Newer expats wait for more before they hand out a long token; here nothing more may ever come.
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)

    def feed(self, data):
        """The stanzas that `data` completes."""
        self._expat.Parse(data)
        done, self._done = self._done, []
        return done

    def _start(self, name, attrs):
        name, attrs = _clark(name), {_clark(key): value for key, value in attrs.items()}
        if self._depth == 0:
            self.header = Element(name, attrs)
        else:
            if self._depth == 1:
                self._builder = TreeBuilder()
            self._builder.start(name, attrs)
        self._depth += 1

    def _end(self, name):
        self._depth -= 1
        if self._depth:
            self._builder.end(_clark(name))
        if self._depth == 1:
            self._done.append(self._builder.close())

    def _data(self, data):
        if self._depth > 1:
            self._builder.data(data)


def _clark(name):
    return "{" + name if "}" in name else name
