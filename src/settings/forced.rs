//! The node configuration that the admin forces, and that of the nodes which rooms have, read from the server's configuration: `{ [node] = { field = value }
//! }`, the fields without their `pubsub#`; those of this project with `mep#`.
//!
//! An invalid node, field or value is logged and ignored; the others hold, as they may be there for protection.

use indexmap::IndexMap;

use crate::options::{Options, needs_payloads};
use crate::pubsub::config::NodeConfig;
use crate::pubsub::config::fields::{FIELDS, Field};
use crate::settings::{Value, nearest, node_name};
use crate::xml::form::{Form, Kind};

const PREFIX: &str = "pubsub#";

/// Reads the value of `option`; adds a sentence to `problems` for each thing that is wrong.
pub(crate) fn read(
    option: &str,
    value: &Value,
    options: &Options,
    problems: &mut Vec<String>,
) -> IndexMap<String, Form> {
    let mut forced = IndexMap::new();
    let otherwise = if option == "mep_room_nodes" { "rooms have none" } else { "no node is forced" };
    let Value::Table(nodes) = value else {
        problems.push(format!(
            "{option} is {value}, but must be a table of nodes with their fields; {otherwise}"
        ));
        return forced;
    };
    for (key, value) in nodes {
        let Some(node) = node_name(key) else {
            problems.push(format!("{option}: ignoring the key {key}, which is not a node name"));
            continue;
        };
        let Value::Table(entries) = value else {
            problems.push(format!(
                "{option}: ignoring the node {node:?}: it is {value}, but must be a table of fields"
            ));
            continue;
        };
        let mut form = Form::default();
        for (key, value) in entries {
            match read_field(key, value, options) {
                Ok((var, values)) if leaves_out_payloads(node, &var, &values) => problems.push(format!(
                    "{option}: node {node:?}: ignoring the field {key}: it is {value}, but must be true, as clients \
                     know this node with a payload only"
                )),
                Ok(field) => form.fields.push(field),
                Err(problem) => problems.push(format!("{option}: node {node:?}: ignoring {problem}")),
            }
        }
        forced.insert(node.to_owned(), form);
    }
    forced
}

/// Returns a field as in a form, or what is wrong with it.
fn read_field(key: &Value, value: &Value, options: &Options) -> Result<(String, Vec<String>), String> {
    let name = key.text().ok_or_else(|| format!("the key {key}, which is not a field name"))?;
    let var = if name.contains('#') { name.to_owned() } else { format!("{PREFIX}{name}") };
    let field = Field::find(&var).map_err(|_| {
        let names = FIELDS.iter().map(|field| field.var.strip_prefix(PREFIX).unwrap_or(field.var));
        let meant = nearest(name, names).unwrap_or_default();
        format!("the unknown field {name:?}; did you mean {meant:?}?")
    })?;
    let text = text_of(field.kind, value);
    let is_taken = |text: &String| (field.set)(&mut NodeConfig::new(options), text, options);
    match text.filter(is_taken) {
        Some(text) => Ok((var, vec![text])),
        None => Err(format!("the field {name:?}: it is {value}, but must be {}", field.expects(options))),
    }
}

/// Returns whether a field would take a payload from events that mean nothing without it.
fn leaves_out_payloads(node: &str, var: &str, values: &[String]) -> bool {
    var == "pubsub#deliver_payloads" && values == ["0"] && needs_payloads(node)
}

/// Returns a value as in a form if the field can have a value of this type.
fn text_of(kind: Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.flag().map(|is| if is { "1".into() } else { "0".into() }),
        Kind::Number => value.whole(0, u32::MAX).map(|number| number.to_string()).or_else(|| named(value)),
        Kind::Text | Kind::List(_) => value.text().map(str::to_owned),
    }
}

/// Returns a word that stands for a number. An empty one means something in forms only.
fn named(value: &Value) -> Option<String> {
    value.text().filter(|text| !text.is_empty()).map(str::to_owned)
}
