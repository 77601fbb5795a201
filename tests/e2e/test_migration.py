"""From files to PostgreSQL with Prosody's own migrator, as docs/operations.md has it."""

import re
import subprocess

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, publish
from test_durable import HOST, PERSISTENT, fill, state
from test_registered import REGISTER
from testbed import Client, Prosody
from testbed.prosody import ROOT
from testbed.storage import Postgresql

DOC = ROOT / "docs/operations.md"
ALICE = f"{ROOM}/alice"
OPTIONS = PERSISTENT + "\nmep_keep_registered = true"


def migrate(version, folder, source, target):
    """Runs the migrator of a version with the configuration that the documentation shows."""
    program = (ROOT / "target/prosody" / version / "usr/bin/prosody-migrator").read_text()
    installed = f"{ROOT}/target/prosody/{version}/usr/lib/prosody"
    for name, path in (("SOURCE", installed), ("PLUGIN", f"{installed}/modules/"), ("CONFIG", folder), ("DATA", folder)):
        program = re.sub(rf"^CFG_{name}DIR=.*$", f'CFG_{name}DIR="{path}"', program, count=1, flags=re.M)
    (folder / "prosody-migrator").write_text(program)

    (config,) = re.findall(r"```lua\n(input .*?)```", DOC.read_text(), re.S)
    database = dict(re.findall(r'(\w+) = "(.*?)"', target.config))
    shown = {
        "rooms.example.com": HOST,
        "/var/lib/prosody": str(source / "data"),
        'database = "prosody"': f'database = "{database["database"]}"',
        'username = "prosody"': f'username = "{database["username"]}"',
        'password = "secret"': 'password = ""',
        'host = "localhost"': f'host = "{database["host"]}"',
    }
    for old, new in shown.items():
        assert old in config, old
        config = config.replace(old, new)
    (folder / "migrator.cfg.lua").write_text(config)
    done = subprocess.run(
        ["lua5.4", folder / "prosody-migrator", "--config", folder / "migrator.cfg.lua"],
        capture_output=True, text=True, timeout=60, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.mep(storage="internal", options=OPTIONS)
async def test_a_room_moves_from_files_to_postgresql(server, connect, version, tmp_path):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await fill(alice)
    await must(alice, "set", ROOM, REGISTER % "alice")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "of alice"))
    before = await state(alice)
    server.kill()
    with Prosody(version, storage="postgresql", options=OPTIONS) as other:
        assert isinstance(other.storage, Postgresql)
        other.kill()
        migrate(version, tmp_path, server._folder, other.storage)
        other.start()
        async with await Client.connect(other, "alice") as alice:
            await come_in(alice, "alice")
            assert await state(alice) == before
            assert ids_in(await must(alice, "get", ALICE, items(MOOD))) == ["of alice"]
    assert other.problems() == []
    server.start()
