"""Every test gets a server of its own, on each version of Prosody, and fails on any error in that server's log."""

import pytest
from mep import MOOD, alice_and_bob
from testbed import Client, Prosody
from testbed.prosody import PROSODYS, VERSIONS


def problem_of_newest():
    """Returns why the newest Prosody is missing, or is not today's: tests/setup/prosody.sh writes it."""
    file = PROSODYS / "newest.problem"
    return file.read_text().strip() if file.exists() else ""


@pytest.fixture(params=VERSIONS)
def version(request):
    # Only this one may be missing: without the others, tests fail.
    if request.param == "newest" and not (PROSODYS / "newest").exists():
        pytest.skip(f"no newest Prosody: {problem_of_newest() or 'not fetched'}")
    return request.param


def pytest_terminal_summary(terminalreporter):
    for version in VERSIONS:
        release = PROSODYS / version / "version"
        shown = release.read_text().strip() if release.exists() else "missing, and the tests on it are skipped"
        terminalreporter.write_line(f"Prosody {version}: {shown}")
    if problem := problem_of_newest():
        terminalreporter.write_line(f"Prosody newest: {problem}", yellow=True)


@pytest.fixture
def server(request, version):
    settings, allowed = {}, []
    # The closest marker comes first: what a test says outweighs what its module says.
    for marker in reversed(list(request.node.iter_markers("mep"))):
        settings.update(marker.kwargs)
    for marker in request.node.iter_markers("allow_log"):
        allowed.extend(marker.args)
    prosody = Prosody(version, **settings)
    try:
        yield prosody.start()
    finally:
        prosody.stop()
    assert prosody.problems(allowed) == []


@pytest.fixture
async def connect(server):
    """`await connect("alice", features=[...])`: a `Client` that is closed after the test."""
    clients = []

    async def connect(user, **options):
        client = await Client.connect(server, user, **options)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.close()


@pytest.fixture
async def people(connect):
    """The people of most tests; a file can have others."""
    return await alice_and_bob(connect, MOOD)
