"""What a release consists of: number, changelog and tag, archives, the crates with their licences."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from testbed.prosody import PLUGINS, ROOT

MODULE = PLUGINS[0] / "mod_mep"
CRATES = "packaging/crates.py"


def run(*command, cwd=ROOT, **options):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **options)


def output(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Crates and licences


@pytest.fixture(scope="module")
def crates():
    """{(name, version): licence} of what is linked into the core, as `cargo tree` has it."""
    lines = output(
        "cargo", "tree", "--locked", "--prefix", "none", "--edges", "normal,no-proc-macro", "--format", "{p}|{l}",
        "--target", "x86_64-unknown-linux-gnu", "--no-default-features", "--features", "lua54",
    ).splitlines()  # fmt: skip
    found = {}
    for line in filter(None, lines):
        name, version, license = re.match(r"(\S+) v(\S+)[^|]*\|(.*?)(?: \(\*\))?$", line).groups()
        found[name, version] = license.replace("MIT/Apache-2.0", "MIT OR Apache-2.0")
    del found["mod_mep", output("packaging/version.sh").strip()]
    return found


def test_the_notice_names_each_crate_with_its_licence(crates):
    listed = re.findall(r"(?m)^  (\S+) (\d\S+) {2,}(\S.*?) {2,}\S", (ROOT / "NOTICE").read_text())
    assert {(name, version): license for name, version, license in listed} == crates


@pytest.mark.parametrize(("what", "file"), [("notice", "NOTICE"), ("copyright", "packaging/debian/copyright")])
def test_what_is_made_from_the_crates_is_up_to_date(what, file):
    assert output(CRATES, what) == (ROOT / file).read_text(), "run `make notice`"


def test_each_licence_that_is_chosen_comes_with_its_text():
    notice = (ROOT / "NOTICE").read_text()
    chosen = set(re.findall(r"(?m)^  .* {2,}(\S.*)$", notice.partition("\nLicenses\n")[0]))
    chosen = {license for line in chosen for license in line.split(" and ")}
    assert chosen == {"MIT", "Apache-2.0", "MPL-2.0", "Unicode-3.0"}
    assert "Mozilla Public License" in (ROOT / "LICENSES/MPL-2.0.txt").read_text()
    assert "Apache License" in (ROOT / "LICENSES/Apache-2.0.txt").read_text()
    assert "UNICODE LICENSE V3" in notice
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_bill_of_materials_has_each_crate_and_what_it_depends_on(crates):
    bill = json.loads(output(CRATES, "sbom", env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    components = [part for part in bill["components"] if part["name"] != "rust-std"]
    assert {(part["name"], part["version"]) for part in components} == set(crates)
    for part in components:
        assert part["purl"] == f"pkg:cargo/{part['name']}@{part['version']}"
        assert re.fullmatch(r"[0-9a-f]{64}", part["hashes"][0]["content"])
    known = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {entry["ref"] for entry in bill["dependencies"]} <= known
    assert {ref for entry in bill["dependencies"] for ref in entry["dependsOn"]} <= known


# Archives


def test_the_same_module_gives_the_same_archive(tmp_path):
    made = []
    for place, umask in (("a", 0o022), ("b", 0o077)):
        said = output("packaging/archive.sh", str(tmp_path / place), str(MODULE), "lua54", umask=umask)
        made.append(Path(said.strip()))
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as archive:
        names = archive.getnames()
        assert {name.partition("/")[0] for name in names} == {"mod_mep"}, "unpacked beside other modules"
        assert {f"mod_mep/{path.name}" for path in MODULE.iterdir()} < set(names)
        assert {"mod_mep/LICENSE", "mod_mep/NOTICE", "mod_mep/LICENSES/MPL-2.0.txt"} < set(names)
        assert {member.mode for member in archive if member.isfile()} == {0o644}


def test_the_source_archive_is_what_git_has(tmp_path):
    made = [tmp_path / place / "mod_mep-1.2.3.tar.gz" for place in "ab"]
    for path in made:
        output("packaging/source.sh", str(path))
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as archive:
        names = {member.name.removeprefix("mod_mep-1.2.3/") for member in archive if not member.isdir()}
    tracked, deleted = (set(output("git", "ls-files", *also).splitlines()) for also in ((), ("--deleted",)))
    assert names == tracked - deleted


def test_dist_has_checksums_and_says_what_is_left_out(tmp_path, clone):
    tools, dist = tmp_path / "tools", tmp_path / "dist"
    tools.mkdir()
    for folder in reversed(os.environ["PATH"].split(":")):
        for path in sorted(os.scandir(folder), key=lambda entry: entry.name) if Path(folder).is_dir() else ():
            (tools / path.name).unlink(missing_ok=True)
            (tools / path.name).symlink_to(path.path)
    for missing in ("luarocks", "dh"):
        (tools / missing).unlink(missing_ok=True)
    # Building is none of this test's business: what make was asked for is written down instead.
    (tools / "make").unlink()
    (tools / "make").write_text('#!/bin/sh\necho "$*" >>"$MADE"\n')
    (tools / "make").chmod(0o755)
    headers = tmp_path / "include"
    headers.mkdir()
    (headers / "lua.h").write_text("")
    made = tmp_path / "made"
    env = os.environ | {"PATH": str(tools), "MADE": str(made), "LUA_INCDIR": str(headers)}
    said = output("packaging/dist.sh", str(dist), cwd=clone, env=env)
    assert re.findall(r"archive LUA=(\S+)", made.read_text()) == ["lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit"]
    assert "rock" not in made.read_text()
    assert "rocks: luarocks is missing" in said
    assert "Debian package: dh is missing" in said
    assert "This is no release" in said
    output("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist)
    listed = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    version = output("packaging/version.sh", cwd=clone).strip()
    assert {f"mod_mep-{version}.tar.gz", f"mod_mep-{version}.cdx.json"} == listed


# Releases


@pytest.fixture
def clone(tmp_path):
    """A repository with what a release is made from, unreleased changes, and a user who may commit."""
    folder = tmp_path / "clone"
    for name in ("packaging", "src", "benches", "LICENSES"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Makefile", "Cargo.toml", "Cargo.lock", "build.rs", "LICENSE", "NOTICE", "README.md"):
        shutil.copy(ROOT / name, folder)
    output("git", "init", "--quiet", cwd=folder)
    for name, value in (("user.name", "Tester"), ("user.email", "tester@localhost")):
        output("git", "config", name, value, cwd=folder)
    write_changes(folder, "## Unreleased\n\n- Something new.\n")
    return folder


def write_changes(folder, text):
    (folder / "CHANGELOG.md").write_text(f"# Changes\n\n{text}")
    output("git", "add", "--all", cwd=folder)
    output("git", "commit", "--quiet", "--allow-empty", "--message", "Change", cwd=folder)


def release(folder, version):
    return run("packaging/release.sh", version, cwd=folder)


def state(folder):
    return [output("git", *command.split(), cwd=folder) for command in ("rev-parse HEAD", "status --porcelain", "tag")]


def test_a_release_writes_number_and_changelog_commits_and_tags(clone):
    done = release(clone, "7.8.9")
    assert done.returncode == 0, done.stderr
    _, changed, tags = state(clone)
    assert (changed, tags) == ("", "v7.8.9\n")
    assert output("git", "describe", cwd=clone) == "v7.8.9\n"
    assert output("packaging/version.sh", cwd=clone) == "7.8.9\n"
    assert 'name = "mod_mep"\nversion = "7.8.9"' in (clone / "Cargo.lock").read_text()
    assert re.search(r"(?m)^## 7\.8\.9 \(\d{4}-\d\d-\d\d\)\n\n- Something new\.$", (clone / "CHANGELOG.md").read_text())
    assert output("git", "show", "--name-only", "--format=%s", cwd=clone).split() == [
        "Release", "7.8.9", "CHANGELOG.md", "Cargo.lock", "Cargo.toml",
    ]  # fmt: skip
    write_changes(clone, "## Unreleased\n\n- More.\n")
    assert "there is a tag v7.8.9" in release(clone, "7.8.9").stderr
    assert "7.8.8 is older than 7.8.9" in release(clone, "7.8.8").stderr
    assert "7.8.9-rc.1 is older than 7.8.9" in release(clone, "7.8.9-rc.1").stderr
    assert release(clone, "7.9.0-rc.1").returncode == 0
    write_changes(clone, "## Unreleased\n\n- Still more.\n")
    assert release(clone, "7.9.0").returncode == 0


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-beta", "1.2.3 ", "one"])
def test_no_release_has_a_number_that_is_none(clone, version):
    before = state(clone)
    done = release(clone, version)
    assert done.returncode != 0
    assert "is no version" in done.stderr
    assert state(clone) == before


@pytest.mark.parametrize("unreleased", ["", "## Unreleased\n\n"])
def test_no_release_without_a_changelog(clone, unreleased):
    write_changes(clone, f"{unreleased}## 0.0.1 (2020-01-01)\n\n- Old.\n")
    before = state(clone)
    done = release(clone, "7.8.9")
    assert done.returncode != 0
    assert "CHANGELOG.md" in done.stderr
    assert state(clone) == before


def test_no_release_of_what_is_not_committed(clone):
    (clone / "README.md").write_text("changed")
    before = state(clone)
    done = release(clone, "7.8.9")
    assert done.returncode != 0
    assert "not committed" in done.stderr
    assert state(clone) == before


def test_a_release_that_git_refuses_changes_nothing(clone):
    hook = clone / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = state(clone)
    assert release(clone, "7.8.9").returncode != 0
    assert state(clone) == before


# The Debian package: tests/clean/scenarios/deb.py builds and installs it


def test_make_deb_says_what_it_lacks(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "mkdir"):
        (tools / name).symlink_to(shutil.which(name))
    done = run("packaging/deb.sh", str(tmp_path / "dist"), env={"PATH": str(tools)})
    assert done.returncode != 0
    assert "apt install dpkg-dev debhelper" in done.stderr
