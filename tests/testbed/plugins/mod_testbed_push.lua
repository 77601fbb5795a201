-- Hears what mod_muc_cloud_notify hears, and says it in the log. It has a fault for one account.

module:hook("cloud-notify-ping", function (event)
	if event.user == "broken@localhost" then error("no such device"); end
	module:log("info", "ping for %s from %s", event.user, event.room);
end);
