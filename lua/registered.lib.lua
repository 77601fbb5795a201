-- Stores the nodes of occupants whose nick is registered to them, if `mep_keep_registered` is on. The nodes are
-- restored when the occupant joins again, and removed with the registration.
--
-- Each such occupant has one entry in the store "mep_registered", under a hash of room and account.

local jid_resource = require "util.jid".resource;
local sha256 = require "util.hashes".sha256;

local attempt = module:require "attempt";

-- The format of the entries. In entries of format 1, payloads are stanza tables, which the core still reads. Entries in
-- a later format are left alone.
local format = 2;
local known_formats = { true, true };

-- `keep_registered`, `max_registered` and `max_registered_size`.
local options;

local entries = module:open_store("mep_registered");

local function name_of(room, account)
	return sha256(room.jid.."/"..account, true);
end

-- Returns the approximate size of a value in storage, in octets.
local function size_of(value)
	if type(value) == "string" then
		return #value;
	elseif type(value) ~= "table" then
		return 8;
	end
	local octets = 0;
	for _, inner in pairs(value) do
		octets = octets + size_of(inner) + 8;
	end
	return octets;
end

-- Returns whether an occupant is at its registered nick and its nodes are to be stored. Outcasts are excluded here, as
-- mod_muc keeps the registration of a banned account.
local function is_registered(room, occupant)
	return options.keep_registered and occupant
		and room:get_registered_nick(occupant.bare_jid) == jid_resource(occupant.nick)
		and room:get_affiliation(occupant.bare_jid) ~= "outcast";
end

local function is_crowded(room)
	local count = 0;
	for _, _, data in room:each_affiliation() do
		if data and data.reserved_nickname then count = count + 1; end
	end
	return count > options.max_registered;
end

