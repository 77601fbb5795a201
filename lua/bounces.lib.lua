-- What comes back of events: errors, from clients that want none, from block lists, from servers.
--
-- mod_muc would treat them as it does those to a private message: it hands them to the publisher, or throws out whoever
-- sent them, where the condition may mean that nobody is there. An event is nothing that its publisher awaits an answer
-- to, and nobody is to lose a room for a block list. So only what can mean nothing but an absence goes on to mod_muc,
-- which then cleans up.

local absences = {
	["gone"] = true;
	["recipient-unavailable"] = true;
	["remote-server-not-found"] = true;
	["remote-server-timeout"] = true;
};

-- The core's ids: it makes them of 15 random octets, which are 20 characters.
local core_id = "^mep%-"..("[%w_-]"):rep(20).."$";

-- Priority above mod_muc's (-2).
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
