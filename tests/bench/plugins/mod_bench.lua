-- What the benchmarks want of a server: rooms whose joining does not cost the square of who is in them (but for those
-- that are called loud), or even a look at each of them (big, and stage, which is full of moderators), and an account
-- that all others are subscribed to. And garbage, so that turns do not fall on one and the same phase of the collector.

local st = require "util.stanza";

if module:get_host_type() == "component" then
	local only_moderators = { visitor = false, participant = false, moderator = true };
	local muc = module:depends "muc";
	local moderators = module:get_option_number("bench_moderators", 0);
	-- COMPAT 13.0.1 ignores muc_room_default_presence_broadcast
	module:hook("muc-room-created", function (event)
		local room = event.room;
		if not room.jid:match("^loud") then
			room._data.presence_broadcast = only_moderators;
		end
		if room.jid:match("^big") or room.jid:match("^stage") then
			room.send_occupant_list = function () end;
			-- Prosody looks at each occupant, too, where it tells none that somebody comes in.
			local publicise = room.publicise_occupant_status;
			function room:publicise_occupant_status(...)
				self.each_occupant = function () return next, {}; end;
				publicise(self, ...);
				self.each_occupant = nil;
			end
		end
		if room.jid:match("^stage") then
			for n = 0, moderators - 1 do
				room._affiliations[("u%d@%s"):format(n, module:get_option_string("bench_users"))] = "admin";
			end
		end
	end);

	-- The least that telling everybody can cost: octets that are ready, written to each connection, past all that a
	-- server does for a stanza.
	module:hook("message/bare", function (event)
		local stanza = event.stanza;
		if stanza.attr.id ~= "floor" then return; end
		local room = muc.get_room_from_jid(stanza.attr.to);
		local octets = tostring(stanza);
		for _, occupant in room:each_occupant() do
			for jid in pairs(occupant.sessions) do
				prosody.full_sessions[jid].conn:write(octets);
			end
		end
		return true;
	end, 10);
else
	local publisher = module:get_option_string("bench_publisher", "u0");
	local contacts = module:get_option_number("bench_contacts", 0);

	-- So much garbage, about, in tables as stanzas have them.
	module:hook("iq-get/host/urn:example:bench:litter", function (event)
		local element;
		for _ = 1, event.stanza.tags[1].attr.octets // 264 do
			element = { name = "x", attr = {}, tags = {} };
		end
		event.origin.send(st.reply(event.stanza));
		return element ~= event;
	end);

	module:hook("roster-load", function (event)
		if event.username ~= publisher then return; end
		for n = 1, contacts do
			event.roster[("u%d@%s"):format(n, module.host)] = { subscription = "from", groups = {} };
		end
	end);
end
