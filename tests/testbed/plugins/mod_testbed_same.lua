-- Says in the log when one and the same stanza comes by again, for another recipient.

local last;

if module:get_host_type() == "local" then
	module:hook("message/full", function (event)
		if event.stanza == last then
			module:log("info", "The same stanza again");
		end
		last = event.stanza;
	end, 5);
end
