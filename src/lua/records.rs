//! What is kept of a room's nodes, as tables that any storage driver takes: strings, numbers and lists.
//!
//! `{ node, made, config = { [field] = value }, affiliations = { [account] = affiliation }, items = { { id, at,
//! payload } } }`; a payload is a stanza table.

use mlua::prelude::*;

use super::arguments::get;
use super::stanza::{self, Bounds, Builder, Walked};
use crate::access::Affiliation;
use crate::snapshot::{ItemRecord, NodeRecord};

/// A node's record as a table.
pub(super) fn to_table(builder: &Builder<'_>, record: &NodeRecord) -> LuaResult<LuaTable> {
    let lua = builder.lua;
    let items = lua.create_table()?;
    for item in &record.items {
        let table = lua.create_table()?;
        table.raw_set("id", item.id.as_str())?;
        table.raw_set("at", item.at)?;
        if let Some(payload) = &item.payload {
            table.raw_set("payload", builder.build_inner(payload)?)?;
        }
        items.raw_push(table)?;
    }
    let affiliations = record.affiliations.iter().map(|(account, is)| (account.as_str(), is.as_str()));
    let table = lua.create_table()?;
    table.raw_set("node", record.name.as_str())?;
    table.raw_set("made", record.made)?;
    table.raw_set(
        "config",
        lua.create_table_from(record.config.iter().map(|(k, v)| (k.as_str(), v.as_str())))?,
    )?;
    table.raw_set("affiliations", lua.create_table_from(affiliations)?)?;
    table.raw_set("items", items)?;
    Ok(table)
}

/// A list of records, in the order in which the nodes were made.
pub(super) fn read_all(list: &LuaTable, bounds: Bounds) -> LuaResult<Vec<NodeRecord>> {
    let mut records = Vec::new();
    for table in list.sequence_values::<LuaTable>() {
        records.push(read(&table?, bounds)?);
    }
    records.sort_by(|a, b| (a.made, &a.name).cmp(&(b.made, &b.name)));
    Ok(records)
}

fn read(table: &LuaTable, bounds: Bounds) -> LuaResult<NodeRecord> {
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
    let mut items = Vec::new();
    for item in get::<LuaTable>(table, "items")?.sequence_values::<LuaTable>() {
        let item = item?;
        let payload = match get::<Option<LuaTable>>(&item, "payload")? {
            None => None,
            Some(payload) => match stanza::read(&payload, bounds)? {
                Walked::Whole(payload) => Some(payload.into()),
                Walked::TooComplex(_) => continue,
            },
        };
        items.push(ItemRecord {
            id: get::<String>(&item, "id")?.as_str().into(),
            at: get(&item, "at")?,
            payload,
        });
    }
    Ok(NodeRecord {
        name: get::<String>(table, "node")?.as_str().into(),
        made: get(table, "made")?,
        config,
        affiliations,
        items,
    })
}
