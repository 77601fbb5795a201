//! The options: tables of values by name, as in the server's configuration.

use mlua::prelude::*;

use crate::options::{Glue, Options};
use crate::room::rate_limit::RateLimits;
use crate::settings::{Kind, OPTIONS, Row, Value};

/// `read_options(set)`: the options that the glue acts on, and a list of problems. `set` has the values of all options
/// that are set, by name; invalid ones are ignored.
#[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
pub(super) fn read_options(lua: &Lua, set: LuaTable) -> LuaResult<(LuaTable, LuaTable)> {
    let (options, problems) = read(&set)?;
    let Glue { room_publishers, share_stanzas, keep_registered, max_registered, max_registered_size } =
        options.glue;
    let glue = lua.create_table()?;
    glue.set("room_publishers", room_publishers.as_str())?;
    glue.set("share_stanzas", share_stanzas)?;
    glue.set("keep_registered", keep_registered)?;
    glue.set("max_registered", max_registered)?;
    glue.set("max_registered_size", max_registered_size)?;
    // What an owner outside the room may do.
    glue.set("http_burst", u64::from(options.publish_burst) * RateLimits::OWNERS)?;
    glue.set("http_rate", u64::from(options.publish_rate) * RateLimits::OWNERS)?;
    Ok((glue, lua.create_sequence_from(problems)?))
}

/// Returns all options as a list of `{ name, default, least, most }`, for tools and tests. Only numbers have a range,
/// and lists have no default.
pub(super) fn all(lua: &Lua) -> LuaResult<LuaTable> {
    lua.create_sequence_from(OPTIONS.iter().map(|row| describe(lua, row)).collect::<LuaResult<Vec<_>>>()?)
}

/// Returns the options of these settings, and the problems with the settings.
pub(super) fn read(settings: &LuaTable) -> LuaResult<(Options, Vec<String>)> {
    let mut read = Vec::new();
    for pair in settings.pairs::<String, LuaValue>() {
        let (name, target) = pair?;
        read.push((name, value(&target, 0)?));
    }
    read.sort_by(|(a, _), (b, _)| a.cmp(b)); // as Lua's order is random
    Ok(Options::read(&read))
}

/// The maximum depth of tables: no option has deeper ones, and they may be cyclic.
const LEVELS: u32 = 2;

fn value(value: &LuaValue, level: u32) -> LuaResult<Value> {
    Ok(match value {
        LuaValue::Boolean(is) => Value::Boolean(*is),
        #[expect(clippy::cast_precision_loss, reason = "no option is that large")]
        LuaValue::Integer(number) => Value::Number(*number as f64),
        LuaValue::Number(number) => Value::Number(*number),
        LuaValue::String(text) => match text.to_str() {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Other("a text that is not UTF-8"),
        },
        LuaValue::Table(_) if level >= LEVELS => Value::Other("a table"),
        LuaValue::Table(table) => {
            let mut entries = Vec::new();
            for pair in table.pairs() {
                let (key, entry) = pair?;
                entries.push((self::value(&key, level + 1)?, self::value(&entry, level + 1)?));
            }
            entries.sort_by_cached_key(|(key, _)| key.to_string());
            Value::Table(entries)
        }
        LuaValue::Function(_) => Value::Other("a function"),
        _ => Value::Other("a value of an unsupported type"),
    })
}

fn describe(lua: &Lua, row: &Row) -> LuaResult<LuaTable> {
    let (options, table) = (Options::default(), lua.create_table()?);
    table.set("name", row.name)?;
    match &row.kind {
        Kind::Whole { least, most, get, .. } => {
            table.set("default", get(&options))?;
            table.set("least", *least)?;
            table.set("most", *most)?;
        }
        Kind::Flag { get, .. } => table.set("default", get(&options))?,
        Kind::Choice { get, .. } => table.set("default", get(&options))?,
        Kind::Nodes { .. } | Kind::Forced { .. } | Kind::Own => {}
    }
    Ok(table)
}
