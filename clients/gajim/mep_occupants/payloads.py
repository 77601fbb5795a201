"""How payloads read, in a line. All of it comes from other people: nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

MOOD = "http://jabber.org/protocol/mood"
ACTIVITY = "http://jabber.org/protocol/activity"
TUNE = "http://jabber.org/protocol/tune"

MAX_TEXT = 80

MOODS = {
    "happy": "😊", "excited": "🤩", "playful": "😜", "relaxed": "😌", "grateful": "🙏", "in_love": "😍", "proud": "🦁",
    "curious": "🧐", "confused": "😕", "sleepy": "😴", "bored": "🥱", "stressed": "😫", "sad": "😢", "angry": "😠",
    "sick": "🤒",
}  # fmt: skip

ACTIVITIES = {
    "doing_chores": "🧹", "drinking": "☕", "eating": "🍽️", "exercising": "🏃", "grooming": "💇",
    "having_appointment": "📅", "inactive": "💤", "relaxing": "🛋️", "talking": "💬", "traveling": "🚆", "working": "💼",
}  # fmt: skip


class Line(NamedTuple):
    icon: str
    text: str


def read(node: str, payload: Any) -> Line | None:
    """The line for an nbxmpp `Node`, or None for a payload that says nothing, which means that it is over."""
    if payload.getNamespace() != node:
        return None
    return READERS[node](payload)


def tidy(text: str) -> str:
    """One line of printable text, of a length that fits under a name."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "" for c in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _text_of(parent: Any, name: str) -> str:
    child = parent.getTag(name)
    return "" if child is None else tidy(child.getData() or "")


def _kind_of(parent: Any) -> Any:
    """The element that says what it is, beside the optional text."""
    return next((child for child in parent.getChildren() if child.getName() != "text"), None)


def _words(element: Any) -> str:
    return tidy(element.getName().replace("_", " "))


def _read_mood(mood: Any) -> Line | None:
    kind = _kind_of(mood)
    if kind is None:
        return None
    return Line(MOODS.get(kind.getName(), "💗"), _text_of(mood, "text") or _words(kind))


def _read_activity(activity: Any) -> Line | None:
    general = _kind_of(activity)
    if general is None:
        return None
    specific = _kind_of(general)
    words = _words(general if specific is None else specific)
    return Line(ACTIVITIES.get(general.getName(), "✨"), _text_of(activity, "text") or words)


def _read_tune(tune: Any) -> Line | None:
    parts = [part for part in (_text_of(tune, "artist"), _text_of(tune, "title")) if part]
    return Line("🎵", tidy(" – ".join(parts))) if parts else None


# In the order of display
READERS: dict[str, Callable[[Any], Line | None]] = {MOOD: _read_mood, ACTIVITY: _read_activity, TUNE: _read_tune}
