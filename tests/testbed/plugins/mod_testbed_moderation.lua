-- Retracts archived messages at a moderator's request as mod_muc_moderation does (XEP-0425): a tombstone takes the
-- message's place, and the room is told.

local jid_split = require "util.jid".split;
local st = require "util.stanza";

local xmlns_moderate, xmlns_retract = "urn:xmpp:message-moderate:1", "urn:xmpp:message-retract:1";

local archive = module:open_store("muc_log", "archive");
local muc = module:depends "muc";

module:hook("iq-set/bare/"..xmlns_moderate..":moderate", function (event)
	local stanza = event.stanza;
	local room = muc.get_room_from_jid(stanza.attr.to);
	local node, id = jid_split(room.jid), stanza.tags[1].attr.id;
	local actor = room:get_occupant_by_real_jid(stanza.attr.from);
	local message = actor and actor.role == "moderator" and archive:get(node, id);
	if not message then
		event.origin.send(st.error_reply(stanza, "cancel", "item-not-found"));
		return true;
	end
	local tombstone = st.message({ from = message.attr.from, type = "groupchat", id = message.attr.id })
		:tag("retracted", { xmlns = xmlns_retract }):tag("moderated", { xmlns = xmlns_moderate, by = actor.nick });
	archive:set(node, id, tombstone:reset());
	room:broadcast_message(st.message({ from = room.jid, type = "groupchat" })
		:tag("retract", { xmlns = xmlns_retract, id = id })
			:tag("moderated", { xmlns = xmlns_moderate, by = actor.nick }):reset());
	event.origin.send(st.reply(stanza));
	return true;
end);
