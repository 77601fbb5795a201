"""A client whose stream can be resumed (XEP-0198)."""

import codecs

from .client import Client
from .xml import CLIENT, attributes

SM = "{urn:xmpp:sm:3}"


class Resumable(Client):
    """Connect it, `enable` it; then it may be `cut` and `resume`d."""

    _enabled = None  # the server's word, and how much had been received by then

    async def enable(self):
        self.send(f"<enable xmlns='{SM[1:-1]}' resume='true'/>")
        self._enabled = await self.expect(lambda s: s.tag == SM + "enabled")

    async def resume(self, server):
        """Comes back on another connection, and says how much had arrived; returns what the server says to that."""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        await self._log_in(server, self.jid.partition("@")[0], None)
        self.send(f"<resume xmlns='{SM[1:-1]}'{attributes(previd=self._enabled.get('id'), h=self._handled())}/>")
        return await self.expect(lambda s: s.tag in (SM + "resumed", SM + "failed"))

    def _handled(self):
        since = self.received[self.received.index(self._enabled) :]
        return sum(stanza.tag.startswith(CLIENT) for stanza in since)

    def _handle(self, stanza):
        if stanza.tag == SM + "r":
            self.send(f"<a xmlns='{SM[1:-1]}'{attributes(h=self._handled())}/>")
        return stanza.tag in (SM + "r", SM + "a") or super()._handle(stanza)
