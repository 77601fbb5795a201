-- mod_mep: XEP-0316, the MUC Eventing Protocol. Every room and every occupant is a pubsub service.
--
-- The protocol logic is in the core, a shared object written in Rust. This file hooks Prosody's events; calls.lib.lua
-- calls the core and carries out the effects that it returns.

local hosts = prosody.hosts;

-- `module:depends` would turn any component into a MUC host, so check first.
if module:get_host_type() ~= "component" or not hosts[module.host].modules.muc then
	module:log_status("error", "%s is not a MUC component; mod_mep is inactive there", module.host);
	return;
end

local function give_up(problem)
	module:set_status("error", problem);
	error(problem, 0);
end

local can_read, core_file = pcall(module.require, module, "core");
if not can_read then
	give_up("mod_mep can't start: its file core.lib.lua can't be read: "..tostring(core_file));
end
local lib, no_core = core_file.load();
if not lib then
	give_up("mod_mep can't start: "..no_core);
end
local build = core_file.build.build;

local jid_bare = require "util.jid".bare;
local nodeprep = require "util.encodings".stringprep.nodeprep;
local st = require "util.stanza";

local effects = module:require "effects";
local read_options = module:require "options".read;
local rooms = module:require "rooms".new(lib.publishers);
local new_outages = module:require "outages".new;
local status = module:require "status";
local shell = module:require "shell";

local xmlns = lib.xmlns;

module:depends "muc";

-- Looked up each time, as mod_muc may have been reloaded.
local function muc()
	return hosts[module.host].modules.muc;
end

-- Rooms that were destroyed while occupied. Prosody keeps using such an object when the only occupant of a temporary
-- room changes its nick.
local destroyed = setmetatable({}, { __mode = "k" });

local saved = module.saved_state;
saved = saved and saved.build == build and saved or nil;

-- How often the core and storage have failed.
local failures = saved and saved.failures or { core = 0, read = 0, write = 0 };

-- The line logged at start, which is also the module's status.
local function summary()
	local shared = effects.shared;
	return ("mod_mep %s, build %s; renders each event %s"):format(lib.version, build,
		shared.can_share and "once for all recipients" or "separately for each recipient: "..shared.why_not);
end

local outages;
local function show_status()
	local problem = outages.current();
	if problem then
		module:set_status("warn", "Storage fails: "..problem);
	else
		module:set_status("info", summary());
	end
end
outages = new_outages(failures, show_status);

local calls = module:require "calls".new(lib, effects.run, outages, failures, saved and saved.kept);
local call_core, call_now, carry_out, drive = calls.call_core, calls.call_now, calls.carry_out, calls.drive;

local function get_room(room_jid)
	return muc().get_room_from_jid(room_jid);
end

local observers = module:require "observers".new(call_core, get_room);
calls.set_observers(observers);

local debugging = module:require "debugging".new(function (is_read)
	call_core("explain", is_read);
end);

-- What a room is at this moment, for the core.
local function info(room)
	return rooms.info(room, call_core("outsiders", room.jid));
end

-- Occupants whose nodes outlive their stay.
local registered = module:require "registered".new(call_core, drive, info, outages, get_room);

local function restore_registered(room)
	for _, occupant in room:each_occupant() do
		registered.on_join(room, occupant);
	end
end

local function restore(room)
	if rooms.is_usable(room) then
		calls.kept.ensure(room);
		drive("restore", info(room), rooms.all_occupants(room));
		restore_registered(room);
	end
end

-- What lets others outside the server in on rooms' nodes: filled below.
local outlets = {};

-- Reads the options. Returns whether nodes of registered occupants are stored from now on.
local function take_options()
	local options, own = read_options(lib);
	effects.set_options(own);
	rooms.set_options(own);
	local keeps_registered = registered.set_options(own);
	for _, outlet in ipairs(outlets) do outlet.set_options(own); end
	calls.set_options(options);
	return keeps_registered;
end

