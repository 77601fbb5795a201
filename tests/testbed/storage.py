"""Prosody's storage, by driver: how a server is told to use it, what is in it, and how to make it fail.

Only the stores with the nodes of rooms are looked at, and only they fail.
"""

import contextlib
import hashlib
import re
import sqlite3

from . import postgres

# Where the nodes of rooms are.
STORES = ("mep", "mep_nodes")

DISK_FULL = "the disk is full"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def encode(name):
    """A name as the embedded driver writes it: of bytes, all but letters and digits."""
    return "".join(chr(b) if chr(b).isalnum() and b < 128 else f"%{b:02x}" for b in name.encode())


class Memory:
    """Also whatever Prosody knows by that name and the tests don't look into."""

    def __init__(self, folder, name="memory"):
        self.folder = folder
        self.config = f'storage = "{name}"'

    def close(self):
        pass


class Internal(Memory):
    def __init__(self, folder):
        super().__init__(folder, "internal")
        self._scratch = []

    def _files(self, host):
        folders = [self.folder / "data" / encode(host) / store for store in STORES]
        return [path for folder in folders if folder.exists() for path in folder.iterdir() if path.is_file()]

    def entries(self, host):
        """All files, or rows: for each its store and what else identifies it."""
        return sorted((path.parent.name, path.name) for path in self._files(host))

    def names(self, host, store):
        """What the store has something under, as the driver writes it."""
        return {path.stem for path in (self.folder / "data" / encode(host) / store).glob("*.dat")}

    def marks(self, host):
        """To be compared with later ones: what is not in both was written in between."""
        return {(path, path.stat().st_ino, path.stat().st_mtime_ns) for path in self._files(host)}

    def edit(self, host, pattern, replacement):
        """Replaces what matches the pattern in all files. Returns how often it did."""
        total = 0
        for path in self._files(host):
            text, count = re.subn(pattern, lambda _: replacement, path.read_text())
            path.write_text(text)
            total += count
        return total

    def set_format(self, host, store, old, new):
        """Changes what the entries of a store say of their format."""
        for path in self._files(host):
            if path.parent.name == store:
                path.write_text(path.read_text().replace(f'["format"] = {old}', f'["format"] = {new}'))

    def refuse(self, host, store, room, nodes):
        """No write to what the store has, or is to have, of these nodes of a room works until `mend()`."""
        folder = self.folder / "data" / encode(host) / store
        names = [encode(room)] if store == "mep" else [sha256(f"{room}/{node}") for node in nodes]
        for name in names:
            scratch = folder / f"{name}.dat~"  # where the driver writes before it renames
            scratch.mkdir(parents=True)
            self._scratch.append(scratch)

    def mend(self):
        while self._scratch:
            self._scratch.pop().rmdir()


class Sql:
    """What is SQL, for both databases; `query(sql)` runs a statement and returns its rows."""

    _watched = False

    def entries(self, host):
        rows = self.query(f"""SELECT store, "user", "key" FROM prosody WHERE host = '{host}' AND store IN {STORES}""")
        return sorted(tuple(row) for row in rows)

    def names(self, host, store):
        return {row[0] for row in self.query(f"""SELECT "user" FROM prosody WHERE host = '{host}' AND store = '{store}'""")}

    def marks(self, host):
        self._watch()
        return set(range(int(self.query("SELECT count(*) FROM written")[0][0])))

    def set_format(self, host, store, old, new):
        self.query(
            f"""UPDATE prosody SET value = replace(value, '"format":{old}', '"format":{new}')"""
            f" WHERE host = '{host}' AND store = '{store}'"
        )

    def refuse(self, host, store, room, nodes):
        self._watch()
        self.query(f"INSERT INTO refused VALUES ('{store}')")

    def mend(self):
        self.query("DELETE FROM refused")

    def _watch(self):
        """From now on rows that are written are counted, and those of stores in the table `refused` are not written."""
        if not self._watched:
            self._watched = True
            tables = "CREATE TABLE written (n INTEGER); CREATE TABLE refused (store TEXT);"
            self.run(tables + self.TRIGGERS)


ROWS = (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))


class Sqlite(Sql):
    TRIGGERS = "".join(
        f"CREATE TRIGGER refuse_{what} BEFORE {what} ON prosody WHEN {row}.store IN (SELECT store FROM refused)"
        f" BEGIN SELECT RAISE(ABORT, '{DISK_FULL}'); END;"
        f"CREATE TRIGGER count_{what} AFTER {what} ON prosody WHEN {row}.store IN {STORES}"
        f" BEGIN INSERT INTO written VALUES (1); END;"
        for what, row in ROWS
    )

    def __init__(self, folder):
        self._file = folder / "data/prosody.sqlite"
        self.config = f'storage = "sql"\nsql = {{ driver = "SQLite3", database = "{self._file}" }}'

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(self._file, timeout=20)) as connection, connection:
            return connection.execute(sql).fetchall()

    def run(self, sql):
        with contextlib.closing(sqlite3.connect(self._file, timeout=20)) as connection:
            connection.executescript(sql)

    def close(self):
        pass


class Postgresql(Sql):
    TRIGGERS = "".join(
        f"CREATE FUNCTION watch_{what}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {row}.store IN (SELECT store FROM refused) THEN RAISE EXCEPTION '{DISK_FULL}'; END IF;"
        f" IF {row}.store IN {STORES} THEN INSERT INTO written VALUES (1); END IF; RETURN {row}; END $$;"
        f"CREATE TRIGGER watch_{what} AFTER {what} ON prosody FOR EACH ROW EXECUTE FUNCTION watch_{what}();"
        for what, row in ROWS
    )

    def __init__(self, _):
        self._cluster = postgres.cluster()
        self._database = self._cluster.create()
        self.config = (
            f'storage = "sql"\nsql = {{ driver = "PostgreSQL", database = "{self._database}", password = "",'
            f' username = "{postgres.USER}", host = "{self._cluster.folder}" }}'
        )

    def query(self, sql):
        return self._cluster.query(self._database, sql)

    run = query

    def disconnect(self):
        """Ends all connections to the database, as its restart would."""
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def close(self):
        self._cluster.drop(self._database)


DRIVERS = {"internal": Internal, "sqlite": Sqlite, "postgresql": Postgresql}


def open_storage(name, folder):
    return DRIVERS[name](folder) if name in DRIVERS else Memory(folder, name)
