"""What the occupants of each room have published, for as long as they stay."""

from __future__ import annotations

from .payloads import READERS, Line


class States:
    """By room and nick. Holds three lines for each occupant at most, and forgets those who leave."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, dict[str, tuple[str | None, Line]]]] = {}

    def lines(self, room: str, nick: str) -> list[Line]:
        state = self._rooms.get(room, {}).get(nick, {})
        return [state[node][1] for node in READERS if node in state]

    def publish(self, room: str, nick: str, node: str, id_: str | None, line: Line | None) -> None:
        if line is None:
            self.clear(room, nick, node)
        else:
            self._rooms.setdefault(room, {}).setdefault(nick, {})[node] = (id_, line)

    def retract(self, room: str, nick: str, node: str, ids: set[str | None]) -> None:
        if self._rooms.get(room, {}).get(nick, {}).get(node, (object(),))[0] in ids:
            self.clear(room, nick, node)

    def clear(self, room: str, nick: str, node: str) -> None:
        self._rooms.get(room, {}).get(nick, {}).pop(node, None)

    def rename(self, room: str, old: str, new: str) -> None:
        state = self._rooms.get(room, {}).pop(old, None)
        if state is not None:
            self._rooms[room][new] = state

    def leave(self, room: str, nick: str) -> None:
        self._rooms.get(room, {}).pop(nick, None)

    def forget(self, room: str) -> None:
        self._rooms.pop(room, None)
