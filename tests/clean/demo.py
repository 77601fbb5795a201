"""Walks `make run`: it prints a page's address, the page and the websocket answer, and Ctrl-C leaves nothing behind."""

import http.client
import time
from urllib.parse import urlsplit

from root import Failed, cpu_seconds, last_lines
from terminal import CONTROL_C

ADDRESS = r"Join them: \S*?(http://[\w.:]+/)"
FILES = ("", "node_modules/converse-mep/src/index.js", "node_modules/converse.js/dist/converse.min.js")


def walk(root, folder, timeout=1800):
    began, worked = time.monotonic(), cpu_seconds()
    before = root.processes(), root.temporary_files()
    with root.type("make run", cwd=folder) as terminal:
        if not (found := terminal.wait_for(ADDRESS, timeout)):
            raise Failed(f"`make run` printed no address:\n{last_lines(terminal.output)}")
        root.say(f"make run: the page's address after {time.monotonic() - began:.0f} s")
        address = urlsplit(found[1])
        for file in FILES:
            check_page(address, file)
        check_websocket(address)
        terminal.press(CONTROL_C)
        status = terminal.wait(30)
    root.note(f"CPU {cpu_seconds() - worked:.0f} s")
    if status is None:
        raise Failed(f"`make run` went on after Ctrl-C:\n{last_lines(terminal.output)}")
    if "Traceback" in terminal.output:
        raise Failed(f"`make run` ended with a traceback:\n{last_lines(terminal.output)}")
    left = processes_left(root, before[0])
    if left or (files := root.temporary_files() - before[1]):
        raise Failed(f"`make run` left behind: {', '.join(left.values() or files)}")
    if status := root.run("git status --porcelain", cwd=folder):
        raise Failed(f"`make run` left files in the repository:\n{status}")
    began = time.monotonic()
    with root.type("make run", cwd=folder) as terminal:
        terminal.wait_for(ADDRESS, 60)
        root.say(f"make run: the second time after {time.monotonic() - began:.1f} s")
        terminal.press(CONTROL_C)
        terminal.wait(30)


def processes_left(root, before):
    """What runs that did not before; a process that is on its way out is given a moment."""
    deadline = time.monotonic() + 5
    while (left := {pid: line for pid, line in root.processes().items() if pid not in before}) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return left


def check_page(address, file):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request("GET", f"/{file}")
    answer = connection.getresponse()
    if answer.status != 200 or not answer.read():
        raise Failed(f"GET {file or '/'}: {answer.status}")
    connection.close()


def check_websocket(address):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "xmpp"}
    connection.request("GET", "/xmpp-websocket", headers=headers)
    answer = connection.getresponse()
    if answer.status != 101:
        raise Failed(f"the websocket: {answer.status}")
    connection.close()
