-- A queue of raised hands, for rooms with mod_mep.
--
-- Whoever publishes an item to "urn:mod_mep:hand:0" at their own address raises their hand, until they take it back, or
-- leave. Everybody in the room sees the queue at the room's own node "urn:mod_mep:hands:0".

local mep = module:depends "mep";
local array = require "util.array";
local jid_resource = require "util.jid".resource;

local hand, hands = "urn:mod_mep:hand:0", "urn:mod_mep:hands:0";

-- The nicks with a raised hand, in the order in which they were raised.
local queues = setmetatable({}, { __mode = "k" });

local function show(room)
	local ok, err = mep.publish(room.jid, hands, { queue = queues[room] or array() }, { id = "current" });
	if not ok then
		module:log("warn", "Could not show the raised hands in %s: %s", room.jid, err);
	end
end

local function change(room, nick, is_raised)
	local queue = queues[room] or array();
	local others = array();
	for _, other in ipairs(queue) do
		if other ~= nick then others:push(other); end
	end
	local was_raised = #others < #queue;
	if was_raised == is_raised then return; end
	queues[room] = is_raised and queue:push(nick) or others;
	show(room);
end

mep.subscribe(module, { node = hand, occupants = true }, function (event)
	if event.what == "published" then
		change(event.room, event.nick, true);
	elseif event.what == "retracted" or event.what == "purged" or event.what == "deleted" then
		change(event.room, event.nick, false);
	end
end);

module:hook("muc-occupant-left", function (event)
	change(event.room, jid_resource(event.nick), false);
end);