-- Joins, changes and leaves.

-- The session that joins, or joins again, with the presence being handled. That presence is broadcast before
-- muc-occupant-session-new, and nothing may be sent to the session until then.
local joining;
local function note_joining(event)
	local stanza = event.stanza;
	joining = stanza:get_child("x", "http://jabber.org/protocol/muc") and stanza.attr.from or nil;
end
module:hook("muc-occupant-pre-join", note_joining, 1000);
module:hook("muc-occupant-pre-change", note_joining, 1000);
module:hook("muc-occupant-pre-leave", note_joining, 1000);

module:hook("muc-occupant-session-new", function (event)
	local room = event.room;
	joining = nil;
	if destroyed[room] or rooms.is_off(room) then return; end
	calls.kept.ensure(room);
	debugging.note(event.occupant.nick, "joins");
	drive("enter", info(room), rooms.presence(room, event.occupant), event.jid, event.stanza);
	registered.on_join(room, event.occupant);
end, 10); -- After history (50) and subject (20)

module:hook("muc-broadcast-presence", function (event)
	local room, occupant = event.room, event.occupant;
	-- No role: leaving, see muc-occupant-left
	if destroyed[room] or not occupant.role or rooms.is_off(room) then return; end
	local new_nick = event.nick and room.jid.."/"..event.nick;
	if new_nick and new_nick ~= occupant.nick then
		call_core("rename", room.jid, occupant.nick, new_nick);
		return;
	end
	drive("presence", info(room), rooms.presence(room, occupant), occupant.sessions, joining);
	registered.on_join(room, occupant);
end, -100);

module:hook("muc-occupant-left", function (event)
	local room = event.room;
	if room.destroying then
		-- All occupants are out already, with one event each: the first is enough
		drive("destroy", room.jid);
		return nil; -- what `drive` returns would end the event
	end
	if rooms.is_off(room) then return nil; end
	local occupant = event.occupant;
	registered.leave(room, occupant);
	drive("leave", info(room), occupant.nick, room:get_affiliation(occupant.bare_jid) or "none");
end, 10);

-- What a room is, and who is what to it, can change between calls. `presences` are those of the occupants concerned.
local function on_change(room, presences)
	if rooms.is_usable(room) and not destroyed[room] then
		calls.kept.ensure(room);
		drive("room_changed", info(room), presences);
	end
end

module:hook("muc-set-affiliation", function (event)
	on_change(event.room, rooms.presences(event.room, event.jid));
end, -100);

-- After the handlers that set what the owner chose. When a room becomes persistent or temporary, so do its nodes.
for _, field in ipairs({
	"muc#roomconfig_persistentroom"; "muc#roomconfig_membersonly"; "muc#roomconfig_whois"; "mep#roomconfig_publishers";
	"mep#roomconfig_occupants";
}) do
	module:hook("muc-config-submitted/"..field, function (event)
		on_change(event.room, {});
	end, -100);
end

-- A room without MEP is unknown to the core; what is stored of it stays.
module:hook("muc-config-submitted/mep#roomconfig_enabled", function (event)
	local room = event.room;
	if not event.mep_is_switched then return; end
	if rooms.is_off(room) then
		for _, occupant in room:each_occupant() do registered.leave(room, occupant); end
		drive("destroy", room.jid);
		calls.kept.release(room.jid);
	else
		restore(room);
	end
end, -100);

module:hook("muc-room-destroyed", function (event)
	destroyed[event.room] = true;
	drive("destroy", event.room.jid);
	calls.kept.forget(event.room.jid);
	registered.forget_room(event.room);
end, 10); -- Before the handler at -10 that ends the event

module:hook("muc-room-restored", function (event)
	restore(event.room);
end);

-- Requests to rooms and occupants.

local function refuse(event, error_type, condition, text)
	event.origin.send(st.error_reply(event.stanza, error_type, condition, text, module.host));
	return true;
end

