-- Keeps what persistent rooms have published, in two stores:
--
-- "mep", under the room's name: the index, an entry for each node with its name;
-- "mep_nodes", under a hash of the room's and the node's name: the node's head, which is all but its items, and
-- an entry for each item, numbered in their order.
--
-- Why so: a publish writes one entry, and removes one where another goes, in one call. Where the driver has map stores
-- (SQL) that is a row each in one transaction. Where it has files, all under a name is one file, written anew: so there
-- the items of a node of many have files of their own, and their entries only say that they are there. Archive
-- stores would not do: the embedded driver's are lists in a file, which it rewrites to take one out, and which is as
-- a whole unreadable where a crash cut the last line short.
--
-- A node is there when the index says so. It has an entry there before it has parts, and until they are gone, but one
-- that says "gone": so each change is done by one write, and whatever a crash or an error leaves behind is found, and
-- removed, by the next loading. (The embedded driver may have removed an entry and yet report an error: removing one is
-- never what counts.)
--
-- Names of nodes and items never become names of stores or keys: those are hashes, of one length whatever a client
-- thought of.

local jid_node = require "util.jid".node;
local sha256 = require "util.hashes".sha256;
local st = require "util.stanza";

-- The format of the entries. Those of an earlier one are brought to this when they are loaded, those of a later one
-- are left alone.
local format = 2;

local rooms = module:open_store("mep");
local index = module:open_store("mep", "map");
local nodes = module:open_store("mep_nodes");
local parts = module:open_store("mep_nodes", "map");

local removed = parts.remove;

-- COMPAT that is how storagemanager makes map stores of keyval stores, on 0.12 and 13.0
local has_files = parts.keyval_store ~= nil;

-- Up to so many items a node is one file.
local few = 16;

-- What an entry of an item says that has a file of its own: it is there; it may be there, and does not count.
local apart, gone = true, "gone";

local function node_key(node)
	return "node-"..sha256(node, true);
end

local function item_key(id)
	return "item-"..sha256(id, true);
end

-- What a node's parts are stored under; no room's name has a slash in it.
local function name_of(room, node)
	return sha256(room.."/"..node, true);
end

local function entry_of(node, is_gone)
	return { format = format; node = node; gone = is_gone };
end

-- For whoever looks at a store: the names are not read.
local function store_head(room, node, head)
	return {
		format = format;
		room = room;
		node = node;
		made = head.made;
		config = head.config;
		affiliations = head.affiliations;
	};
end

local function store_item(item)
	return {
		id = item.id;
		at = item.at;
		number = item.number;
		payload = item.payload and st.preserialize(item.payload);
	};
end

local function name_apart(name, key)
	return name.."-"..key;
end

-- Removes all under a name.
local function remove_parts(name)
	local all, err = nodes:get(name);
	if not all then return not err, err; end
	for key, entry in pairs(all) do
		if entry == apart or entry == gone then
			local ok;
			ok, err = nodes:set(name_apart(name, key), nil);
			if not ok then return nil, err; end
		end
	end
	return nodes:set(name, nil);
end

local function write_apart(name, items)
	for key, item in pairs(items) do
		local ok, err = nodes:set(name_apart(name, key), item);
		if not ok then return nil, err; end
	end
	return true;
end

-- Writes what there is under a name now, where that is files: a head, or the one that was; the items `put`; of the
-- others those that do not go. What has a file of its own is announced before it is written, and removed after it is
-- said to go: none is ever there that no entry tells of. What is done is done by the last write that can fail: that of
-- the entries, or where an item takes the place of another, of its file.
local function write_files(name, change)
	local before, err = nodes:get(name);
	if not before and err then return nil, err; end
	before = before or {};
	local after, new, replaced = { head = change.head or before.head }, {}, {};
	local announced, changed = false, change.head ~= nil;
	for key, entry in pairs(before) do
		if entry == gone then
			local ok;
			ok, err = nodes:set(name_apart(name, key), nil);
			if not ok then return nil, err; end
			before[key], changed = nil, true;
		elseif key ~= "head" and change.goes(key) then
			after[key], changed = entry == apart and gone or nil, true;
		elseif key ~= "head" then
			after[key] = entry;
		end
	end
	for _, item in ipairs(change.put) do
		local key = item_key(item.id);
		if before[key] == apart then
			replaced[key] = store_item(item);
			after[key] = apart;
		elseif not before[key] and change.count > few then
			new[key] = store_item(item);
			before[key], after[key] = gone, apart;
			announced, changed = true, true;
		else
			after[key], changed = store_item(item), true;
		end
	end
	local ok = true;
	if announced then
		ok, err = nodes:set(name, before);
	end
	if ok then
		ok, err = write_apart(name, new);
	end
	if ok and change.whole then -- These are as they were, or the node is new
		ok, err = write_apart(name, replaced);
	end
	if ok and changed then
		ok, err = nodes:set(name, after);
	end
	if ok and not change.whole then
		ok, err = write_apart(name, replaced);
	end
	if not ok then return nil, err; end
	for key, entry in pairs(after) do
		if entry == gone then
			nodes:set(name_apart(name, key), nil); -- If not now, then with the next write
		end
	end
	return true;
end

