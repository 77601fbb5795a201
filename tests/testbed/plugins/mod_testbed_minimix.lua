-- Has the account "alice" join rooms by its bare JID, for all of its clients, as mod_minimix does for everyone: one
-- session in the room, whose stanzas go to each client that has joined.

if module:get_host_type() ~= "local" then return; end

local st = require "util.stanza";
local jid_bare, jid_node = require "util.jid".bare, require "util.jid".node;

local sessions = prosody.hosts[module.host].sessions;

-- The clients in rooms: by account and room, sets of sessions.
local joined = {};

local function clients(username, room)
	joined[username] = joined[username] or {};
	joined[username][room] = joined[username][room] or {};
	return joined[username][room];
end

local function send_from_account(origin, stanza)
	local copy = st.clone(stanza);
	copy.attr.from = jid_bare(stanza.attr.from);
	module:send(copy, origin);
end

module:hook("pre-presence/full", function (event)
	local origin, stanza = event.origin, event.stanza;
	if origin.username ~= "alice" then return; end
	local here = clients(origin.username, jid_bare(stanza.attr.to));
	if stanza.attr.type == "unavailable" then
		here[origin] = nil;
		if next(here) == nil then send_from_account(origin, stanza); end
		return true;
	elseif stanza:get_child("x", "http://jabber.org/protocol/muc") or here[origin] then
		here[origin] = true;
		send_from_account(origin, stanza);
		return true;
	end
end);

local function fork(event)
	local stanza = event.stanza;
	local username = jid_node(stanza.attr.to);
	local here = sessions[username] and clients(username, jid_bare(stanza.attr.from));
	if not here or next(here) == nil then return; end
	for session in pairs(here) do
		local copy = st.clone(stanza);
		copy.attr.to = session.full_jid;
		session.send(copy);
	end
	return true;
end
module:hook("presence/bare", fork, 100);
module:hook("message/bare", fork, 100);
