-- Errors that come back for events: from clients that refuse them, from block lists, from servers.
--
-- mod_muc would handle them like errors for a private message: pass them to the publisher, or remove the sender from
-- the room if the condition may mean that it is offline. But a publisher expects no answer to an event, and a block
-- list must not cost an occupant its place in the room. So mod_muc only sees the conditions that always mean an absent
-- recipient, and then cleans up.

local jid_bare = require "util.jid".bare;

local absences = {
	["gone"] = true;
	["recipient-unavailable"] = true;
	["remote-server-not-found"] = true;
	["remote-server-timeout"] = true;
};

-- `is_message_id(id)` tells the ids of the core's messages from others, and `call_core(method, ...)` calls the core: it
-- ends the subscriptions of those outside the room whose errors say that they have gone.
local function hook(is_message_id, call_core)
	local function swallow(event)
		local stanza = event.stanza;
		if stanza.attr.type ~= "error" or not is_message_id(stanza.attr.id or "") then return; end
		local _, condition = stanza:get_error();
		call_core("bounce", jid_bare(stanza.attr.to), stanza.attr.to, stanza.attr.from, condition or "");
		if not absences[condition] then
			return true;
		end
	end

	-- Above mod_muc (-2)
	module:hook("message/full", swallow, 1);
	module:hook("message/bare", swallow, 1);
end

return { hook = hook };
