-- mod_mep: XEP-0316, the MUC Eventing Protocol. Every room and every occupant is a pubsub service.
--
-- The logic is in the core, a shared object made of Rust. This file tells it what happens in Prosody, and carries
-- out what it answers.

local hosts = prosody.hosts;

-- Depending on mod_muc would turn any component into a MUC host: look first.
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
	give_up("mod_mep can't start, its file core.lib.lua can't be read: "..tostring(core_file));
end
local lib, no_core = core_file.load();
if not lib then
	give_up("mod_mep can't start: "..no_core);
end
local build = core_file.build.build;

local jid_bare = require "util.jid".bare;
local random_bytes = require "util.random".bytes;
local st = require "util.stanza";
local time_now = require "util.time".now;

local effects_file = module:require "effects";
local read_options = module:require "options".read;
local rooms = module:require "rooms";
local new_keeper = module:require "kept";
local new_capabilities = module:require "capabilities".new;
local new_outages = module:require "outages".new;
local new_debugging = module:require "debugging".new;
local status = module:require "status";
local shell = module:require "shell";

local xmlns_disco_info = "http://jabber.org/protocol/disco#info";
local xmlns_disco_items = "http://jabber.org/protocol/disco#items";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local xmlns_pubsub_owner = "http://jabber.org/protocol/pubsub#owner";

module:depends "muc";

-- The rooms, as mod_muc has them now: it may have been reloaded.
local function muc()
	return hosts[module.host].modules.muc;
end

local core;
-- Rooms that were destroyed while somebody was in them: Prosody goes on with such an object after the only occupant
-- of a temporary room changed its nick.
local destroyed = setmetatable({}, { __mode = "k" });
local rebuild;

-- COMPAT 0.12 runs what a signal leads to wherever it finds the server, be it within the core, which can't be called
-- then. That is a shutdown: what it does to the rooms makes no difference any more.
local busy = false;

local saved = module.saved_state;
saved = saved and saved.build == build and saved or nil;

-- What failed so far: calls of the storage, and the core.
local failures = saved and saved.failures or { core = 0, read = 0, write = 0 };

-- What is said of the module when it starts, and as its status.
local function summary()
	local shared = effects_file.shared;
	return ("mod_mep %s, build %s; an event is rendered %s"):format(lib.version, build,
		shared.can_share and "once for all who are told" or "anew for each who is told: "..shared.why_not);
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

-- Calls the core. A failure there is a bug: what it knows is suspect then, so it starts again from the rooms.
local function ask(method, ...)
	if busy then return nil, "internal-server-error"; end
	busy = true;
	local ok, result = pcall(core[method], core, ...);
	busy = false;
	if ok then
		return result;
	end
	failures.core = failures.core + 1;
	module:log("error", "The core failed, and starts anew from the rooms and the storage: %s", result);
	rebuild();
	return nil, "internal-server-error";
end

local debugging = new_debugging(function (is_read)
	ask("explain", is_read);
end);

local kept = new_keeper(ask, outages, saved and saved.kept);
local capabilities = new_capabilities(outages);

local function keep_capabilities()
	if not busy then
		capabilities.keep(core);
	end
end

-- Learning comes in crowds: what is learned shortly after is kept along.
local function on_learned()
	module:add_timer(capabilities.delay, keep_capabilities);
end

-- The one timer that wakes the core, and for when it is set.
local wake_timer, wake_at;
local on_wake;

-- Sets it to the core's next deadline, unless it is set to that or earlier: waking the core too early does no harm.
local function set_timer()
	local deadline = not busy and core:next_deadline();
	if not deadline or wake_at and wake_at <= deadline then return; end
	if wake_timer then wake_timer:stop(); end
	wake_at = deadline;
	wake_timer = module:add_timer(math.max(0, deadline - time_now()), on_wake);
end

local function carry_out(list, origin, on_failure, dropped)
	effects_file.run {
		effects = list;
		origin = origin;
		dropped = dropped;
		keep = kept.keep;
		revert = kept.revert;
		on_failure = on_failure;
		on_learned = on_learned;
	};
	set_timer();
end

local function not_sent(messages)
	ask("not_sent", messages);
end

local function tell(method, ...)
	local list = ask(method, ...);
	if list then
		carry_out(list, nil, not_sent);
	end
end

function on_wake()
	wake_timer, wake_at = nil, nil;
	tell("wake", time_now(), random_bytes(16));
end

-- Occupants whose nodes outlive their stay.
local registered = module:require "registered".new(ask, tell, outages);

local function bring_back_registered(room)
	for _, occupant in room:each_occupant() do
		registered.come(room, occupant);
	end
