-- A host of people without connections, who come to rooms, publish, and go again, thousands of times a minute.
--
-- Told by the shell: `churn(room, from, to)` lets people of these numbers come and go; `rooms(domain, from, to)` makes
-- rooms of these numbers and ends them; `measure(muc)` collects garbage and says what there is.

local calculate_hash = require "util.caps".calculate_hash;
local jid_bare = require "util.jid".bare;
local jid_resource = require "util.jid".resource;
local st = require "util.stanza";

local xmlns_disco_info = "http://jabber.org/protocol/disco#info";
local xmlns_muc = "http://jabber.org/protocol/muc";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";
local mood, tune = "http://jabber.org/protocol/mood", "http://jabber.org/protocol/tune";

-- What clients there are, and by the resource of a JID, which of them somebody has.
local kinds = {};
for name, nodes in pairs { none = {}, mood = { mood }, both = { mood, tune } } do
	local info = st.stanza("query", { xmlns = xmlns_disco_info })
		:tag("identity", { category = "client", type = "bot", name = name }):up();
	for _, node in ipairs(nodes) do
		info:tag("feature", { var = node.."+notify" }):up();
	end
	kinds[name] = { info = info, ver = calculate_hash(info) };
end
kinds.liar = { info = kinds.mood.info, ver = "bGllcyBhcmUgbm90IGhhc2hlcw==" };
kinds.silent = { ver = "c2lsZW5jZSBpcyBub3QgYSBoYXNo" };

local heard = { message = 0, error = 0, question = 0 };
local ids = 0;

local function send(name, from, to, kind)
	ids = ids + 1;
	return st.stanza(name, { from = from, to = to, type = kind, id = "c"..ids });
end

local function come(jid, room, nick)
	local presence = send("presence", jid, room.."/"..nick)
		:tag("x", { xmlns = xmlns_muc }):tag("history", { maxstanzas = "0" }):up():up();
	local kind = kinds[jid_resource(jid)];
	presence:tag("c", { xmlns = "http://jabber.org/protocol/caps", hash = "sha-1", node = "urn:crowd", ver = kind.ver });
	module:send(presence:reset());
end

local function pubsub(jid, to, fill)
	local iq = send("iq", jid, to, "set"):tag("pubsub", { xmlns = xmlns_pubsub });
	fill(iq);
	module:send(iq:reset());
end

local function publish(jid, to, node)
	pubsub(jid, to, function (iq)
		iq:tag("publish", { node = node }):tag("item"):tag("p", { xmlns = node }):text(("x"):rep(200));
	end);
end

-- What somebody does in a room.
local function live(jid, room, nick, number)
	local address = room.."/"..nick;
	publish(jid, address, mood);
	if number % 2 == 0 then
		publish(jid, address, number % 3 == 0 and "urn:crowd:"..number or tune);
		pubsub(jid, room, function (iq) iq:tag("subscribe", { jid = jid, node = number % 4 == 0 and mood or nil }); end);
	end
	if number % 5 == 0 then
		module:send(send("presence", jid, room.."/other"..number));
		publish(jid, room.."/other"..number, mood);
	end
end

-- They leave, are thrown out, or die; `room_object` is mod_muc's.
local function go(jid, room, number, room_object)
	if number % 7 == 0 then
		room_object:set_role(true, room_object:get_occupant_jid(jid), nil);
	elseif number % 11 == 0 then
		local error = send("presence", jid, room_object:get_occupant_jid(jid), "error");
		module:send(error:tag("error", { type = "cancel" })
			:tag("gone", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):reset());
	else
		module:send(send("presence", jid, room_object:get_occupant_jid(jid), "unavailable"));
	end
end

local resources = { "none", "mood", "both", "mood", "liar", "both", "silent", "mood" };
local function person(number)
	return ("p%d@%s/%s"):format(number % 100, module.host, resources[number % #resources + 1]), "nick"..number;
end

local together = 3;

function churn(room, from, to) -- luacheck: ignore 131
	local muc = prosody.hosts[room:match("@(.*)")].modules.muc;
	local here = {};
	local keeper = "keeper@"..module.host.."/none"; -- stays, and the room with it
	if not muc.get_room_from_jid(room) then come(keeper, room, "keeper"); end
	local function one_goes()
		local jid, number = table.unpack(table.remove(here, 1));
		go(jid, room, number, muc.get_room_from_jid(room));
	end
	for number = from, to do
		local jid, nick = person(number);
		come(jid, room, nick);
		live(jid, room, nick, number);
		table.insert(here, { jid, number });
		if #here == together then one_goes(); end
	end
	while here[1] do one_goes(); end
	return to;
end

function rooms(domain, from, to) -- luacheck: ignore 131
	local muc = prosody.hosts[domain].modules.muc;
	for number = from, to do
		local room = "room"..number.."@"..domain;
		for index = 1, 3 do
			local jid, nick = person(index);
			come(jid, room, nick);
			live(jid, room, nick, index);
		end
		publish(person(1), room, mood);
		local room_object = muc.get_room_from_jid(room);
		if number % 2 == 0 then
			room_object:destroy();
		else
			for index = 1, 3 do
				go(person(index), room, index, room_object);
			end
		end
		assert(not muc.get_room_from_jid(room), "the room is there");
	end
	return to;
end

function measure(domain) -- luacheck: ignore 131
	collectgarbage();
	collectgarbage();
	local counts = prosody.hosts[domain].modules.mep.module.save().core:counts();
	local parts = { ("heap=%d"):format(collectgarbage("count") * 1024) };
	for name, count in pairs(counts) do table.insert(parts, name.."="..count); end
	for name, count in pairs(heard) do table.insert(parts, name.."="..count); end
	return table.concat(parts, " ");
end

-- What they are sent.

module:hook("presence/full", function () return true; end);

module:hook("message/full", function (event)
	heard.message = heard.message + (event.stanza:get_child("event", xmlns_pubsub.."#event") and 1 or 0);
	return true;
end);

module:hook("iq/full", function (event)
	local stanza = event.stanza;
	if stanza.attr.type == "error" then heard.error = heard.error + 1; end
	if stanza.attr.type ~= "get" then return true; end
	heard.question = heard.question + 1;
	local info = kinds[jid_resource(stanza.attr.to)].info;
	if info then
		local answer = st.clone(info);
		answer.attr.node = stanza.tags[1].attr.node;
		module:send(st.reply(stanza):add_child(answer));
	end
	return true;
end);

module:hook("iq/bare", function (event)
	local kind = event.stanza.attr.type;
	if kind == "get" or kind == "set" then
		module:send(st.error_reply(event.stanza, "cancel", "service-unavailable", jid_bare(event.stanza.attr.to)));
	end
	return true;
end);
