//! The records of nodes, as tables that any storage driver accepts: strings, numbers and lists.
//!
//! A node is `{ node, head, items }`, its head `{ made, config = { [field] = value }, affiliations = { [account] =
//! affiliation } }`, and each of its items `{ id, at, number, payload, publisher, inside }`; a payload is a stanza
//! table, and a publisher an account, which was `inside` the room or not. The order of the items is that of their
//! numbers.

use mlua::prelude::*;

use super::arguments::get;
use super::stanza::{Builder, Reader, Walked};
use crate::pubsub::access::Affiliation;
use crate::pubsub::snapshot::{Change, ItemRecord, NodeHead, NodeRecord};
use crate::xml::payload::Payload;

/// Returns a node's record as a table.
pub(super) fn to_table(builder: &Builder<'_>, record: &NodeRecord) -> LuaResult<LuaTable> {
    let table = builder.lua.create_table()?;
    table.raw_set("node", record.name.as_str())?;
    table.raw_set("head", head(builder, &record.head)?)?;
    table.raw_set("items", items(builder, &record.items)?)?;
    Ok(table)
}

/// Adds the change of a node to a table. `head` and `items` are the whole node. `count` is the current number of items,
/// with the parts that changed: `head`, `put` and `removed`, a list of ids. Without all of these, the node was deleted.
pub(super) fn change(builder: &Builder<'_>, change: &Change, table: &LuaTable) -> LuaResult<()> {
    match change {
        Change::Whole(node, all) => {
            table.raw_set("head", head(builder, node)?)?;
            table.raw_set("items", items(builder, all)?)
        }
        Change::Parts { head: node, put, removed, count } => {
            table.raw_set("count", *count)?;
            if let Some(node) = node {
                table.raw_set("head", head(builder, node)?)?;
            }
            let removed = removed.iter().map(|id| builder.lua.create_string(id.as_str()));
            let removed = removed.collect::<LuaResult<Vec<_>>>()?;
            table.raw_set("put", items(builder, put)?)?;
            table.raw_set("removed", builder.lua.create_sequence_from(removed)?)
        }
        Change::Deleted => Ok(()),
    }
}

fn head(builder: &Builder<'_>, head: &NodeHead) -> LuaResult<LuaTable> {
    let lua = builder.lua;
    let config = head.config.iter().map(|(field, value)| (field.as_str(), value.as_str()));
    let affiliations = head.affiliations.iter().map(|(account, is)| (account.as_str(), is.as_str()));
    let table = lua.create_table()?;
    table.raw_set("made", head.made)?;
    table.raw_set("config", lua.create_table_from(config)?)?;
    table.raw_set("affiliations", lua.create_table_from(affiliations)?)?;
    Ok(table)
}

fn items(builder: &Builder<'_>, records: &[ItemRecord]) -> LuaResult<LuaTable> {
    let list = builder.lua.create_table_with_capacity(records.len(), 0)?;
    for item in records {
        let table = builder.lua.create_table()?;
        table.raw_set("id", item.id.as_str())?;
        table.raw_set("at", item.at)?;
        table.raw_set("number", item.number)?;
        if let Some(account) = &item.publisher {
            table.raw_set("publisher", account.as_str())?;
            table.raw_set("inside", item.inside)?;
        }
        if let Some(payload) = &item.payload {
            let payload = payload.to_element().map_err(LuaError::external)?;
            table.raw_set("payload", builder.build_inner(&payload)?)?;
        }
        list.raw_push(table)?;
    }
    Ok(list)
}

/// Reads a list of records, sorted by the creation of the nodes.
pub(super) fn read_all(list: &LuaTable, reader: &Reader<'_>) -> LuaResult<Vec<NodeRecord>> {
    let mut records = Vec::new();
    for table in list.sequence_values::<LuaTable>() {
        records.push(read(&table?, reader)?);
    }
    records.sort_by(|a, b| (a.head.made, &a.name).cmp(&(b.head.made, &b.name)));
    Ok(records)
}

fn read(table: &LuaTable, reader: &Reader<'_>) -> LuaResult<NodeRecord> {
    let mut items = Vec::new();
    for item in get::<LuaTable>(table, "items")?.sequence_values::<LuaTable>() {
        let item = item?;
        let payload = match get::<Option<LuaTable>>(&item, "payload")? {
            None => None,
            Some(payload) => match reader.read(&payload)? {
                Walked::Whole(payload) => match Payload::new(&payload, usize::MAX) {
                    Ok(payload) => Some(payload),
                    Err(_) => continue,
                },
                Walked::TooComplex(_) => continue,
            },
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
