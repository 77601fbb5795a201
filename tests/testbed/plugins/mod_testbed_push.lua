-- Hears what mod_muc_cloud_notify hears, and says it in the log.

module:hook("cloud-notify-ping", function (event)
	module:log("info", "ping for %s from %s", event.user, event.room);
end);
