"""From files to SQL with Prosody's own migrator, as docs/operations.md has it."""

import re
import subprocess

import pytest
from mep import MOOD, ROOM, come_in, ids_in, items, mood, must, publish
from test_durable import HOST, PERSISTENT, fill, state
from test_registered import REGISTER
from testbed import Client, Prosody
from testbed.prosody import ROOT

DOC = (ROOT / "docs/operations.md").read_text()
SECTION = DOC.partition("\n## Move to another driver\n")[2].partition("\n## ")[0]
ALICE = f"{ROOM}/alice"
OPTIONS = PERSISTENT + "\nmep_keep_registered = true"


def install_migrator(version, folder):
    """The migrator of a version, as the program that the documentation calls; its settings are those of that Prosody."""
    program = (ROOT / "target/prosody" / version / "usr/bin/prosody-migrator").read_text()
    installed = f"{ROOT}/target/prosody/{version}/usr/lib/prosody"
    for name, path in (("SOURCE", installed), ("PLUGIN", f"{installed}/modules/"), ("CONFIG", folder), ("DATA", folder)):
        program = re.sub(rf"^CFG_{name}DIR=.*$", f'CFG_{name}DIR="{path}"', program, count=1, flags=re.M)
    file = folder / "prosody-migrator"
    file.write_text(re.sub("^#!.*", "#!/usr/bin/env lua5.4", program))
    file.chmod(0o755)


def replaced(text, shown):
    for old, new in shown.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def migrate(version, folder, source, target):
    """Does what the documentation says, with other names; `target` is the storage to move to."""
    install_migrator(version, folder)
    blocks = re.findall(r"```lua\n(.*?)```", SECTION, re.S)
    database = dict(re.findall(r'(\w+) = "(.*?)"', target.config))
    if database["driver"] == "SQLite3":
        config = blocks[0].partition("output {")[0] + replaced(
            blocks[1], {"/var/lib/prosody/prosody.sqlite": database["database"]}
        )
    else:
        config = replaced(blocks[0], {
            'database = "prosody"': f'database = "{database["database"]}"',
            'username = "prosody"': f'username = "{database["username"]}"',
            'password = "secret"': 'password = ""',
            'host = "localhost"': f'host = "{database["host"]}"',
        })  # fmt: skip
    config = replaced(config, {"rooms.example.com": HOST, '"/var/lib/prosody"': f'"{source / "data"}"'})
    (file,) = re.findall(r"Put this into\s+`/etc/prosody/(\S+)`", SECTION)
    (folder / file).write_text(config)

    (command,) = re.findall(r"```sh\n(.*?)```", SECTION, re.S)
    # Without --root it would go on as user prosody, where the system has one, and could not read the test's files.
    shown = {f"/etc/prosody/{file}": str(folder / file), "prosody-migrator ": "prosody-migrator --root "}
    done = subprocess.run(
        ["sh", "-ec", replaced(command, shown)],
        capture_output=True, text=True, timeout=60, cwd="/", env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("driver", ["postgresql", "sqlite"])
@pytest.mark.mep(storage="internal", options=OPTIONS)
async def test_a_room_moves_from_files_to_a_database(server, connect, version, tmp_path, driver):
    alice = await connect("alice")
    await come_in(alice, "alice")
    await fill(alice)
    await must(alice, "set", ROOM, REGISTER % "alice")
    await must(alice, "set", ALICE, publish(MOOD, mood(), "of alice"))
    before = await state(alice)
    server.kill()
    with Prosody(version, storage=driver, options=OPTIONS) as other:
        other.kill()
        migrate(version, tmp_path, server._folder, other.storage)
        other.start()
        async with await Client.connect(other, "alice") as alice:
            await come_in(alice, "alice")
            assert await state(alice) == before
            assert ids_in(await must(alice, "get", ALICE, items(MOOD))) == ["of alice"]
    assert other.problems() == []
    server.start()
