#!/usr/bin/env python3
"""Says which crates are part of the core, and under which licences: `cargo metadata` knows them.

crates.py notice     prints NOTICE
crates.py copyright  prints packaging/debian/copyright
crates.py sbom       prints a software bill of materials (CycloneDX 1.5, JSON); SOURCE_DATE_EPOCH is its time

Only what is linked into the core is told: not what runs at build time (macros, build scripts), nor what tests use.
"""

import datetime
import functools
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The same crates for every Lua, and for every Linux: one of each, so that the answer is the same on all machines.
FEATURES = ["--no-default-features", "--features", "lua54"]
PLATFORM = "x86_64-unknown-linux-gnu"
# Of licences that a crate lets choose from, the first of these that is among them.
PREFERRED = ["Apache-2.0", "MIT"]
SPDX = {"MIT/Apache-2.0": "MIT OR Apache-2.0"}  # as older crates write it
KNOWN = {"Apache-2.0", "MIT", "MPL-2.0", "Unicode-3.0"}
STANDARD_LIBRARY = {"name": "Rust's standard library", "license": "MIT OR Apache-2.0"}


def main():
    writers = {"notice": notice, "copyright": debian_copyright, "sbom": sbom}
    if len(sys.argv) != 2 or sys.argv[1] not in writers:
        sys.exit(__doc__)
    print(writers[sys.argv[1]](), end="")


# What is written


def notice():
    mozilla = [crate for crate in linked() if "MPL-2.0" in chosen(crate)]
    lines = [
        "mod_mep is under the MIT license: see LICENSE. Its core, mep_core.so, contains the crates below, each under",
        "the license that its line ends with. Where a crate lets you choose, mod_mep has chosen Apache-2.0, or else",
        "MIT.",
        "",
        "The sources of a crate are at https://crates.io/crates/NAME/VERSION. No file of those under MPL-2.0 was",
        "changed:",
        "",
        *(f"  {crate['name']} {crate['version']}: {source_of(crate)}" for crate in mozilla),
        "",
        "",
        "Crates",
        "------",
        "",
    ]
    for crate in linked():
        called, taken = f"{crate['name']} {crate['version']}", " and ".join(chosen(crate))
        lines.append(f"  {called:31} {license_of(crate):41} {taken}")
    lines.append(f"  {STANDARD_LIBRARY['name']:31} {STANDARD_LIBRARY['license']:41} Apache-2.0")
    lines += [
        "",
        "",
        "Licenses",
        "--------",
        "",
        "Apache-2.0 and MPL-2.0 are in the folder LICENSES. MIT is as in LICENSE, with these copyrights:",
        "",
        *(f"  {crate['name']}: {holder}" for crate in linked() if "MIT" in chosen(crate) for holder in holders(crate)),
        "",
        "Unicode-3.0:",
        "",
        *(f"  {line}".rstrip() for line in unicode_license().splitlines()),
    ]
    return "\n".join([*lines, ""])


def debian_copyright():
    """Machine-readable, as Debian wants it: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/."""
    mine = (ROOT / "LICENSE").read_text().split("\n\n", 2)
    mit = mine[2].strip()
    by_license = {}
    for crate in linked():
        by_license.setdefault(" and ".join(chosen(crate)), []).append(crate)
    paragraphs = [
        field("Format", "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
        + field("Upstream-Name", "mod_mep")
        + field(
            "Comment",
            "The sources of this package are under MIT. The core in the binary package is linked with crates from "
            "crates.io, named below by license; their sources are at https://crates.io/crates/NAME/VERSION, "
            "and no file of them was changed.",
        ),
        field("Files", "*") + field("Copyright", mine[1].removeprefix("Copyright (c) ")) + field("License", "MIT"),
    ]
    for license, crates in sorted(by_license.items()):
        names = ", ".join(f"{crate['name']} {crate['version']}" for crate in crates)
        if license == "Apache-2.0":
            names += f", and {STANDARD_LIBRARY['name']}"
        owners = sorted({holder for crate in crates for holder in holders(crate)}, key=str.casefold)
        paragraphs.append(
            field("Files", f"linked/{license.replace(' and ', '+')}/*")
            + "Copyright:\n" + "".join(f" {owner}\n" for owner in owners)
            + field("License", license)
            + field("Comment", f"Not in the sources, but in the core: {names}.")
        )  # fmt: skip
    paragraphs += [
        "License: MIT\n" + indented(mit),
        *(
            f"License: {name}\n" + indented(f"On Debian systems the license is in /usr/share/common-licenses/{name}.")
            for name in ("Apache-2.0", "MPL-2.0")
        ),
        "License: Unicode-3.0\n" + indented(unicode_license()),
    ]
    return "\n".join(paragraphs)


def sbom():
    graph, checksums = resolved(), locked_checksums()
    root, *_ = [crate for crate in graph.values() if crate["source"] is None]
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    components = [component(crate, checksums) for crate in linked()]
    version = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    standard = {
        "type": "library", "bom-ref": f"rust-std@{version}", "name": "rust-std", "version": version,
        "description": STANDARD_LIBRARY["name"], "licenses": [{"expression": STANDARD_LIBRARY["license"]}],
    }  # fmt: skip
    depends = {reference(crate): sorted({reference(graph[id]) for id in crate["linked"]}) for crate in graph.values()}
    depends[reference(root)].append(standard["bom-ref"])
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([components, epoch, version]))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {**component(root, checksums), "type": "library"},
        },
        "components": [*components, standard],
        "dependencies": [{"ref": ref, "dependsOn": on} for ref, on in sorted(depends.items())],
    }
    return json.dumps(bill, indent=1, ensure_ascii=False) + "\n"


