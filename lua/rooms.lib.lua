-- The facts that go with each call of the core: rooms and occupants as mod_muc has them at this moment.

local hosts = prosody.hosts;
local jid_bare, jid_host = require "util.jid".bare, require "util.jid".host;

-- mod_muc reads it at load as well, and reloading mod_muc reloads this module.
local occupant_ids = module:get_option_boolean("muc_occupant_id", true);

-- The labels of those who may publish as the room, whom the core lists.
local labels = {
	owners = "Owners";
	admins = "Owners and admins";
	moderators = "Moderators";
	participants = "Anyone with voice";
};

-- The labels of those who may publish at their own address, and of whether a room has MEP at all.
local of_occupants = { "participants"; "members"; "moderators"; "nobody" };
local occupant_labels = {
	participants = "Anyone with voice";
	members = "Members with voice";
	moderators = "Moderators";
	nobody = "Nobody";
};

local is_of_occupants = {};
for _, name in ipairs(of_occupants) do is_of_occupants[name] = true; end

-- Returns which occupants may publish at their own address.
local function occupants_of(room)
	local stored = room._data.mep_occupants;
	return is_of_occupants[stored] and stored or "participants";
end

-- Returns whether the room's owner has turned MEP off there.
local function is_off(room)
	return room._data.mep_off == true;
end

-- The options of mod_muc_mam, as it reads them.
local archives_all = module:get_option_boolean("muc_log_all_rooms", false);
local archives_by_default = module:get_option_boolean("muc_log_by_default", true);

-- Returns whether a room archives what is written there. mod_muc_mam tells no one, so this repeats its rule. Without an
-- archive nothing may be archived: Prosody would put it into the room's history all the same.
local function archives(room)
	local handlers = hosts[module.host].events.get_handlers("iq-set/bare/urn:xmpp:mam:2:query");
	if not handlers or #handlers == 0 then return false; end
	local enabled = room._data.archiving;
	if archives_all or enabled == nil then return archives_all or archives_by_default; end
	return not not enabled;
end

-- The facts in an occupant's presence, without its sessions.
local function presence(room, occupant)
	local role = occupant.role or "none";
	return {
		nick = occupant.nick;
		role = role;
		affiliation = room:get_affiliation(occupant.bare_jid) or "none";
		visible = not not room:get_presence_broadcast()[role];
		occupant_id = occupant_ids and room:get_occupant_id(occupant) or nil;
	};
end

-- The sender of a request. An account can be in a room by its bare JID (mod_minimix): then each of its clients is that
-- session.
local function actor(room, jid)
	local occupant = room:get_occupant_by_real_jid(jid);
	if not occupant then
		local account = jid_bare(jid);
		occupant = room:get_occupant_by_real_jid(account);
		if occupant then jid = account; end
	end
	return {
		jid = jid;
		nick = occupant and occupant.nick;
		role = occupant and occupant.role or "none";
		affiliation = room:get_affiliation(jid) or "none";
		sees_jids = not room:is_anonymous_for(jid);
	};
end

-- The room itself as the sender of a request: so a module of this host acts, and may do everything.
local function room_actor(room)
	return { jid = room.jid; role = "moderator"; affiliation = "owner"; sees_jids = true };
end

-- An occupant as the sender of a request, by its nick or address, with one of its sessions. Returns nil if none has it.
local function occupant_actor(room, nick)
	local occupant = room:get_occupant_by_nick(nick) or room:get_occupant_by_nick(room.jid.."/"..nick);
	local jid = occupant and next(occupant.sessions);
	return jid and actor(room, jid);
end

-- The target of a request: the room, without a nick, or an occupant. Returns nil if no occupant has that nick.
local function target(room, to)
	if to == room.jid then return {}; end
	local occupant = room:get_occupant_by_nick(to);
	return occupant and { nick = to, affiliation = room:get_affiliation(occupant.bare_jid) or "none" };
end

-- All occupants of a room, with their sessions.
local function all_occupants(room)
	local list = {};
	for _, occupant in room:each_occupant() do
		table.insert(list, { presence(room, occupant), occupant.sessions });
	end
	return list;
