//! The layout of `src/`: which module knows which, by the `use crate::` lines and all other paths with that prefix.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors, from the ground up. A module may know those of its own floor and below.
const FLOORS: [&[&str]; 13] = [
    &["error", "id", "jid", "moment", "activity", "held"],
    &["xml"],
    &["caps", "face"],
    &["facts"],
    &["options"],
    &["pubsub"],
    &["settings"],
    &["stanza"],
    &["effect"],
    &["room"],
    &["usecase"],
    &["host"],
    &["lua"],
];

type Graph = BTreeMap<String, BTreeSet<String>>;

fn floor(module: &str) -> usize {
    let top = module.split("::").next().unwrap_or_default();
    FLOORS
        .iter()
        .position(|floor| floor.contains(&top))
        .unwrap_or_else(|| panic!("src/{top} is on no floor: give it one in this test"))
}

/// Collects the modules below `dir` with the modules that they name, tests aside.
fn read(dir: &Path, path: &str, graph: &mut Graph) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = if path.is_empty() { name.clone() } else { format!("{path}::{name}") };
        if entry.is_dir() {
            read(&entry, &module, graph);
        } else if entry.extension().is_some_and(|it| it == "rs") && !["lib", "tests"].contains(&&*name) {
            let module = if name == "mod" { path.to_owned() } else { module };
            let source = fs::read_to_string(&entry).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            graph.entry(module).or_default().extend(paths(code));
        }
    }
}

/// Returns the paths after `crate::` in code, without comments; each item of a group separately.
fn paths(code: &str) -> Vec<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        expand("", rest, &mut found);
    }
    found
}

fn expand(prefix: &str, rest: &str, found: &mut Vec<String>) {
    let end = rest.find(|it: char| !(it.is_alphanumeric() || "_:".contains(it))).unwrap_or(rest.len());
    let (path, rest) = rest.split_at(end);
    let path = format!("{prefix}{path}");
    if !path.ends_with("::") || !rest.starts_with('{') {
        found.push(path.trim_end_matches("::").to_owned());
        return;
    }
    let (mut depth, mut start) = (0, 1);
    for (at, it) in rest.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth == 1 => {
                expand(&path, rest[start..at].trim(), found);
                return;
            }
            '}' => depth -= 1,
            ',' if depth == 1 => {
                expand(&path, rest[start..at].trim(), found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn graph() -> Graph {
    let mut named = Graph::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut named);
    let modules: BTreeSet<_> = named.keys().cloned().collect();
    // A path names the longest module that is a prefix of it.
    let module_of = |path: &str| {
        let mut path = path;
        loop {
            if modules.contains(path) {
                return Some(path.to_owned());
            }
            path = path.rsplit_once("::")?.0;
        }
    };
    let known = |(module, paths): (String, BTreeSet<String>)| {
        let known = paths.iter().filter_map(|path| module_of(path)).filter(|it| *it != module).collect();
        (module, known)
    };
    named.into_iter().map(known).collect()
}

#[test]
fn no_module_knows_one_on_a_higher_floor() {
    let mut upward = Vec::new();
    for (module, known) in &graph() {
        upward.extend(
            known.iter().filter(|it| floor(it) > floor(module)).map(|it| format!("{module} knows {it}")),
        );
    }
    assert_eq!(upward, [""; 0]);
}

#[test]
fn there_is_no_circle() {
    let mut graph = graph();
    // A folder's own file and the files in it count as one.
    for (module, known) in &mut graph {
        known.retain(|it| !it.starts_with(&format!("{module}::")) && !module.starts_with(&format!("{it}::")));
    }
    // A module that knows none of the remaining ones is in no circle.
    loop {
        let free: Vec<_> =
            graph.iter().filter(|(_, known)| known.is_empty()).map(|(module, _)| module.clone()).collect();
        if free.is_empty() {
            break;
        }
        for module in &free {
            graph.remove(module);
            for known in graph.values_mut() {
                known.remove(module);
            }
        }
    }
    // A module that none of the remaining ones knows only depends on one.
    loop {
        let known: BTreeSet<_> = graph.values().flatten().cloned().collect();
        let before = graph.len();
        graph.retain(|module, _| known.contains(module));
        if graph.len() == before {
            break;
        }
    }
    assert_eq!(graph, Graph::new());
}

#[test]
fn only_the_binding_knows_lua() {
    let mut graph = Graph::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut graph);
    for module in graph.keys().filter(|it| !it.starts_with("lua")) {
        let file = module.replace("::", "/");
        let source = fs::read_to_string(format!("src/{file}.rs"))
            .or_else(|_| fs::read_to_string(format!("src/{file}/mod.rs")))
            .unwrap();
        assert!(!source.contains("mlua"), "{module}");
    }
}