# What cargo knows


@functools.cache
def resolved():
    """The crates that are linked, mod_mep among them, by id; `linked` are the ids that one depends on."""
    # `metadata` also has what crates would need with the features that tests ask of them; `tree` has what is built.
    only = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    built = {tuple(line.split()[:2]) for line in cargo("tree", *only, "--target", PLATFORM).splitlines() if line}
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", PLATFORM))
    packages = {
        package["id"]: package
        for package in metadata["packages"]
        if (package["name"], f"v{package['version']}") in built
    }
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in packages:
            normal = [one["pkg"] for one in node["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])]
            packages[node["id"]]["linked"] = [id for id in normal if id in packages]
    return packages


def cargo(command, *arguments):
    argv = [os.environ.get("CARGO", "cargo"), command, "--locked", *FEATURES, *arguments]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def linked():
    return sorted((crate for crate in resolved().values() if crate["source"]), key=lambda c: (c["name"], c["version"]))


def locked_checksums():
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    return {(package["name"], package["version"]): package.get("checksum") for package in packages}


def license_of(crate):
    return SPDX.get(crate["license"], crate["license"])


def chosen(crate):
    """The licences that mod_mep takes a crate under."""
    taken = []
    for part in license_of(crate).split(" AND "):
        choices = part.strip("()").split(" OR ")
        taken.append(next((license for license in PREFERRED if license in choices), choices[0]))
    if unknown := set(taken) - KNOWN:
        sys.exit(f"{crate['name']}: no text of {', '.join(unknown)} is known here: see packaging/crates.py")
    return sorted(taken)


def source_of(crate):
    return f"https://crates.io/crates/{crate['name']}/{crate['version']} ({crate['repository']})"


def holders(crate):
    """Those who have the copyright, as the crate's licence files say, or else its authors."""
    folder = Path(crate["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if re.match(r"(LICENSE|COPYING|COPYRIGHT)", file.name)]
    files = [file for file in files if "APACHE" not in file.name]
    found = []
    for file in files:
        for line in file.read_text(errors="replace").splitlines():
            if match := re.match(r"\s*Copyright (?:\(c\) |© )?(\d{4}.*[A-Za-z].*|Mozilla.*)", line, re.IGNORECASE):
                found.append(match[1].strip())
    authors = ", ".join(re.sub(r" <.*?>", "", author) for author in crate["authors"])
    return list(dict.fromkeys(found)) or [authors or f"the developers of {crate['name']}"]


def unicode_license():
    crate = next(crate for crate in linked() if crate["name"] == "icu_provider")
    return Path(crate["manifest_path"]).with_name("LICENSE").read_text().strip()


# Forms


def reference(crate):
    return f"pkg:cargo/{crate['name']}@{crate['version']}"


def component(crate, checksums):
    made = {
        "type": "library", "bom-ref": reference(crate), "name": crate["name"], "version": crate["version"],
        "purl": reference(crate), "licenses": [{"expression": license_of(crate)}],
    }  # fmt: skip
    if crate["description"]:
        made["description"] = " ".join(crate["description"].split())
    if checksum := checksums.get((crate["name"], crate["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if crate["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": crate["repository"]}]
    return made


def field(name, value):
    kept_whole = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(f"{name}: {value}", 100, subsequent_indent=" ", **kept_whole) + "\n"


def indented(text):
    return "".join(f" {line.rstrip() or '.'}\n" for line in text.splitlines())


if __name__ == "__main__":
    main()
