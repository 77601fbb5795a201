"""The module as a folder, in Debian's own Prosody: installed, as a checkout, and from a release's archive."""

import prosody

QUICK = ("bookworm",)


def walk(root):
    prosody.install(root)
    root.install("liblua5.4-dev")
    folder = root.clone()

    root.run("make module", cwd=folder)
    root.run("make install", cwd=folder)
    prosody.configure(root)
    prosody.restart(root)
    prosody.check(root, "installed")
    root.say("make module, make install: rooms have MEP")

    # As in prosody-modules: the checkout is the module's folder, and was built where it lies.
    root.run(f"rm -r {prosody.MODULES}/mod_mep && mkdir /srv/modules && mv {folder} /srv/modules/mod_mep")
    root.run("make module", cwd="/srv/modules/mod_mep")
    prosody.configure(root, "/srv/modules")
    prosody.restart(root)
    prosody.check(root, "checkout")
    root.say("a checkout as modules/mod_mep: rooms have MEP")

    said = root.run("make archive", cwd="/srv/modules/mod_mep")
    archive = root.expect(said, r"(?m)^/\S+\.tar\.gz$")[0]
    root.run(f"mkdir /srv/released && tar -xzf {archive} -C /srv/released")
    prosody.configure(root, "/srv/released")
    prosody.restart(root)
    prosody.check(root, "released")
    root.say("a release's archive, unpacked: rooms have MEP")