local function write_whole(room, record)
	local name, head = name_of(room, record.node), store_head(room, record.node, record.head);
	if has_files then
		local stays = {};
		for _, item in ipairs(record.items) do stays[item_key(item.id)] = true; end
		local function goes(key) return not stays[key]; end
		return write_files(name, { head = head, put = record.items, goes = goes, count = #record.items, whole = true });
	end
	local all = { head = head };
	for _, item in ipairs(record.items) do
		all[item_key(item.id)] = store_item(item);
	end
	return nodes:set(name, all);
end

local function put_whole(room, record)
	local node = record.node;
	local key = node_key(node);
	local entry, err = index:get(room, key);
	if not entry and err then return nil, err; end
	local is_new = not entry or entry.gone;
	local ok = true;
	if is_new then
		ok, err = index:set(room, key, entry_of(node, true));
	end
	if ok then
		ok, err = write_whole(room, record);
	end
	if ok and is_new then
		ok, err = index:set(room, key, entry_of(node));
	end
	return ok, err;
end

local function put_parts(room, change)
	local name = name_of(room, change.node);
	local changes = {};
	if change.head then
		changes.head = store_head(room, change.node, change.head);
	end
	for _, id in ipairs(change.removed) do
		changes[item_key(id)] = removed;
	end
	if has_files then
		local function goes(key) return changes[key] ~= nil; end
		return write_files(name, { head = changes.head, put = change.put, goes = goes, count = change.count });
	end
	for _, item in ipairs(change.put) do
		changes[item_key(item.id)] = store_item(item);
	end
	return parts:set_keys(name, changes);
end

-- Removes what there is of a node that is gone.
local function tidy(room, node)
	local ok, err = remove_parts(name_of(room, node));
	if ok then
		ok, err = index:set(room, node_key(node), nil);
	end
	if not ok then
		module:log("warn", "What is left of a node that is gone stays in storage for now: %s", err);
	end
end

local function remove(room, node)
	local ok, err = index:set(room, node_key(node), entry_of(node, true));
	if not ok then return nil, err; end
	tidy(room, node);
	return true;
end

-- Keeps what became of a node: all of it, parts of it, or that it is no more (an effect of the core's).
local function keep(change)
	local room = jid_node(change.room);
	if change.items then
		return put_whole(room, change);
	elseif change.put then
		return put_parts(room, change);
	end
	return remove(room, change.node);
end

-- What brings an entry of an earlier format to this one.
local upgrade = {};

-- 1: all of a node was in its entry of the index. The parts come first: until the entry says otherwise, it counts.
upgrade[1] = function (room, key, entry)
	for number, item in ipairs(entry.items) do
		item.number = number;
	end
	local record = { node = entry.node, head = entry, items = entry.items };
	local ok, err = write_whole(room, record);
	if not ok then return nil, err; end
	ok, err = index:set(room, key, entry_of(entry.node));
	if not ok then return nil, err; end
	return entry_of(entry.node);
end;

local function is_later(entry)
	return type(entry) ~= "table" or type(entry.format) ~= "number" or entry.format > format;
end

-- The index of a room, empty where there is none. Nothing, an error, and whether it is that a later release has
-- written there: it knows what it means, this one does not.
local function load_index(room)
	local entries, err = rooms:get(room);
	if not entries and err then return nil, err; end
	for _, entry in pairs(entries or {}) do
		if is_later(entry) then
			return nil, "written by a later release", true;
		end
	end
	return entries or {};
end

-- A node's record; false where there is nothing of it.
local function load_node(room, entry)
	local name = name_of(room, entry.node);
	local all, err = nodes:get(name);
	if not all then
		if err then return nil, err; end
		return false;
	elseif is_later(all.head) then
		return nil, "written by a later release", true;
	end
	local items = {};
	for key, item in pairs(all) do
		if item == apart then
			item, err = nodes:get(name_apart(name, key));
			if err then return nil, err; end
			if not item then
				module:log("warn", "An item of a node of %s is not where it should be: it is left out", room);
			end
		end
		if key ~= "head" and item and item ~= gone then
			table.insert(items, item);
		end
	end
	return { node = entry.node, head = all.head, items = items };
end

-- The records of a room's nodes. Nothing where that can't be told: then the error, and whether it is that a later
-- release has written there.
local function load(room_jid)
	local room = jid_node(room_jid);
	local entries, err, later = load_index(room);
	if not entries then return nil, err, later; end
	local records = {};
	for key, entry in pairs(entries) do
		if upgrade[entry.format] then
			entry, err = upgrade[entry.format](room, key, entry);
			if not entry then return nil, err; end
		end
		local record = false;
		if not entry.gone then
			record, err, later = load_node(room, entry);
			if record == nil then return nil, err, later; end
		end
		if record then
			table.insert(records, record);
		else
			tidy(room, entry.node);
		end
	end
	return records;
end

-- Removes all that is kept of a room. It is gone as soon as the index says so, whatever happens then.
local function forget(room_jid)
	local room = jid_node(room_jid);
	local entries, err = rooms:get(room);
	if not entries then return not err, err; end
	for key, entry in pairs(entries) do
		entries[key] = entry_of(type(entry) == "table" and entry.node or key, true);
	end
	local ok;
	ok, err = rooms:set(room, entries);
	if not ok then return nil, err; end
	for _, entry in pairs(entries) do
		ok, err = remove_parts(name_of(room, entry.node));
		if not ok then return nil, err; end
	end
	return rooms:set(room, nil);
end

-- Keeps all nodes of a room, and nothing else.
local function keep_all(room_jid, records)
	local room = jid_node(room_jid);
	local entries, err, later = load_index(room);
	if not entries then return nil, err, later; end
	local ok = true;
	if next(entries) ~= nil then
		ok, err = forget(room_jid);
	end
	for _, record in ipairs(records) do
		if not ok then break; end
		ok, err = put_whole(room, record);
	end
	return ok, err;
end

return { keep = keep, keep_all = keep_all, load = load, forget = forget };
