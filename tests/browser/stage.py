"""Serves the Converse.js example from a Prosody of the given version, and plays other occupants for the browser tests.

Prints the page's address, then carries out one JSON line at a time, [user, method, argument...], by calling that method
of the user's testbed client, and answers each with the line {"ok": ...} or {"error": ...}. ["", "status"] is what the
module counts. Ends with its input.
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/demo"))

import page  # noqa: E402
from testbed.client import Client, error_of  # noqa: E402


async def act(server, clients, user, method, *arguments):
    if not user:
        return getattr(server, method)()
    if user not in clients:
        clients[user] = await Client.connect(server, user)
    result = getattr(clients[user], method)(*arguments)
    if inspect.isawaitable(result):
        result = await result
    if method == "iq" and (error := error_of(result)):
        raise AssertionError(f"{error.condition}: {error.text}")


async def main(version):
    loop = asyncio.get_running_loop()
    clients = {}
    async with page.prosody(version) as server:
        print(json.dumps({"url": page.url(server), "room": page.ROOM, "token": page.TOKEN}), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            try:
                answer = {"ok": await act(server, clients, *json.loads(line))}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
        for client in clients.values():
            await client.cut()
    if problems := server.problems():
        sys.exit("".join(problems))


asyncio.run(main(sys.argv[1]))
