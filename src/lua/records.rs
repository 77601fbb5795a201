//! The records of nodes, as tables that any storage driver accepts: strings, numbers and lists.
//!
//! A node is `{ node, head, items }`, its head `{ made, config = { [field] = value }, affiliations = { [account] =
//! affiliation } }`, and each of its items `{ id, at, number, payload, publisher, inside }`; a payload is a text, and was
//! a stanza table in records of earlier releases, and a publisher an account, which was `inside` the room or not. The
//! order of the items is that of their numbers.

use mlua::prelude::*;

use super::arguments::get;
use super::stanza::{Reader, Walked};
use crate::pubsub::access::Affiliation;
use crate::pubsub::snapshot::{Change, ItemRecord, NodeHead, NodeRecord};
use crate::xml::parse::Unreadable;
use crate::xml::payload::Payload;

/// Returns the records of nodes as a list of tables.
pub(super) fn list(lua: &Lua, records: &[NodeRecord]) -> LuaResult<LuaTable> {
    let list = lua.create_table_with_capacity(records.len(), 0)?;
    for record in records {
        let table = lua.create_table()?;
        table.raw_set("node", record.name.as_str())?;
        table.raw_set("head", head(lua, &record.head)?)?;
        table.raw_set("items", items(lua, &record.items)?)?;
        list.raw_push(table)?;
    }
    Ok(list)
}

/// Adds the change of a node to a table. `head` and `items` are the whole node. `count` is the current number of items,
/// with the parts that changed: `head`, `put` and `removed`, a list of ids. Without all of these, the node was deleted.
pub(super) fn change(lua: &Lua, change: &Change, table: &LuaTable) -> LuaResult<()> {
    match change {
        Change::Whole(node, all) => {
            table.raw_set("head", head(lua, node)?)?;
            table.raw_set("items", items(lua, all)?)
        }
        Change::Parts { head: node, put, removed, count } => {
            table.raw_set("count", *count)?;
            if let Some(node) = node {
                table.raw_set("head", head(lua, node)?)?;
            }
            let removed = removed.iter().map(|id| lua.create_string(id.as_str()));
            let removed = removed.collect::<LuaResult<Vec<_>>>()?;
            table.raw_set("put", items(lua, put)?)?;
            table.raw_set("removed", lua.create_sequence_from(removed)?)
        }
        Change::Deleted => Ok(()),
    }
}

fn head(lua: &Lua, head: &NodeHead) -> LuaResult<LuaTable> {
    let config = head.config.iter().map(|(field, value)| (field.as_str(), value.as_str()));
    let affiliations = head.affiliations.iter().map(|(account, is)| (account.as_str(), is.as_str()));
    let table = lua.create_table()?;
    table.raw_set("made", head.made)?;
    table.raw_set("config", lua.create_table_from(config)?)?;
    table.raw_set("affiliations", lua.create_table_from(affiliations)?)?;
    Ok(table)
}

fn items(lua: &Lua, records: &[ItemRecord]) -> LuaResult<LuaTable> {
    let list = lua.create_table_with_capacity(records.len(), 0)?;
    for item in records {
        let table = lua.create_table()?;
        table.raw_set("id", item.id.as_str())?;
        table.raw_set("at", item.at)?;
        table.raw_set("number", item.number)?;
        if let Some(account) = &item.publisher {
            table.raw_set("publisher", account.as_str())?;
            table.raw_set("inside", item.inside)?;
        }
        if let Some(payload) = &item.payload {
            table.raw_set("payload", payload.text())?;
        }
        list.raw_push(table)?;
    }
    Ok(list)
}

/// Reads a list of records, sorted by the creation of the nodes. Returns also how many items were left out, as their
/// payloads are damaged or exceed the limits.
pub(super) fn read_all(list: &LuaTable, reader: &Reader<'_>) -> LuaResult<(Vec<NodeRecord>, usize)> {
    let (mut records, mut left_out) = (Vec::new(), 0);
    for table in list.sequence_values::<LuaTable>() {
        records.push(read(&table?, reader, &mut left_out)?);
    }
    records.sort_by(|a, b| (a.head.made, &a.name).cmp(&(b.head.made, &b.name)));
    Ok((records, left_out))
}

fn read(table: &LuaTable, reader: &Reader<'_>, left_out: &mut usize) -> LuaResult<NodeRecord> {
    let mut items = Vec::new();
    for item in get::<LuaTable>(table, "items")?.sequence_values::<LuaTable>() {
        let item = item?;
        let Ok(payload) = payload(get(&item, "payload")?, reader)? else {
            *left_out += 1;
            continue;
        };
        items.push(ItemRecord {
            id: get::<String>(&item, "id")?.as_str().into(),
            at: get(&item, "at")?,
            number: get(&item, "number")?,
            payload,
            publisher: get(&item, "publisher")?,
            inside: get::<Option<bool>>(&item, "inside")?.unwrap_or(false),
        });
    }
    items.sort_by_key(|item| item.number);
    Ok(NodeRecord {
        name: get::<String>(table, "node")?.as_str().into(),
        head: read_head(&get(table, "head")?)?,
        items,
    })
}

/// Reads a payload, or returns an inner error if it can't be used.
fn payload(value: LuaValue, reader: &Reader<'_>) -> LuaResult<Result<Option<Payload>, Unreadable>> {
    Ok(match value {
        LuaValue::Nil => Ok(None),
        LuaValue::Table(stanza) => match reader.read(&stanza)? {
            Walked::Whole(payload) => Payload::new(&payload, usize::MAX).map(Some).map_err(|_| Unreadable),
            Walked::TooComplex(_) => Err(Unreadable),
        },
        LuaValue::String(text) => match text.to_str() {
            Ok(text) => Payload::read(&text, reader.bounds).map(Some),
            Err(_) => Err(Unreadable),
        },
        _ => Err(Unreadable),
    })
}

fn read_head(table: &LuaTable) -> LuaResult<NodeHead> {
    let mut config = Vec::new();
    for pair in get::<LuaTable>(table, "config")?.pairs() {
        config.push(pair?);
    }
    config.sort_unstable();
    let mut affiliations = Vec::new();
    for pair in get::<LuaTable>(table, "affiliations")?.pairs::<String, String>() {
        let (account, is) = pair?;
        affiliations.extend(Affiliation::from_name(&is).map(|is| (account, is)));
    }
    affiliations.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(NodeHead { made: get(table, "made")?, config, affiliations })
}
