"""What a bare root gets from the machine it is on: how to reach packages, and Rust. No host is named here: it is asked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")

# How pip, npm, cargo and git reach their registries; not where this machine keeps its own caches and wheels.
ENVIRONMENT = re.compile(
    r"(?i:https?_proxy|no_proxy|all_proxy)|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS"
    r"|PIP_(?:CERT|INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|PROXY|DEFAULT_TIMEOUT)"
    r"|(?i:npm_config_(?:registry|cafile|proxy|https_proxy))|CARGO_(?:HTTP|NET|REGISTRIES|SOURCE)_\w+"
)
FILES = ("/etc/pip.conf", "/etc/npmrc", "/usr/etc/npmrc")
HOME_FILES = (".npmrc", ".config/pip/pip.conf", ".pip/pip.conf", ".cargo/config.toml")
APT_OPTIONS = re.compile(r"Acquire::(?:https?::|Check-|Retries)")


def mirror():
    """The mirror that apt has Debian's packages from; the tests' setup finds it in the same way."""
    format = "$(REPO_URI) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--no-release-info", "--format", format, "Created-By: Packages"]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        uri, _, component = line.partition(" ")
        if uri.endswith("/debian/") and component == "main":
            return uri
    raise SystemExit("no Debian mirror among apt's sources")


def environment():
    return {name: value for name, value in os.environ.items() if ENVIRONMENT.fullmatch(name)}


def toolchain():
    """The folder of the Rust that is in use, which works wherever it is mounted; rustup is not needed for that."""
    try:
        done = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit("rustc is missing: install Rust (https://rustup.rs/) first") from None
    return Path(done.stdout.strip())


def furnish(root):
    """Copies into the root at this path what it needs to reach packages."""
    for file in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES, *map(Path, FILES)):
        if file.is_file():
            copy(file, root / file.relative_to("/"))
    if LOCAL_CERTIFICATES.is_dir():
        shutil.copytree(LOCAL_CERTIFICATES, root / LOCAL_CERTIFICATES.relative_to("/"), dirs_exist_ok=True)
    furnish_home(root / "root")
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    options = [line for line in dump.splitlines() if APT_OPTIONS.match(line)]
    (root / "etc/apt/apt.conf.d/80machine").write_text("\n".join([*options, ""]))


def furnish_home(home):
    """Copies a person's settings of pip, npm and cargo into the home at this path."""
    for name in HOME_FILES:
        if (file := Path.home() / name).is_file():
            copy(file, home / name)


def copy(file, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    shutil.copy(file, to)
