-- Gives rooms vCards on Prosody 0.12 as mod_vcard_muc does, with its store; Prosody 13 has them by itself.

if not prosody.version:match("^0%.12") then return; end

local base64 = require "util.encodings".base64;
local jid_node = require "util.jid".node;
local sha1 = require "util.hashes".sha1;
local st = require "util.stanza";

local store = module:open_store("vcard_muc");
local muc = module:depends "muc";

local function load(room)
	return st.deserialize(store:get(jid_node(room.jid)));
end

module:hook("iq/bare/vcard-temp:vCard", function (event)
	local origin, stanza = event.origin, event.stanza;
	local room = muc.get_room_from_jid(stanza.attr.to);
	if stanza.attr.type == "get" then
		origin.send(st.reply(stanza):add_child(load(room)));
	elseif room:get_affiliation(stanza.attr.from) == "owner" then
		store:set(jid_node(room.jid), st.preserialize(stanza.tags[1]));
		origin.send(st.reply(stanza));
	else
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
	end
	return true;
end);

module:hook("muc-occupant-session-new", function (event)
	local vcard = load(event.room);
	local photo = vcard and vcard:get_child("PHOTO");
	local hash = photo and sha1(base64.decode(photo:get_child_text("BINVAL")), true);
	module:send(st.presence({ to = event.jid, from = event.room.jid })
		:tag("x", { xmlns = "vcard-temp:x:update" }):text_tag("photo", hash or ""):reset());
end);
