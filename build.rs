//! Checks, before anything is built, that the Lua headers are those of the Lua that the core is built for.
//!
//! mlua looks at no header when it builds a module, so a core for another Lua would build, load, and take the
//! server down. The probe is compiled and thrown away.

#![expect(clippy::panic, reason = "a build script says what is wrong by panicking")]

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Feature, `LUA_VERSION_NUM`, names under which pkg-config knows it.
const LUAS: [(&str, &str, &[&str]); 5] = [
    ("LUA51", "501", &["lua5.1", "lua-5.1", "lua51"]),
    ("LUA52", "502", &["lua5.2", "lua-5.2", "lua52"]),
    ("LUA53", "503", &["lua5.3", "lua-5.3", "lua53"]),
    ("LUA54", "504", &["lua5.4", "lua-5.4", "lua54", "lua"]),
    ("LUAJIT", "501", &["luajit"]),
];

fn main() {
    println!("cargo:rerun-if-env-changed=LUA_INCDIR");
    println!("cargo:rerun-if-changed=src/lua/probe.c");
    let wanted: Vec<_> = LUAS
        .iter()
        .filter(|(feature, ..)| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some())
        .collect();
    match wanted[..] {
        [] => {}
        [(feature, number, packages)] => probe(feature, number, packages),
        _ => panic!(
            "choose one of the features lua51, lua52, lua53, lua54, luajit (and --no-default-features)"
        ),
    }
}

fn probe(feature: &str, number: &str, packages: &[&str]) {
    let Some(include) = env::var_os("LUA_INCDIR").map(PathBuf::from).or_else(|| pkg_config(packages)) else {
        panic!("no headers of {feature} found: install them (Debian: liblua5.4-dev), or set LUA_INCDIR");
    };
    let compiled = cc::Build::new()
        .file("src/lua/probe.c")
        .include(&include)
        .define("MEP_LUA_VERSION_NUM", number)
        .cargo_metadata(false)
        .try_compile("mep_probe");
    if let Err(error) = compiled {
        panic!("the headers in {} are not those of {feature}: {error}", include.display());
    }
}

fn pkg_config(packages: &[&str]) -> Option<PathBuf> {
    packages.iter().find_map(|package| {
        let asked = Command::new("pkg-config").args(["--variable=includedir", package]).output().ok()?;
        let dir = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
        // Debian names the directory above; its .pc files add the rest in INTERFACE flags.
        [dir.join(package), dir].into_iter().find(|dir| dir.join("lua.h").is_file())
    })
}
