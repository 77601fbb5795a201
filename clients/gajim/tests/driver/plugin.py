"""Joins the room that MEP_ROOM names, and writes the texts of its list of occupants to the file MEP_SHOWN."""

import json
import os
from pathlib import Path

from gajim.common import app, ged
from gajim.gtk.groupchat_roster import GroupchatRoster
from gajim.plugins import GajimPlugin
from gi.repository import GLib, Gtk
from nbxmpp.protocol import JID

ROOM = os.environ["MEP_ROOM"]
SHOWN = Path(os.environ["MEP_SHOWN"])


class DriverPlugin(GajimPlugin):
    def init(self):
        self.events_handlers = {"signed-in": (ged.POSTCORE, self._join)}
        self._last = None
        GLib.timeout_add(100, self._write)

    def _join(self, event):
        client = app.get_client(event.account)
        client.get_module("MUC").join(JID.from_string(ROOM), nick="gajim")
        app.window.add_group_chat(event.account, JID.from_string(ROOM), select=True)

    def _write(self):
        rows = {}
        for roster in rosters_in(getattr(app, "window", None)):
            for group in roster._store:
                for row in group.iterchildren():
                    rows[row[3]] = row[1]
        if rows != self._last:
            self._last = rows
            new = SHOWN.with_suffix(".new")
            new.write_text(json.dumps(rows))
            new.rename(SHOWN)
        return GLib.SOURCE_CONTINUE


def rosters_in(widget):
    if isinstance(widget, GroupchatRoster):
        return [widget]
    if not isinstance(widget, Gtk.Container):
        return []
    return [roster for child in widget.get_children() for roster in rosters_in(child)]
