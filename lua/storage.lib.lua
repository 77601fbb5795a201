-- Stores the nodes of persistent rooms, in two stores:
--
-- "mep", under the room's name: the index, with an entry for each node and its name;
-- "mep_nodes", under a hash of the room's and the node's name: the node's head, which is everything except its items,
-- and a numbered entry for each item.
--
-- With this layout a publish writes one entry, and removes one if an item is pushed out, in one call. On drivers with
-- map stores (SQL) these are single rows in one transaction. On file drivers everything under a name is one file that
-- is rewritten as a whole, so there the items of a larger node have their own files, and their entries only say that
-- they exist. Archive stores don't fit: the embedded driver keeps each as one list in a file, which it rewrites to
-- remove an item, and which can't be read at all if a crash cut off its last line.
--
-- A node exists if the index says so. Its index entry is written before its parts and removed after them, and says
-- "gone" meanwhile. So each change takes effect with a single write, and the next load finds and removes whatever a
-- crash or an error has left. (The embedded driver may report an error though it has removed an entry, so no change
-- takes effect by removing one.)
--
-- Names of nodes and items are hashed before they become names of stores or keys, so their length does not depend on
-- clients.

local jid_node = require "util.jid".node;
local sha256 = require "util.hashes".sha256;

-- The format of the entries. Entries in an earlier format are upgraded when they are loaded; entries in a later format
-- are left alone.
local format = 3;

local rooms = module:open_store("mep");
local index = module:open_store("mep", "map");
local nodes = module:open_store("mep_nodes");
local parts = module:open_store("mep_nodes", "map");

local removed = parts.remove;

-- COMPAT storagemanager's map stores on top of keyval stores look like this, on 0.12 and 13.0
local has_files = parts.keyval_store ~= nil;

-- A node with up to this many items is one file, but for the items of more octets than that: each publish writes the
-- file.
local few, small = 16, 1024;

-- Entries of items in files of their own: the item exists; its file may exist, but the item does not.
local apart, gone = true, "gone";

local function node_key(node)
	return "node-"..sha256(node, true);
end

local function item_key(id)
	return "item-"..sha256(id, true);
end

-- The name that a node's parts are stored under. Room names can't contain a slash.
local function name_of(room, node)
	return sha256(room.."/"..node, true);
end

local function entry_of(node, is_gone)
	return { format = format; node = node; gone = is_gone };
end

-- `room` and `node` are never read: they are for admins who inspect the store.
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
		publisher = item.publisher;
		inside = item.inside;
		payload = item.payload;
	};
end

-- Payloads that an earlier release stored may be tables.
local function is_large(item)
	local payload = item.payload;
	return type(payload) == "table" or payload and #payload > small;
end

local function name_apart(name, key)
	return name.."-"..key;
end

-- Removes everything under a name.
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

-- Applies a change on file drivers: a new head if there is one, the items `put`, without the entries for which
-- `goes(key)` is true. An item's own file is announced in the entries before it is written, and removed after its entry
-- says "gone", so every such file has an entry. The change takes effect with the last write that can fail: that of the
-- entries or, if an item is replaced, that of its file.
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
		elseif not before[key] and (change.count > few or is_large(item)) then
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
	if ok and change.whole then -- These are unchanged, or the node is new
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
			pcall(nodes.set, nodes, name_apart(name, key), nil); -- If this fails, the next write does it
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

-- Removes what is left of a deleted node.
local function tidy(room, node)
	-- The change is done already, whatever a driver throws here
	local called, ok, err = pcall(remove_parts, name_of(room, node));
	if called and ok then
		called, ok, err = pcall(index.set, index, room, node_key(node), nil);
	end
	if not called then
		ok, err = nil, ok;
	end
	if not ok then
		module:log("warn", "Could not remove all of a deleted node from storage; trying again at the next load: %s", err);
	end
end

local function remove(room, node)
	local ok, err = index:set(room, node_key(node), entry_of(node, true));
	if not ok then return nil, err; end
	tidy(room, node);
	return true;
end

-- Stores a change of a node (an effect of the core): the whole node, parts of it, or its deletion.
local function keep(change)
	local room = jid_node(change.room);
	if change.items then
		return put_whole(room, change);
	elseif change.put then
		return put_parts(room, change);
	end
	return remove(room, change.node);
end

-- Upgrades of index entries, by their format.
local upgrade = {};

