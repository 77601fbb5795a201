//! Checks, before anything is built, that the Lua headers are those of the Lua that the core is built for, and tells
//! the core which build it is.
//!
//! mlua looks at no header when it builds a module, so a core for another Lua would build, load, and take the
//! server down. The probe is compiled and thrown away.
//!
//! The build's id is a hash of everything that the core is made of. The module's Lua files are stamped with it, and
//! refuse to work with a core of another build: a version number would be the same for both during development.

#![expect(clippy::panic, reason = "a build script says what is wrong by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use sha2::{Digest, Sha256};

struct Lua {
    feature: &'static str,
    /// As `_VERSION` has it, or `jit`.
    name: &'static str,
    /// `LUA_VERSION_NUM`.
    number: &'static str,
    /// Names under which pkg-config knows it, which are also those of its folder of headers.
    packages: &'static [&'static str],
}

const LUAS: [Lua; 5] = [
    Lua { feature: "LUA51", name: "5.1", number: "501", packages: &["lua5.1", "lua-5.1", "lua51"] },
    Lua { feature: "LUA52", name: "5.2", number: "502", packages: &["lua5.2", "lua-5.2", "lua52"] },
    Lua { feature: "LUA53", name: "5.3", number: "503", packages: &["lua5.3", "lua-5.3", "lua53"] },
    Lua { feature: "LUA54", name: "5.4", number: "504", packages: &["lua5.4", "lua-5.4", "lua54", "lua"] },
    Lua { feature: "LUAJIT", name: "jit", number: "501", packages: &["luajit", "luajit-2.1", "luajit-2.0"] },
];

fn main() {
    println!("cargo:rerun-if-env-changed=LUA_INCDIR");
    let id = build_id().unwrap_or_else(|error| panic!("the sources can't be read: {error}"));
    println!("cargo:rustc-env=MEP_BUILD={id}");
    let wanted: Vec<_> =
        LUAS.iter().filter(|lua| env::var_os(format!("CARGO_FEATURE_{}", lua.feature)).is_some()).collect();
    match wanted[..] {
        [] => {}
        [lua] => {
            println!("cargo:rustc-env=MEP_LUA={}", lua.name);
            probe(lua);
        }
        _ => panic!(
            "choose one of the features lua51, lua52, lua53, lua54, luajit (and --no-default-features)"
        ),
    }
}

/// A hash of the sources and of the crates that they are built with.
fn build_id() -> io::Result<String> {
    let mut files = vec![PathBuf::from("Cargo.lock"), PathBuf::from("Cargo.toml"), PathBuf::from("build.rs")];
    add_files(Path::new("src"), &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
        let content = fs::read(file)?;
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    Ok(hash.finalize().iter().take(8).fold(String::new(), |id, octet| format!("{id}{octet:02x}")))
}

fn add_files(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            add_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn probe(lua: &Lua) {
    let include = env::var_os("LUA_INCDIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let Some(include) = include.or_else(|| find_headers(lua.packages)) else {
        panic!(
            "no headers of Lua {} found: install them (see packaging/need.sh), or set LUA_INCDIR",
            lua.name
        );
    };
    let compiled = cc::Build::new()
        .file("src/lua/probe.c")
        .include(&include)
        .define("MEP_LUA_VERSION_NUM", lua.number)
        .cargo_metadata(false)
        .try_compile("mep_probe");
    if let Err(error) = compiled {
        panic!("the headers in {} are not those of Lua {}: {error}", include.display(), lua.name);
    }
}

/// Where the headers are: as pkg-config says, or where systems without it have them.
fn find_headers(packages: &[&str]) -> Option<PathBuf> {
    let mut dirs = Vec::new();
    for package in packages {
        // Debian's pkg-config names the directory above; its .pc files add the rest in INTERFACE flags.
        dirs.extend(pkg_config(package).into_iter().flat_map(|dir| [dir.join(package), dir]));
    }
    let usual = ["/usr/include", "/usr/local/include"].map(Path::new);
    dirs.extend(usual.iter().flat_map(|dir| packages.iter().map(|package| dir.join(package))));
    dirs.extend(usual.map(PathBuf::from));
    dirs.into_iter().find(|dir| dir.join("lua.h").is_file())
}

fn pkg_config(package: &str) -> Option<PathBuf> {
    let asked = Command::new("pkg-config").args(["--variable=includedir", package]).output().ok()?;
    let dir = String::from_utf8(asked.stdout).ok()?;
    asked.status.success().then(|| PathBuf::from(dir.trim()))
}