end

-- The facts in the presences of an account's occupants, of a server's, or (without `jid`) of all.
local function presences(room, jid)
	local list = {};
	for _, occupant in room:each_occupant() do
		if not jid or occupant.bare_jid == jid or jid_host(occupant.bare_jid) == jid then
			table.insert(list, presence(room, occupant));
		end
	end
	return list;
end

-- Returns whether requests to a room are served. mod_muc has its own errors for rooms that were destroyed or could not
-- be loaded.
local function is_usable(room)
	return room and not room._data.destroyed and room._data.locked ~= math.huge and not is_off(room);
end

-- `publishers` is the core's list of who may publish as a room.
local function new(publishers)
	local is_known = {};
	for _, name in ipairs(publishers) do is_known[name] = true; end
	-- For rooms whose own configuration does not say.
	local default_publishers;

	-- Returns which occupants may publish as the room. A value stored by another version may be unknown here.
	local function publishers_of(room)
		local stored = room._data.mep_publishers;
		return is_known[stored] and stored or default_publishers;
	end

	-- The room itself. `accounts` are the subscribers outside it, if there are any.
	local function info(room, accounts)
		local outsiders = accounts and {};
		for _, account in ipairs(accounts or {}) do
			outsiders[account] = room:get_affiliation(account) or "none";
		end
		return {
			jid = room.jid;
			publishers = publishers_of(room);
			occupants = occupants_of(room);
			persistent = room:get_persistent() and true or false;
			anonymous = room:get_whois() ~= "anyone";
			members_only = room:get_members_only() and true or false;
			archives = archives(room);
			outsiders = outsiders;
		};
	end

	module:hook("muc-config-form", function (event)
		local current = publishers_of(event.room);
		local options = {};
		for at, name in ipairs(publishers) do
			options[at] = { value = name, label = labels[name], default = name == current };
		end
		local whose = {};
		for at, name in ipairs(of_occupants) do
			whose[at] = { value = name, label = occupant_labels[name], default = name == occupants_of(event.room) };
		end
		table.insert(event.form, { type = "fixed"; value = "Events (XEP-0316)" });
		table.insert(event.form, {
			name = "mep#roomconfig_enabled";
			type = "boolean";
			label = "Occupants and the room may publish events";
			value = not is_off(event.room);
		});
		table.insert(event.form, {
			name = "mep#roomconfig_occupants";
			type = "list-single";
			label = "Who may publish events at their own address";
			options = whose;
		});
		table.insert(event.form, {
			name = "mep#roomconfig_publishers";
			type = "list-single";
			label = "Who may publish events as the room (XEP-0316)";
			options = options;
		});
	end, 70-8);

	module:hook("muc-config-submitted/mep#roomconfig_publishers", function (event)
		local room, value = event.room, event.value;
		if is_known[value] and value ~= publishers_of(room) then
			room._data.mep_publishers = value;
			event.status_codes["104"] = true;
		end
	end);

	module:hook("muc-config-submitted/mep#roomconfig_occupants", function (event)
		local room, value = event.room, event.value;
		if is_of_occupants[value] and value ~= occupants_of(room) then
			room._data.mep_occupants = value;
			event.status_codes["104"] = true;
		end
	end);

	module:hook("muc-config-submitted/mep#roomconfig_enabled", function (event)
		local room, value = event.room, event.value;
		if type(value) == "boolean" and value == is_off(room) then
			room._data.mep_off = not value or nil;
			event.status_codes["104"], event.mep_is_switched = true, true;
		end
	end);

	-- To be called before anything else.
	local function set_options(options)
		default_publishers = options.room_publishers;
	end

	return {
		set_options = set_options;
		presence = presence;
		actor = actor;
		room_actor = room_actor;
		occupant_actor = occupant_actor;
		info = info;
		target = target;
		all_occupants = all_occupants;
		presences = presences;
		is_usable = is_usable;
		is_off = is_off;
	};
end

return { new = new, labels = labels };