-- 1: the whole node was in its index entry. The parts are written first, as the old entry is valid until it is
-- replaced.
upgrade[1] = function (room, key, entry)
	for number, item in ipairs(entry.items) do
		item.number = number;
	end
	local record = { node = entry.node, head = entry, items = entry.items };
	local ok, err = write_whole(room, record);
	if not ok then return nil, err; end
	ok, err = index:set(room, key, entry_of(entry.node));
	return ok and entry_of(entry.node), err;
end;

-- 2: payloads were stanza tables, which the core still reads. Only the index is written, so that a release that does
-- not know payloads as text leaves the room alone. An item becomes a text when it is next stored.
upgrade[2] = function (_, _, entry)
	return entry_of(entry.node, entry.gone);
end;

-- Upgrades the entries of a room's index.
local function upgrade_index(room, entries)
	local upgraded = false;
	for key, entry in pairs(entries) do
		if upgrade[entry.format] then
			local err;
			entry, err = upgrade[entry.format](room, key, entry);
			if not entry then return nil, err; end
			entries[key], upgraded = entry, true;
		end
	end
	if upgraded then
		return rooms:set(room, entries);
	end
	return true;
end

local function is_later(entry)
	return type(entry) ~= "table" or type(entry.format) ~= "number" or entry.format > format;
end

-- Returns the index of a room, which may be empty. If that fails: nil, an error, and whether the cause is that a later
-- release has written it.
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

-- What an item without a payload costs to read, in octets of others.
local bare = 256;

local function size_of(item)
	local payload = item.payload;
	return bare + (type(payload) == "string" and #payload or 0);
end

-- Returns a node's record without the items in files of their own, the keys of those, and how many octets were read;
-- false if it has no parts; errors as in `load_index`.
local function load_node(room, entry)
	local name = name_of(room, entry.node);
	local all, err = nodes:get(name);
	if not all then
		if err then return nil, err; end
		return false;
	elseif is_later(all.head) then
		return nil, "written by a later release", true;
	end
	local items, keys, size = {}, {}, bare;
	for key, item in pairs(all) do
		if item == apart then
			table.insert(keys, key);
		elseif key ~= "head" and item ~= gone then
			table.insert(items, item);
			size = size + size_of(item);
		end
	end
	return { node = entry.node, head = all.head, items = items }, keys, size;
end

-- Returns a function that reads a room's nodes, about so many octets with each call: a node's item that has a file of
-- its own, or all others at once. It returns their records when it has read all, and false before; errors as in
-- `load_index`, after which it goes on where it was.
local function reader(room_jid)
	local room = jid_node(room_jid);
	local records = {};
	-- Entries of the index that are still to be read; without them, the index is.
	local entries;
	-- Items of the last record that are still to be read.
	local keys = {};

	local function read_index()
		local all, err, later = load_index(room);
		if not all then return nil, err, later; end
		local ok;
		ok, err = upgrade_index(room, all);
		if not ok then return nil, err; end
		entries = {};
		for _, entry in pairs(all) do table.insert(entries, entry); end
		return 0;
	end

	local function read_item()
		local record = records[#records];
		local item, err = nodes:get(name_apart(name_of(room, record.node), keys[#keys]));
		if err then return nil, err; end
		table.remove(keys);
		if not item then
			module:log("warn", "An item of a node of %s is missing from storage; skipping it", room);
			return 0;
		end
		table.insert(record.items, item);
		return size_of(item);
	end

	local function read_node()
		local entry = entries[#entries];
		local record, found, size = false, nil, bare;
		if not entry.gone then
			record, found, size = load_node(room, entry);
			if record == nil then return nil, found, size; end
		end
		table.remove(entries);
		if record then
			table.insert(records, record);
			keys = found;
		else
			tidy(room, entry.node);
		end
		return size or bare;
	end

	return function (octets)
		while octets > 0 do
			local next_part = not entries and read_index or keys[1] and read_item or entries[1] and read_node;
			if not next_part then return records; end
			local size, err, later = next_part();
			if not size then return nil, err, later; end
			octets = octets - size;
		end
		return false;
	end;
end

-- Returns the records of a room's nodes, all at once; errors as in `load_index`.
local function load(room_jid)
	return reader(room_jid)(math.huge);
end

-- Removes everything of a room. The nodes are gone as soon as the index says so, whatever fails later.
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

-- Stores these nodes of a room, in place of all others.
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

return { keep = keep, keep_all = keep_all, reader = reader, load = load, forget = forget };
