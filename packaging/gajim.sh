#!/bin/sh
# Packs the plugin for Gajim as its repository of plugins does: a zip with the plugin's folder.
# Usage: gajim.sh FOLDER
set -eu

mkdir -p "$1"
dist=$(realpath "$1")
cd "$(dirname "$0")/../clients/gajim"

python3 - "$dist" <<'END'
import json, sys, zipfile
from pathlib import Path

folder = Path("mep_occupants")
version = json.loads((folder / "plugin-manifest.json").read_text())["version"]
with zipfile.ZipFile(Path(sys.argv[1]) / f"{folder}_{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for file in sorted(file for file in folder.iterdir() if file.suffix in (".py", ".json")):
        archive.write(file)
    archive.write("LICENSE", folder / "LICENSE")
END
ls "$dist"/mep_occupants_*.zip
