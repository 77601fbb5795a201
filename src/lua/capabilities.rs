//! Verified capabilities, as tables that any storage driver accepts.
//!
//! `{ { method, algorithm, value, nodes = { … } } }`: a hash, and the nodes that clients with this hash want.

use mlua::prelude::*;

use crate::caps::{Algorithm, Hash, Method, NodeSet, Shard};
use crate::id::NodeName;

/// `{ number, sets }`.
pub(super) fn to_table(lua: &Lua, shard: &Shard) -> LuaResult<LuaTable> {
    let sets = lua.create_table_with_capacity(shard.sets.len(), 0)?;
    for (hash, set) in &shard.sets {
        let table = lua.create_table()?;
        table.raw_set("method", hash.method.as_str())?;
        table.raw_set("algorithm", hash.algorithm.as_str())?;
        table.raw_set("value", &*hash.value)?;
        table.raw_set("nodes", lua.create_sequence_from(set.iter().map(NodeName::as_str))?)?;
        sets.raw_push(table)?;
    }
    let table = lua.create_table()?;
    table.raw_set("number", shard.number)?;
    table.raw_set("sets", sets)?;
    Ok(table)
}

/// Reads the sets in a list. Invalid ones are ignored, as clients can be asked again.
pub(super) fn read_all(sets: &LuaTable) -> Vec<(Hash, NodeSet)> {
    sets.sequence_values::<LuaTable>().filter_map(|table| read(&table.ok()?).ok()?).collect()
}

fn read(table: &LuaTable) -> LuaResult<Option<(Hash, NodeSet)>> {
    let method = Method::from_name(&table.get::<String>("method")?);
    let algorithm = Algorithm::from_name(&table.get::<String>("algorithm")?);
    let (Some(method), Some(algorithm)) = (method, algorithm) else { return Ok(None) };
    let value = table.get::<String>("value")?.into();
    let nodes: Vec<String> = table.get("nodes")?;
    let set = nodes.iter().map(|node| NodeName::from(node.as_str())).collect();
    Ok(Some((Hash { method, algorithm, value }, set)))
}