end

local function restore(room)
	if rooms.is_usable(room) then
		kept.ensure(room);
		tell("restore", room.jid, rooms.everybody(room), time_now(), random_bytes(16));
		bring_back_registered(room);
	end
end

-- What is set, as the core takes it.
local options;

-- Reads what is set; returns whether what registered occupants publish is kept from now on.
local function take_options()
	local own;
	options, own = read_options(lib);
	effects_file.set_options(own);
	rooms.set_options(own);
	return registered.set_options(own);
end
take_options();

local rebuilding = false;
function rebuild()
	core = lib.new(st.stanza_mt, options);
	capabilities.recall(core);
	debugging.reset();
	kept = new_keeper(ask, outages, kept.retire());
	registered.reset();
	if rebuilding then return; end
	rebuilding = true;
	for room in muc().live_rooms() do
		restore(room);
	end
	rebuilding = false;
end

-- Who comes, changes and goes.

-- The session that is coming in, or coming in again, with the presence that is being handled: it is broadcast before
-- muc-occupant-session-new, and nothing may be sent to it before that.
local coming;
local function note_coming(event)
	local stanza = event.stanza;
	coming = stanza:get_child("x", "http://jabber.org/protocol/muc") and stanza.attr.from or nil;
end
module:hook("muc-occupant-pre-join", note_coming, 1000);
module:hook("muc-occupant-pre-change", note_coming, 1000);
module:hook("muc-occupant-pre-leave", note_coming, 1000);

module:hook("muc-occupant-session-new", function (event)
	local room = event.room;
	coming = nil;
	if destroyed[room] then return; end
	kept.ensure(room);
	debugging.note(event.occupant.nick, "comes in");
	tell("enter", room.jid, rooms.presence(room, event.occupant), event.jid, event.stanza, time_now(), random_bytes(16));
	registered.come(room, event.occupant);
end, 10); -- After history (50) and subject (20)

module:hook("muc-broadcast-presence", function (event)
	local room, occupant = event.room, event.occupant;
	if destroyed[room] or not occupant.role then return; end -- without a role they are leaving: muc-occupant-left
	local new_nick = event.nick and room.jid.."/"..event.nick;
	if new_nick and new_nick ~= occupant.nick then
		ask("rename", room.jid, occupant.nick, new_nick);
		return;
	end
	tell("presence", room.jid, rooms.presence(room, occupant), occupant.sessions, coming, time_now(), random_bytes(16));
	registered.come(room, occupant);
end, -100);

module:hook("muc-occupant-left", function (event)
	local room = event.room;
	if room.destroying then
		-- All are put out already, one event each: the first stands for all
		return tell("destroy", room.jid, time_now(), random_bytes(16));
	end
	registered.leave(room, event.occupant);
	tell("leave", room.jid, event.occupant.nick, time_now(), random_bytes(16));
end, 10);

module:hook("muc-set-affiliation", function (event)
	if event.affiliation == "outcast" then
		ask("ban", event.room.jid, event.jid);
	end
end);

module:hook("muc-room-destroyed", function (event)
	destroyed[event.room] = true;
	tell("destroy", event.room.jid, time_now(), random_bytes(16));
	kept.forget(event.room.jid);
	registered.forget_room(event.room);
end, 10); -- Above the handler at -10 that ends the event

module:hook("muc-room-restored", function (event)
	restore(event.room);
end);

-- What is asked of rooms and occupants.

local function refuse(event, error_type, condition, text)
	event.origin.send(st.error_reply(event.stanza, error_type, condition, text, module.host));
	return true;
end

-- Carries out the refusal that the core makes of a request; `...` is what it needs beside the stanza.
local function refuse_by_core(event, method, ...)
	local list, failed = ask(method, event.stanza, ...);
	if list then
		carry_out(list, event.origin);
	else
		refuse(event, "wait", failed);
	end
	return true;
end

-- Hands a request to the core; nothing where mod_muc is to go on with it.
local function request(event, room)
	local origin, stanza = event.origin, event.stanza;
	local setting = rooms.setting(room, stanza.attr.to);
	if not setting then return; end
	if not kept.ensure(room) and not setting.nick then
		return stanza.tags[1].name == "pubsub" and refuse_by_core(event, "not_loaded") or nil;
	end
	local actor = rooms.actor(room, stanza.attr.from);
	debugging.note(actor.nick or "An outsider", stanza.attr.type == "set" and "asks for a change" or "asks for something");
	local before = stanza.attr.type == "set" and registered.before(room, setting.nick);
	if setting.nick then
		setting.read_only = before and registered.rests(room, setting.nick);
	else
		setting.read_only = setting.persistent and kept.rests(room.jid);
	end
	local list, failed = ask("request", setting, actor, stanza, time_now(), random_bytes(16));
	if list then
		local is_kept = registered.keep(room, setting.nick, list, before);
		carry_out(list, origin, function (unsent)
			refuse_by_core(event, "not_stored", unsent);
		end, not is_kept);
		return true;
	elseif failed then
		return refuse(event, "wait", failed);
	end