-- Refuses a request as the core says; `...` are the method's arguments after the stanza.
local function refuse_by_core(event, method, ...)
	local list, failed = call_core(method, event.stanza, ...);
	if list then
		carry_out(list, event.origin);
	else
		refuse(event, "wait", failed);
	end
	return true;
end

-- Has the core answer a request. Returns the effects; nil and the condition of a stanza error if that fails; nil if MEP
-- does not answer it.
local function ask(room, target, actor, stanza)
	if not calls.kept.ensure(room) and not target.nick then
		if stanza.tags[1].name ~= "pubsub" then return nil; end
		return call_core("not_loaded", stanza);
	end
	if target.nick and stanza.attr.type == "set" then
		target.stored, target.read_only = registered.is_stored(room, target.nick);
	elseif not target.nick then
		target.read_only = room:get_persistent() and calls.kept.rests(room.jid) or nil;
	end
	return call_now("request", info(room), target, actor, stanza);
end

-- Hands a request to the core. Returns nil if mod_muc is to handle it.
local function request(event, room)
	local origin = event.origin;
	local target = rooms.target(room, event.stanza.attr.to);
	if not target then return; end
	local actor = rooms.actor(room, event.stanza.attr.from);
	debugging.note(actor.nick or "An outsider", ("sends an iq %s"):format(event.stanza.attr.type));
	local stanza, problem = observers.before(room, actor, event.stanza);
	if not stanza then
		return refuse(event, problem.type, problem.condition, problem.text);
	end
	local list, failed = ask(room, target, actor, stanza);
	if list then
		carry_out(list, origin, function (unsent)
			refuse_by_core(event, "not_stored", unsent);
		end, actor);
		return true;
	elseif failed then
		return refuse(event, "wait", failed);
	end
	calls.set_timer();
end

-- Says that a room is gone, and where it went, as mod_muc does for the requests that it handles.
local function refuse_as_gone(event, data)
	local reply = st.error_reply(event.stanza, "cancel", "gone", data.reason, module.host);
	if data.newjid then
		reply:get_child("error"):child_with_name("gone"):text("xmpp:"..data.newjid.."?join");
	end
	event.origin.send(reply);
	return true;
end

local function handle_room_pubsub(event)
	local room = muc().get_room_from_jid(event.stanza.attr.to);
	local data = room and room._data;
	if room == nil or data and data.destroyed and data.locked < os.time() then
		return refuse(event, "cancel", "item-not-found");
	elseif data and data.destroyed then
		return refuse_as_gone(event, data);
	elseif rooms.is_off(room) then
		return nil; -- as without MEP
	elseif not rooms.is_usable(room) then
		return refuse(event, "wait", "resource-constraint");
	end
	return request(event, room);
end

module:hook("iq/bare/"..xmlns.pubsub..":pubsub", handle_room_pubsub);
module:hook("iq/bare/"..xmlns.pubsub_owner..":pubsub", handle_room_pubsub);

-- Discovery of nodes. mod_muc answers for the room itself, with the features below.
local function handle_room_disco(event)
	local room = muc().get_room_from_jid(event.stanza.attr.to);
	if rooms.is_usable(room) then
		return request(event, room);
	end
end

-- Returns whether a module answers for a disco node of rooms: that goes before a MEP node of the same name.
local function is_answered(node)
	local handlers = hosts[module.host].events.get_handlers("muc-disco#info/"..node);
	return handlers and #handlers > 0;
end

-- Below other modules (0), above mod_muc (-2)
module:hook("iq-get/bare/"..xmlns.disco_info..":query", function (event)
	local node = event.stanza.tags[1].attr.node;
	if node and node ~= "" and not is_answered(node) then
		return handle_room_disco(event);
	end
end, -1);
module:hook("iq-get/bare/"..xmlns.disco_items..":query", handle_room_disco, -1);

