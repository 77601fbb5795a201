"""The part that Gajim loads: asks rooms for the events, and draws what they say under each name."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from gajim.common import app
from gajim.gtk.groupchat_roster import Column, GroupchatRoster
from gajim.plugins import GajimPlugin
from gi.repository import GLib, Gtk

from . import module
from .payloads import READERS, Line


class MepOccupantsPlugin(GajimPlugin):
    def init(self) -> None:
        self.modules = [module]
        self.gui_extension_points = {"update_caps": (self._add_interest, None)}
        self._rosters: WeakSet[GroupchatRoster] = WeakSet()
        self._changed: set[tuple[str, str, str]] = set()
        self._original: Any = None

    def activate(self) -> None:
        self._original = original = GroupchatRoster._draw_contact

        def draw(roster: GroupchatRoster, nick: str) -> None:
            original(roster, nick)
            self._rosters.add(roster)
            self._add_lines(roster, nick)

        # There is no extension point for the list of occupants.
        GroupchatRoster._draw_contact = draw
        module.MEPOccupants.on_change = self._on_change
        self._redraw_all()
        self._announce()

    def deactivate(self) -> None:
        GroupchatRoster._draw_contact = self._original
        module.MEPOccupants.on_change = None
        self._redraw_all()
        self._announce()

    # Interest

    def _add_interest(self, _account: str, features: list[str]) -> None:
        features += [feature for node in READERS if (feature := f"{node}+notify") not in features]

    def _announce(self) -> None:
        for client in app.get_clients():
            client.get_module("Caps").update_caps()

    # Drawing

    def _add_lines(self, roster: GroupchatRoster, nick: str) -> None:
        contact, row = roster._contact, roster._get_contact_iter(nick)
        if contact is None or row is None:
            return
        states = app.get_client(contact.account).get_module(module.name).states
        for line in states.lines(str(contact.jid), nick):
            roster._store[row][Column.TEXT] += markup(line)

    def _on_change(self, account: str, room: str, nick: str) -> None:
        if not self._changed:
            GLib.idle_add(self._redraw)
        self._changed.add((account, room, nick))

    def _redraw(self) -> bool:
        changed, self._changed = self._changed, set()
        for roster in list(self._rosters):
            contact = roster._contact
            for account, room, nick in changed:
                if contact is not None and (contact.account, str(contact.jid)) == (account, room):
                    roster._draw_contact(nick)
        return GLib.SOURCE_REMOVE

    def _redraw_all(self) -> None:
        for roster in rosters_in(getattr(app, "window", None)):
            if roster._contact is not None:
                roster.draw_contacts()


def markup(line: Line) -> str:
    """Pango markup of a line; a text in a right-to-left script turns nothing around it."""
    text = GLib.markup_escape_text(line.text)
    return f'\n<span size="small" alpha="75%">{line.icon} \u2068{text}\u2069</span>'


def rosters_in(widget: Any) -> list[GroupchatRoster]:
    if isinstance(widget, GroupchatRoster):
        return [widget]
    if not isinstance(widget, Gtk.Container):
        return []
    return [roster for child in widget.get_children() for roster in rosters_in(child)]
