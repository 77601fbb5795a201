-- Keeps what persistent rooms have published: one entry a node in the map store "mep", under the room's name.
--
-- Node names never become names of stores or keys: a key is a hash, of one length whatever a client thought of.

local jid_node = require "util.jid".node;
local sha256 = require "util.hashes".sha256;
local st = require "util.stanza";

-- The format of the entries; a later one is left alone.
local format = 1;

local nodes = module:open_store("mep", "map");
local rooms = module:open_store("mep");

local function store_record(record)
	if not record then return nil; end
	record.format = format;
	for _, item in ipairs(record.items) do
		item.payload = item.payload and st.preserialize(item.payload);
	end
	return record;
end

local function key_of(node)
	return "node-"..sha256(node, true);
end

-- Keeps a node of a room, or nothing of it any more.
local function keep(room_jid, node, record)
	return nodes:set(jid_node(room_jid), key_of(node), store_record(record));
end

-- Keeps all nodes of a room, and nothing else.
local function keep_all(room_jid, records)
	local all = {};
	for _, record in ipairs(records) do
		all[key_of(record.node)] = store_record(record);
	end
	return rooms:set(jid_node(room_jid), next(all) ~= nil and all or nil);
end

-- The records of a room's nodes; nothing and an error where that can't be told.
local function load(room_jid)
	local all, err = rooms:get(jid_node(room_jid));
	if not all then
		return not err and {} or nil, err;
	end
	local records = {};
	for _, record in pairs(all) do
		if type(record) == "table" and record.format == format then
			table.insert(records, record);
		end
	end
	return records;
end

local function forget(room_jid)
	return rooms:set(jid_node(room_jid), nil);
end

return { keep = keep, keep_all = keep_all, load = load, forget = forget };
