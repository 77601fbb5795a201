-- A room's vCard, which Prosody keeps, and the room's nodes with its avatar and its vCard4 say the same. When one of
-- them has changed, the other follows in the next turn of the server: several changes at once are followed once. The
-- core converts them.

local jid_node = require "util.jid".node;
local st = require "util.stanza";

local hosts = prosody.hosts;

local nodes = { card = "urn:xmpp:vcard4"; metadata = "urn:xmpp:avatar:metadata"; data = "urn:xmpp:avatar:data" };
local changes = { published = true, retracted = true, purged = true, deleted = true };

-- Returns whether rooms have vCards here: mod_muc of Prosody 13 has them, or mod_vcard_muc.
local function has_vcards()
	local handlers = hosts[module.host].events.get_handlers("iq/bare/vcard-temp:vCard");
	return handlers and #handlers > 1; -- one of them is ours
end

-- COMPAT Returns whether occupants have to be told here: mod_vcard_muc tells them only of the vCards that it is sent.
local function has_to_tell()
	return #hosts[module.host].events.get_handlers("vcard-updated") == 1 -- ours
		and module:get_option("muc_avatar_advertise_hashes") ~= "none";
end

-- Tells the occupants of the hash of the room's picture, as mod_vcard_muc does.
local function tell(room, hash)
	room:broadcast_message(st.presence({ from = room.jid })
		:tag("x", { xmlns = "vcard-temp:x:update" }):text_tag("photo", hash or ""):reset());
	room:broadcast_message(st.message({ from = room.jid, type = "groupchat" })
		:tag("x", { xmlns = "http://jabber.org/protocol/muc#user" }):tag("status", { code = "104" }):reset());
end

-- `api` is api.lib.lua's, `call_core(method, ...)` calls the core; `get_room(jid)` returns a room.
local function start(api, call_core, get_room)
	-- mod_vcard's own rule; mod_vcard_muc's store has the same name.
	local store = module:open_store(module:get_option_string("vcard_store_name", "vcard_muc"));
	local following = false;
	-- The parts that have changed, by room.
	local due = {};

	local function load(room)
		return st.deserialize(store:get(jid_node(room.jid)));
	end

	-- Returns the payload of a node's last item, or of the one with this id.
	local function payload(room, node, id)
		local items = api.items(room.jid, node, id and { ids = { id } } or { max = 1 });
		return items and items[1] and items[1].payload;
	end

	-- The nodes follow the vCard.
	local function follow_vcard(room)
		local vcard = load(room);
		if not vcard then return; end
		following = true;
		local list = call_core("from_vcard", vcard, payload(room, nodes.card), payload(room, nodes.metadata));
		for _, item in ipairs(list or {}) do
			local ok, err = api.publish(room.jid, item.node, item.payload, { id = item.id });
			if not ok then
				module:log("warn", "The vCard of %s can't be published at %s: %s", room.jid, item.node, err);
				break;
			end
		end
		following = false;
	end

	-- The vCard follows the nodes that have changed. Without an item they are as good as empty.
	local function follow_nodes(room, changed)
		local card = changed.card and (payload(room, nodes.card)
			or st.stanza("vcard", { xmlns = "urn:ietf:params:xml:ns:vcard-4.0" }));
		local metadata = changed.avatar and (payload(room, nodes.metadata)
			or st.stanza("metadata", { xmlns = nodes.metadata }));
		local info = metadata and metadata:get_child("info");
		local data = info and payload(room, nodes.data, info.attr.id);
		local vcard = call_core("to_vcard", load(room), card or nil, metadata or nil, data or nil);
		if not vcard then return; end
		local ok, err = store:set(jid_node(room.jid), st.preserialize(vcard));
		if not ok then
			module:log("error", "The vCard of %s can't be stored: %s", room.jid, err);
			return;
		end
		-- mod_muc tells occupants by this; the stanza is what the room's owner would have sent
		local stanza = st.iq({ type = "set", id = "mep", from = room.jid, to = room.jid }):add_child(vcard);
		module:fire_event("vcard-updated", { stanza = stanza });
		if changed.avatar and has_to_tell() then
			tell(room, vcard:get_child("PHOTO") and info and info.attr.id);
		end
	end

	local function on_turn()
		local now = due;
		due = {};
		for room, changed in pairs(now) do
			if not room._data.destroyed and has_vcards() then
				if changed.vcard then follow_vcard(room); end
				if changed.card or changed.avatar then follow_nodes(room, changed); end
			end
		end
	end

	-- Of the room, and not its JID: to look that up would load a room again that is swapped out by then.
	local function note(room, part)
		if not room then return; end
		if next(due) == nil then module:add_timer(0, on_turn); end
		due[room] = due[room] or {};
		due[room][part] = true;
	end

	-- To be called with what the core says about each change.
	local function on_change(effect)
		if following or effect.address ~= effect.room or not changes[effect.what] then return; end
		if effect.node == nodes.card then
			note(get_room(effect.room), "card");
		elseif effect.node == nodes.metadata or effect.node == nodes.data then
			note(get_room(effect.room), "avatar");
		end
	end

	-- Whoever handles it has stored it by the next turn, or has refused it. COMPAT 0.12 fires no event after it.
	module:hook("iq/bare/vcard-temp:vCard", function (event)
		local stanza = event.stanza;
		if stanza.attr.type == "set" and stanza.attr.to then
			note(get_room(stanza.attr.to), "vcard");
		end
	end, 1000);

	-- COMPAT 13.0.1 goes on telling the hash of the first picture that it has looked at
	module:hook("vcard-updated", function (event)
		local room = get_room(event.stanza.attr.to);
		if room then room.avatar_hash = nil; end
	end, 10);

	-- A vCard that was set before this module was loaded.
	local function on_room(event)
		if has_vcards() then note(event.room, "vcard"); end
	end
	module:hook("muc-room-created", on_room);
	module:hook("muc-room-restored", on_room, -1);

	return on_change;
end

return { start = start };
