-- Keeps what occupants publish under a nick that is registered to them, where the option says so: it is there again
-- when they are, and ends with the registration.
--
-- One entry for each such occupant in the store "mep_registered", under a hash of room and account.

local jid_resource = require "util.jid".resource;
local random_bytes = require "util.random".bytes;
local sha256 = require "util.hashes".sha256;
local st = require "util.stanza";
local time_now = require "util.time".now;

local attempt = module:require "attempt";

-- The format of the entries; one of another is left alone.
local format = 1;

-- The module's options: `keep_registered`, `max_registered` and `max_registered_size`.
local options;

local entries = module:open_store("mep_registered");

local function name_of(room, account)
	return sha256(room.jid.."/"..account, true);
end

-- What any storage driver takes, of a table with stanzas in it; and about how many octets that is.
local function plain(value)
	if type(value) == "string" then
		return value, #value;
	elseif type(value) ~= "table" then
		return value, 8;
	elseif st.is_stanza(value) then
		value = st.preserialize(value);
	end
	local copy, octets = {}, 0;
	for key, inner in pairs(value) do
		local size;
		copy[key], size = plain(inner);
		octets = octets + size + 8;
	end
	return copy, octets;
end

-- Whether somebody is at the nick that is registered to them, and what they publish there is kept. A ban leaves
-- mod_muc's data of the registration.
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

-- `ask(method, ...)` calls the core, and `tell` carries out what it answers as well; `outages` notes what of the
-- storage fails.
local function new(ask, tell, outages)
	-- Calls the storage for an entry of a room. The log does not name the account: the room may not show it.
	local function try(method, verb, room, name, ...)
		local is_write = method == "set";
		local result, err = attempt(entries[method], entries, name, ...);
		if not result and (is_write or err) then
			outages.failed(name, is_write, ("could not %s what a registered occupant of %s has published")
				:format(verb, room.jid), err);
		else
			outages.worked(name, is_write);
		end
		return result, not result and err or nil; -- a driver may say more of what worked
	end

	-- What was kept for an occupant: a list of records; nothing where that can't be told.
	local function load(room, occupant)
		local entry, err = try("get", "load", room, name_of(room, occupant.bare_jid));
		if err then
			return nil;
		elseif type(entry) == "table" and entry.format == format and entry.nick == jid_resource(occupant.nick) then
			return entry.nodes;
		end
		return {};
	end

	-- What is too much goes when they leave, as it does for others.
	local function save(room, occupant, records)
		local name = name_of(room, occupant.bare_jid);
		if is_crowded(room) and not try("get", "load", room, name) then
			return true;
		end
		local nodes, octets = plain(records);
		if not nodes[1] or octets > options.max_registered_size then
			return try("set", "remove", room, name, nil);
		end
		return try("set", "keep", room, name, { format = format; nick = jid_resource(occupant.nick); nodes = nodes });
	end

	local function forget(room, account)
		try("set", "remove", room, name_of(room, account), nil);
	end

	-- Occupants who have what was kept for them: by room and nick.
	local back = setmetatable({}, { __mode = "k" });
	local registered = {};

	-- Returns whether what occupants publish is kept from now on: call `come` for those who are there.
	function registered.set_options(new_options)
		local was_kept = options and options.keep_registered;
		options = new_options;
		if not options.keep_registered then
			back = setmetatable({}, { __mode = "k" });
		end
		return options.keep_registered and not was_kept;
	end

	-- The core was made anew, and knows of nobody.
	function registered.reset()
		back = setmetatable({}, { __mode = "k" });
	end

	-- An occupant is there, be it from outside or from another nick.
	function registered.come(room, occupant)
		if not is_registered(room, occupant) or back[room] and back[room][occupant.nick] then return; end
		local held = ask("snapshot_of", room.jid, occupant.nick);
		if not held then return; end -- has not come in yet
		back[room] = back[room] or {};
		back[room][occupant.nick] = true;
		local records = load(room, occupant);
		if records and records[1] then
			tell("bring_back", room.jid, occupant.nick, records, time_now(), random_bytes(16));
		end
	end

	-- An occupant is about to be gone. What they changed is kept already; what they had when they registered is not.
	function registered.leave(room, occupant)
		if back[room] then back[room][occupant.nick] = nil; end
		local held = is_registered(room, occupant) and ask("snapshot_of", room.jid, occupant.nick);
		if held and held[1] then
			save(room, occupant, held);
		end
	end

	-- What an occupant has whose changes are to be kept, before somebody changes something there: nothing where they
	-- are not, or the core knows of nobody there.
	function registered.before(room, nick)
		local occupant = nick and room:get_occupant_by_nick(nick);
		return is_registered(room, occupant) and ask("snapshot_of", room.jid, nick) or nil;
	end

	-- Keeps what an occupant has after that; false where that did not work: they have what they had `before`.
	function registered.keep(room, nick, effects, before)
		local first = effects[1];
		if not before or first and first.kind == "reply" and first.stanza.attr.type == "error" then return true; end
		local held = ask("snapshot_of", room.jid, nick);
		if not held then return true; end
		if save(room, room:get_occupant_by_nick(nick), held) then return true; end
		ask("put_back", room.jid, nick, before);
		return false;
	end

	-- Whether nothing is written for the occupant at `nick` for now, as that failed a moment ago.
	function registered.rests(room, nick)
		return outages.rests(name_of(room, room:get_occupant_by_nick(nick).bare_jid), true);
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

	-- Some module has registered somebody, or ended that, without more.
	module:hook("muc-set-affiliation-data/reserved_nickname", function (event)
		if options.keep_registered then
			forget(event.room, event.jid);
		end
	end);

	return registered;
end

return { new = new };
