//! What the admin forces nodes to be, read from the server's configuration: `{ [node] = { field = value } }`, the fields
//! without their `pubsub#`.
//!
//! A node, a field or a value that can't be is left out, and said to be; the others are what protects.

use std::collections::HashMap;

use crate::options::Options;
use crate::pubsub::config::NodeConfig;
use crate::pubsub::config::fields::{FIELDS, Field};
use crate::settings::{Value, nearest, node_name};
use crate::xml::form::{Form, Kind};

const PREFIX: &str = "pubsub#";

/// Reads the value of `option`; what is wrong becomes a sentence of `problems`.
pub(crate) fn read(
    option: &str,
    value: &Value,
    options: &Options,
    problems: &mut Vec<String>,
) -> HashMap<String, Form> {
    let mut forced = HashMap::new();
    let Value::Table(nodes) = value else {
        problems.push(format!(
            "{option} is {value}, which is not a table of nodes with their fields: no node is forced"
        ));
        return forced;
    };
    for (key, value) in nodes {
        let Some(node) = node_name(key) else {
            problems.push(format!(
                "{option} has the key {key}, which is not the name of a node: that entry is left out"
            ));
            continue;
        };
        let Value::Table(entries) = value else {
            problems.push(format!(
                "{option} has {value} for the node {node:?}, which is not a table of fields: that node is left out"
            ));
            continue;
        };
        let mut form = Form::default();
        for (key, value) in entries {
            match read_field(key, value, options) {
                Ok(field) => form.fields.push(field),
                Err(problem) => {
                    problems.push(format!(
                        "{option} has for the node {node:?} {problem}: that field is left out"
                    ));
                }
            }
        }
        forced.insert(node.to_owned(), form);
    }
    forced
}

/// A field as a form has it, or what is wrong with it.
fn read_field(key: &Value, value: &Value, options: &Options) -> Result<(String, Vec<String>), String> {
    let name = key.text().ok_or_else(|| format!("the key {key}, which is not the name of a field"))?;
    let var = format!("{PREFIX}{name}");
    let field = Field::find(&var).map_err(|_| {
        let names = FIELDS.iter().map(|field| field.var.strip_prefix(PREFIX).unwrap_or(field.var));
        let meant = nearest(name, names).unwrap_or_default();
        format!("the field {name:?}, which does not exist; the nearest one is {meant:?}")
    })?;
    let text = text_of(field.kind, value);
    let is_taken = |text: &String| (field.set)(&mut NodeConfig::new(options), text, options);
    match text.filter(is_taken) {
        Some(text) => Ok((var, vec![text])),
        None => Err(format!("the field {name:?} as {value}, which is not {}", field.expects(options))),
    }
}

/// A value as a form has it, if it is of a type that the field can have.
fn text_of(kind: Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Boolean => value.flag().map(|is| if is { "1".into() } else { "0".into() }),
        Kind::Number => value.whole(0, u32::MAX).map(|number| number.to_string()).or_else(|| named(value)),
        Kind::Text | Kind::List(_) => value.text().map(str::to_owned),
    }
}

/// A word that stands for a number; an empty one is a form's, and says nothing here.
fn named(value: &Value) -> Option<String> {
    value.text().filter(|text| !text.is_empty()).map(str::to_owned)
}
