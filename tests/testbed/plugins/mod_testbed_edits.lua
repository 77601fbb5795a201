-- Edits what comes by, in place, each in the way that the recipient's resource names: for the tests of what is sent to
-- many at once. On a MUC host, it stands for a server far away and hands back what that is sent.

local filters = require "util.filters";
local st = require "util.stanza";

local edits = {
	["edit-add"] = function (stanza) stanza:tag("added", { xmlns = "urn:edits" }):text("<&>"):up(); end;
	["edit-direct"] = function (stanza) stanza:add_direct_child(st.stanza("added", { xmlns = "urn:edits" })); end;
	["edit-map"] = function (stanza)
		stanza:maptags(function (tag) return tag.name ~= "occupant-id" and tag or nil; end);
	end;
	["edit-attr"] = function (stanza) stanza.attr["xml:lang"] = "de"; end;
	["edit-type"] = function (stanza) stanza.attr.type = "chat"; end;
	["edit-from"] = function (stanza) stanza.attr.from = "somebody@else"; end;
	["edit-nested"] = function (stanza) stanza.tags[1]:get_child("items"):tag("added"):up():reset(); end;
	["edit-raw"] = function (stanza) stanza.tags[1].tags[1].attr.node = "edited"; end;
	["edit-text"] = function (stanza)
		for _, child in ipairs(stanza.tags[1].tags[1]:get_child("item").tags) do
			for at, inner in ipairs(child) do
				if type(inner) == "table" and inner.name == "text" then child[at][1] = "censored"; end
			end
		end
	end;
};

local function edit(event)
	local stanza = event.stanza;
	local how = stanza.attr.to:match("/(.*)$");
	if edits[how] and stanza:get_child("event", "http://jabber.org/protocol/pubsub#event") then
		edits[how](stanza);
	end
end

if module:get_host_type() == "local" then
	module:hook("message/full", edit, 5);

	module:hook("resource-bind", function (event)
		local session = event.session;
		if session.resource == "filter" then
			filters.add_filter(session, "stanzas/out", function (stanza)
				if st.is_stanza(stanza) and stanza:get_child("event", "http://jabber.org/protocol/pubsub#event") then
					stanza:tag("filtered", { xmlns = "urn:edits" }):up();
				end
				return stanza;
			end);
		elseif session.resource == "store" then -- before anything has looked at its children
			filters.add_filter(session, "stanzas/out", function (stanza)
				local is_event = st.is_stanza(stanza) and stanza.name == "message" and stanza.attr.type == "headline";
				return is_event and st.deserialize(st.preserialize(stanza)) or stanza;
			end, 1000);
		end
	end);
else
	-- <message to='rooms.localhost'> with a presence in it sends that from far away; what comes back is forwarded.
	local spy;
	module:hook("message/host", function (event)
		spy = event.stanza.attr.from;
		local presence = st.clone(event.stanza.tags[1]);
		module:send(presence, { type = "s2sin", send = function (stanza) return module:send(stanza); end });
		return true;
	end);
	local seen = {};
	module:hook("route/remote", function (event)
		local stanza = event.stanza;
		local own = not seen[stanza];
		seen[stanza] = true;
		local copy = st.clone(stanza);
		copy.attr.xmlns = "jabber:client";
		module:send(st.message({ to = spy, from = module.host, id = own and "own" or "shared" })
			:tag("far", { xmlns = "urn:edits" }):add_child(copy));
		return true;
	end, 1000);
end