-- `call_core(method, ...)` calls the core, `drive(method, ...)` also carries out its effects, `info(room)` returns what
-- the core is told about a room, `outages` takes note of storage failures, and `get_room(jid)` returns a room.
local function new(call_core, drive, info, outages, get_room)
	-- Calls the storage for an entry of a room. The log does not name the account, which the room may hide.
	local function try(method, verb, room, name, ...)
		local is_write = method == "set";
		local result, err = attempt(entries[method], entries, name, ...);
		if not result and (is_write or err) then
			outages.failed(name, is_write, ("could not %s the nodes of a registered occupant of %s")
				:format(verb, room.jid), err);
		else
			outages.worked(name, is_write);
		end
		return result, not result and err or nil; -- a driver may return more after a success
	end

	-- Returns the stored records of an occupant, or nil if they can't be read.
	local function load(room, occupant)
		local entry, err = try("get", "load", room, name_of(room, occupant.bare_jid));
		if err then
			return nil;
		elseif type(entry) == "table" and known_formats[entry.format] and entry.nick == jid_resource(occupant.nick) then
			return entry.nodes;
		end
		return {};
	end

	-- Records over the limits are not stored: those nodes end when the occupant leaves, as they do for others.
	local function save(room, occupant, records)
		local name = name_of(room, occupant.bare_jid);
		if is_crowded(room) and not try("get", "load", room, name) then
			return true;
		end
		if not records[1] or size_of(records) > options.max_registered_size then
			return try("set", "remove", room, name, nil);
		end
		return try("set", "store", room, name, { format = format; nick = jid_resource(occupant.nick); nodes = records });
	end

	-- For occupants whose stored nodes are restored, by room and nick: their nodes as they were last stored, or left
	-- unstored because of the limits.
	local restored = setmetatable({}, { __mode = "k" });
	local registered = {};

	local function forget(room, account)
		try("set", "remove", room, name_of(room, account), nil);
		-- If the registration is a new one, what the occupant has published is stored again
		for nick in pairs(restored[room] or {}) do
			local occupant = room:get_occupant_by_nick(nick);
			if not occupant or occupant.bare_jid == account then restored[room][nick] = nil; end
		end
	end

	-- Returns whether storing begins with these options: the caller then calls `on_join` for all present occupants.
	function registered.set_options(new_options)
		local was_on = options and options.keep_registered;
		options = new_options;
		if not options.keep_registered then
			registered.reset();
		end
		return options.keep_registered and not was_on;
	end

	-- Called for a new core, which knows no occupants yet.
	function registered.reset()
		restored = setmetatable({}, { __mode = "k" });
	end

	-- Called when an occupant is at a nick, by joining or by a nick change, and before its nodes may be changed. Nodes
	-- that it has created before its registration are stored now.
	function registered.on_join(room, occupant)
		if not is_registered(room, occupant) or restored[room] and restored[room][occupant.nick] then return; end
		if outages.rests(name_of(room, occupant.bare_jid), false) then return; end
		local early = call_core("snapshot_of", room.jid, occupant.nick);
		if not early then return; end -- has not joined yet
		local records = load(room, occupant);
		if not records then return; end -- tried again with the next presence or request
		restored[room] = restored[room] or {};
		restored[room][occupant.nick] = records;
		if records[1] then
			drive("bring_back", info(room), occupant.nick, records);
		end
		if early[1] then
			local all = call_core("snapshot_of", room.jid, occupant.nick) or early;
			restored[room][occupant.nick] = save(room, occupant, all) and all or nil; -- else tried again
		end
	end

	-- Called before an occupant leaves its nick. Its changes are stored already, but not those from before a registration
	-- that no presence or request has shown.
	function registered.leave(room, occupant)
		if not (restored[room] and restored[room][occupant.nick]) then
			local early = is_registered(room, occupant) and call_core("snapshot_of", room.jid, occupant.nick);
			if early and early[1] then registered.on_join(room, occupant); end
		end
		if restored[room] then restored[room][occupant.nick] = nil; end
	end

	-- Returns whether the nodes of the occupant at `nick` are stored, and whether they can't be changed now: reading or
	-- writing them failed a moment ago and is not tried yet.
	function registered.is_stored(room, nick)
		local occupant = room:get_occupant_by_nick(nick);
		if not is_registered(room, occupant) then return false, false; end
		registered.on_join(room, occupant);
		local is_restored = restored[room] and restored[room][nick];
		return true, not is_restored or outages.rests(name_of(room, occupant.bare_jid), true);
	end

	-- Stores the nodes of an occupant (an effect of the core). Returns whether that succeeded.
	function registered.keep(effect)
		local room = get_room(effect.room);
		local occupant = room and room:get_occupant_by_nick(effect.occupant);
		if not occupant or not is_registered(room, occupant) then return true; end -- not any more
		if not save(room, occupant, effect.nodes) then return false; end
		restored[room] = restored[room] or {};
		restored[room][effect.occupant] = effect.nodes;
		return true;
	end

	-- Undoes the changes since the last that was stored.
	function registered.revert(effect)
		local room, nick = get_room(effect.room), effect.occupant;
		local stored = restored[room] and restored[room][nick];
		if stored then
			call_core("put_back", effect.room, nick, stored);
		end
	end

	function registered.forget_room(room)
		if not options.keep_registered then return; end
		for account, _, data in room:each_affiliation() do
			if data and data.reserved_nickname then
				forget(room, account);
			end
		end
	end

	module:hook("muc-set-affiliation", function (event)
		if not options.keep_registered then return; end
		local room, account = event.room, event.jid;
		local before = event.previous_data and event.previous_data.reserved_nickname;
		if event.affiliation == "outcast" or before ~= room:get_registered_nick(account) then
			forget(room, account);
		end
	end);

	-- Another module has set or removed a registration without setting the affiliation.
	module:hook("muc-set-affiliation-data/reserved_nickname", function (event)
		if options.keep_registered then
			forget(event.room, event.jid);
		end
	end);

	return registered;
end

return { new = new };