module:hook("muc-disco#info", function (event)
	local reply = event.reply;
	if rooms.is_off(event.room) then return; end
	reply:tag("identity", { category = "pubsub", type = "mep" }):up();
	for _, feature in ipairs(lib.features) do
		reply:tag("feature", { var = feature }):up();
	end
end);

local to_occupants = {
	[xmlns.pubsub] = true;
	[xmlns.pubsub_owner] = true;
	[xmlns.disco_info] = true;
	[xmlns.disco_items] = true;
};

-- COMPAT components have no iq-set/full and the like: mod_iq expands iq/full on VirtualHosts only
module:hook("iq/full", function (event)
	local stanza = event.stanza;
	local query = stanza.tags[1];
	local kind = stanza.attr.type;
	if (kind == "get" or kind == "set") and query and to_occupants[query.attr.xmlns] then
		local room = muc().get_room_from_jid(jid_bare(stanza.attr.to));
		if rooms.is_usable(room) then
			return request(event, room);
		end
	end
end, 1); -- Above mod_muc (-2)

-- Answers to the capability queries that rooms send to sessions.
module:hook("iq/bare", function (event)
	local kind = event.stanza.attr.type;
	if kind == "result" or kind == "error" then
		return drive("answer", event.stanza);
	end
end, 1);

module:require "bounces".hook(lib.is_message_id, call_core);

-- What other modules can do.
-- luacheck: globals module.environment
local api = module:require "api".new(xmlns, rooms, get_room, ask, carry_out, call_core, effects.shared.copy);
for name, f in pairs(api) do module.environment[name] = f; end

-- Returns the JID of the room with this localpart, if there is such a room.
local function room_of(name)
	local node = nodeprep(name);
	local room = node and get_room(node.."@"..module.host);
	return room and room.jid;
end

table.insert(outlets, module:require "http_api".new(api, room_of));
table.insert(outlets, module:require "webhook".new());
take_options();

observers.on_face = module:require "face".start(api, call_core, get_room);

local function on_new_options()
	local keeps_registered = take_options();
	show_status();
	module:log("info", "Options updated from the reloaded configuration");
	for room in muc().live_rooms() do
		-- The server's admins may be others now, or who publishes as a room by default.
		on_change(room, rooms.is_usable(room) and rooms.presences(room));
		if keeps_registered and rooms.is_usable(room) then restore_registered(room); end
	end
end

-- COMPAT 0.12 reloads the configuration on SIGHUP at once, even inside a call of the core, so wait for the next turn.
module:hook_global("config-reloaded", function ()
	module:add_timer(0, on_new_options);
end);

-- What an admin can look at.
-- luacheck: globals module.status module.report module.offer_shell module.status_message

function module.status()
	return status.of(calls.core, failures);
end

-- The same as lines of text, with the module's status first.
function module.report()
	local lines = status.lines(module.status());
	table.insert(lines, 1, ("%s: %s"):format(module.host, module.status_message));
	return lines;
end

module:hook_global("stats-update", function ()
	status.measure(calls.core, failures);
end);

-- Only once the server has started: a shell loaded after this module would miss the command of a host's module.
module.ready = shell.offer;

-- COMPAT 0.12 has no module.ready, and its shell does not need it
if not module.on_ready then shell.offer(); end
module.offer_shell = shell.offer;

module:hook_global("server-stopping", calls.keep_capabilities);

function module.unload()
	shell.withdraw();
	calls.keep_capabilities();
	for _, outlet in ipairs(outlets) do outlet.unload(); end
	if not module.reloading then status.forget(); end
end

function module.save()
	-- An error here makes Prosody keep the running module
	local obstacle = core_file.obstacle_to_reload();
	if obstacle then error(obstacle, 0); end
	return { core = calls.core, build = build, kept = calls.kept.state, failures = failures };
end

show_status();
module:log("info", "%s", summary());

calls.start(saved and saved.core, registered, function ()
	debugging.reset();
	observers.reset();
	registered.reset();
end, function ()
	for room in muc().live_rooms() do
		restore(room);
	end
end);
