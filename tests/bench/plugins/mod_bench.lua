-- What the benchmarks want of a server: rooms whose joining does not cost the square of who is in them, and an account
-- that all others are subscribed to.

if module:get_host_type() == "component" then
	local only_moderators = { visitor = false, participant = false, moderator = true };
	module:depends "muc";
	-- COMPAT 13.0.1 ignores muc_room_default_presence_broadcast
	module:hook("muc-room-created", function (event)
		local room = event.room;
		if not room.jid:match("^loud") then
			room._data.presence_broadcast = only_moderators;
		end
	end);
else
	local publisher = module:get_option_string("bench_publisher", "u0");
	local contacts = module:get_option_number("bench_contacts", 0);

	module:hook("roster-load", function (event)
		if event.username ~= publisher then return; end
		for n = 1, contacts do
			event.roster[("u%d@%s"):format(n, module.host)] = { subscription = "from", groups = {} };
		end
	end);
end
