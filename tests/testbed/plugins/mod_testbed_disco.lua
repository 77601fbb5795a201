-- Answers for a disco node of every room, as mod_muc does for x-roomuser-item.

module:hook("muc-disco#info/urn:example:theirs", function (event)
	event.reply:tag("identity", { category = "conference", type = "theirs" }):up();
end);
