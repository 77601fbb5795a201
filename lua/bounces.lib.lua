-- Errors that come back for events: from clients that refuse them, from block lists, from servers.
--
-- mod_muc would handle them like errors for a private message: pass them to the publisher, or remove the sender from
-- the room if the condition may mean that it is offline. But a publisher expects no answer to an event, and a block
-- list must not cost an occupant its place in the room. So mod_muc only sees the conditions that always mean an absent
-- recipient, and then cleans up.

local absences = {
	["gone"] = true;
	["recipient-unavailable"] = true;
	["remote-server-not-found"] = true;
	["remote-server-timeout"] = true;
};

-- The core's message ids: 15 random octets, which make 20 characters.
local core_id = "^mep%-"..("[%w_-]"):rep(20).."$";

-- Hooked above mod_muc (-2).
local function swallow(event)
	local stanza = event.stanza;
	if stanza.attr.type ~= "error" or not (stanza.attr.id or ""):match(core_id) then return; end
	local _, condition = stanza:get_error();
	if not absences[condition] then
		return true;
	end
end

module:hook("message/full", swallow, 1);
module:hook("message/bare", swallow, 1);
