"""Every test gets a server of its own, on both versions of Prosody, and fails on any error in that server's log."""

import pytest
from testbed import Client, Prosody
from testbed.prosody import VERSIONS


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


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
