# XEP-0316 for slixmpp
# Copyright (c) 2026 The mod_mep developers
# See the file LICENSE for copying permission.
"""XEP-0316, the MUC Eventing Protocol, for slixmpp: ``client.register_plugin('xep_0316', module=slixmpp_mep)``."""
from slixmpp.plugins.base import register_plugin

from slixmpp_mep.event import MEPEvent, MEPItem, MEPLeave, MEPNick
from slixmpp_mep.mep import XEP_0316


register_plugin(XEP_0316)

__all__ = ['XEP_0316', 'MEPEvent', 'MEPItem', 'MEPLeave', 'MEPNick']
