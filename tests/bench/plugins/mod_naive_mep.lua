-- A yardstick, not a feature: MEP as one would write it in an afternoon, in Lua, for occupants' nodes alone. It takes
-- the nodes of the option `naive_mep_nodes`, so that it can stand beside mod_mep in the same rooms.

local st = require "util.stanza";
local jid_bare = require "util.jid".bare;
local new_id = require "util.id".medium;

local muc = module:depends "muc";
local mine = module:get_option_set("naive_mep_nodes", {});

local xmlns_caps = "http://jabber.org/protocol/caps";
local xmlns_disco = "http://jabber.org/protocol/disco#info";
local xmlns_event = "http://jabber.org/protocol/pubsub#event";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";

local items = {}; -- occupant JID -> node -> item
local known = {}; -- caps ver -> node -> true
local claimed = {}; -- full JID -> caps ver

local function wants(jid, node)
	local nodes = known[claimed[jid]];
	return nodes and nodes[node];
end

local function broadcast(room, from, node, item)
	local message = st.message({ from = from, type = "headline", id = new_id() })
		:tag("event", { xmlns = xmlns_event })
			:tag("items", { node = node })
				:add_child(item):reset();
	for _, occupant in room:each_occupant() do
		for jid in pairs(occupant.sessions) do
			if wants(jid, node) then
				message.attr.to = jid; -- one stanza for all, as mod_pep has it; a copy for each costs half as much again
				module:send(message);
			end
		end
	end
end

module:hook("iq/full", function (event)
	local origin, stanza = event.origin, event.stanza;
	local pubsub = stanza.attr.type == "set" and stanza:get_child("pubsub", xmlns_pubsub);
	local publish = pubsub and pubsub:get_child("publish");
	local node = publish and publish.attr.node;
	if not node or not mine:contains(node) then return; end
	local nick = stanza.attr.to;
	local room = muc.get_room_from_jid(jid_bare(nick));
	local occupant = room and room:get_occupant_by_real_jid(stanza.attr.from);
	if not occupant or occupant.nick ~= nick or occupant.role == "visitor" then
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
		return true;
	end
	local item = st.clone(publish:get_child("item"));
	item.attr.xmlns = nil;
	item.attr.id = item.attr.id or new_id();
	items[nick] = items[nick] or {};
	items[nick][node] = item;
	origin.send(st.reply(stanza):tag("pubsub", { xmlns = xmlns_pubsub })
		:tag("publish", { node = node }):tag("item", { id = item.attr.id }));
	broadcast(room, nick, node, item);
	return true;
end, 2); -- Above mod_mep, which would take it

module:hook("muc-occupant-session-new", function (event)
	local jid, room = event.jid, event.room;
	local c = event.stanza:get_child("c", xmlns_caps);
	if not c then return; end
	claimed[jid] = c.attr.ver;
	if known[c.attr.ver] ~= nil then return; end
	known[c.attr.ver] = false;
	local query = st.iq({ type = "get", from = room.jid, to = jid, id = new_id() })
		:tag("query", { xmlns = xmlns_disco, node = c.attr.node.."#"..c.attr.ver });
	module:send_iq(query):next(function (reply)
		local nodes = {};
		for feature in reply.stanza:get_child("query", xmlns_disco):childtags("feature") do
			local node = feature.attr.var:match("^(.*)%+notify$");
			if node then nodes[node] = true; end
		end
		known[c.attr.ver] = nodes;
	end);
end);

module:hook("muc-occupant-left", function (event)
	items[event.occupant.nick] = nil;
	for jid in pairs(event.occupant.sessions) do
		claimed[jid] = nil;
	end
end);