end

local function handle_room_pubsub(event)
	local room = muc().get_room_from_jid(event.stanza.attr.to);
	if room == nil then
		return refuse(event, "cancel", "item-not-found");
	elseif room and room._data.destroyed then
		return refuse(event, "cancel", "gone", room._data.reason);
	elseif not rooms.is_usable(room) then
		return refuse(event, "wait", "resource-constraint");
	end
	return request(event, room);
end

module:hook("iq/bare/"..xmlns_pubsub..":pubsub", handle_room_pubsub);
module:hook("iq/bare/"..xmlns_pubsub_owner..":pubsub", handle_room_pubsub);

-- Discovery of nodes; what a room says of itself is mod_muc's, with the features below.
local function handle_room_disco(event)
	local room = muc().get_room_from_jid(event.stanza.attr.to);
	if rooms.is_usable(room) then
		return request(event, room);
	end
end

module:hook("iq-get/bare/"..xmlns_disco_info..":query", function (event)
	local node = event.stanza.tags[1].attr.node;
	if node and node ~= "" then
		return handle_room_disco(event);
	end
end);
module:hook("iq-get/bare/"..xmlns_disco_items..":query", handle_room_disco);

module:hook("muc-disco#info", function (event)
	local reply = event.reply;
	reply:tag("identity", { category = "pubsub", type = "mep" }):up();
	for _, feature in ipairs(lib.features) do
		reply:tag("feature", { var = feature }):up();
	end
end);

local to_occupants = {
	[xmlns_pubsub] = true;
	[xmlns_pubsub_owner] = true;
	[xmlns_disco_info] = true;
	[xmlns_disco_items] = true;
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

-- Answers to the questions that rooms ask their sessions.
module:hook("iq/bare", function (event)
	local kind = event.stanza.attr.type;
	if kind == "result" or kind == "error" then
		local list = ask("answer", event.stanza, time_now(), random_bytes(16));
		if list then
			carry_out(list);
			return true;
		end
	end
end, 1);

module:require "bounces";

-- A room becomes persistent, or temporary: what it has published does, too.
module:hook("muc-config-submitted/muc#roomconfig_persistentroom", function (event)
	kept.ensure(event.room);
end, -100);

-- The configuration was loaded anew.
local function on_new_options()
	local keeps_registered = take_options();
	ask("set_options", options);
	show_status();
	module:log("info", "The options are those of the reloaded configuration");
	if keeps_registered then
		for room in muc().live_rooms() do
			if rooms.is_usable(room) then bring_back_registered(room); end
		end
	end
end

-- COMPAT 0.12 loads it, on SIGHUP, wherever the signal finds the server, be it within the core: so not right away.
module:hook_global("config-reloaded", function ()
	module:add_timer(0, on_new_options);
end);

-- What an admin can see.
-- luacheck: globals module.status module.report module.offer_shell module.status_message

function module.status()
	return status.of(core, failures);
end

-- The same, and how it goes, as lines for people.
function module.report()
	local lines = status.lines(module.status());
	table.insert(lines, 1, ("%s: %s"):format(module.host, module.status_message));
	return lines;
end

module:hook_global("stats-update", function ()
	status.measure(core, failures);
end);

-- Not before the server has started: the shell may come after this module, and then looks at global ones alone.
module.ready = shell.offer;

-- COMPAT 0.12 has no module.ready, and its shell does not mind
if not module.on_ready then shell.offer(); end
module.offer_shell = shell.offer;

module:hook_global("server-stopping", keep_capabilities);

function module.unload()
	shell.withdraw();
	keep_capabilities();
	if not module.reloading then status.forget(); end
end

function module.save()
	-- Prosody goes on with what is running if this fails
	local obstacle = core_file.obstacle_to_reload();
	if obstacle then error(obstacle, 0); end
	return { core = core, build = build, kept = kept.state, failures = failures };
end

show_status();
module:log("info", "%s", summary());

if saved then
	core = saved.core;
	core:configure(st.stanza_mt, options);
	core:explain(false); -- until it is known again whether that is read
	set_timer();
else
	rebuild();
end
