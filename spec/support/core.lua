-- The core as the glue would load it, and a room to call it with.

local core = {};

local path = require "support.lua".build.."/module/mod_mep/mep_core.so";
core.lib = assert(package.loadlib(path, "luaopen_mep_core"))("mep_core", path);

core.xmlns = {
	caps = "http://jabber.org/protocol/caps";
	disco_info = "http://jabber.org/protocol/disco#info";
	pubsub = "http://jabber.org/protocol/pubsub";
	owner = "http://jabber.org/protocol/pubsub#owner";
	event = "http://jabber.org/protocol/pubsub#event";
	errors = "http://jabber.org/protocol/pubsub#errors";
	stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
};

local xmlns = core.xmlns;
local random = ("r"):rep(16);

local room = {};
room.__index = room;

-- Makes a host with one room. `st` is the util.stanza that it builds stanzas with. The names of `options` lack the
-- prefix `mep_`.
function core.new_room(st, options)
	local set = {};
	for name, value in pairs(options or {}) do set["mep_"..name] = value; end
	local host = core.lib.new(st.stanza_mt, set);
	return setmetatable({ st = st, host = host, jid = "room@rooms.example", now = 1000, random = random }, room);
end

function room:address(nick)
	return self.jid.."/"..nick;
end

function room:session(nick) -- luacheck: ignore 212/self
	return nick.."@people.example/client";
end

function room:facts(nick)
	return { nick = self:address(nick), role = "participant", affiliation = "none", visible = true };
end

function room:actor(nick)
	local actor = self:facts(nick);
	actor.jid = self:session(nick);
	actor.sees_jids = false;
	return actor;
end

-- What the server says about the room.
function room:info()
	return {
		jid = self.jid; publishers = "participants"; persistent = false; anonymous = true;
		members_only = false; archives = false;
	};
end

-- The target of a request: the occupant at `nick`, or the room if there is no nick.
function room:target(nick) -- luacheck: ignore 212/self
	return {
		nick = nick and self:address(nick);
		affiliation = nick and "none";
	};
end

function room:enter(nick, presence)
	presence = presence or self.st.presence();
	return self.host:enter(self.now, random, self:info(), self:facts(nick), self:session(nick), presence);
end

function room:leave(nick)
	return self.host:leave(self.now, random, self:info(), self:address(nick), "none");
end

function room:presence_with_caps(ver)
	return self.st.presence():tag("c", { xmlns = xmlns.caps, hash = "sha-1", node = "urn:client", ver = ver or "none" });
end

-- The answer to the query in the effect `asked`: the client wants `node`.
function room:caps_answer(asked, node)
	local answer = self.st.reply(asked.stanza):tag("query", { xmlns = xmlns.disco_info });
	return answer:tag("feature", { var = node.."+notify" }):reset();
end

-- Joins with a client that wants the events of `node`.
function room:enter_wanting(nick, node)
	-- The hash is wrong, so the answer counts for this session only
	local asked = self:enter(nick, self:presence_with_caps(nick))[1];
	return self.host:answer(self.now, random, self:caps_answer(asked, node));
end

-- Makes an IQ from the occupant at `nick` to its own address.
function room:iq(nick, kind, id)
	return self.st.iq({ type = kind, id = id or "1", from = self:session(nick), to = self:address(nick) });
end

-- Makes a publish request, to which the caller adds the item's content.
function room:publish_iq(nick, node, id)
	return self:iq(nick, "set", id):tag("pubsub", { xmlns = xmlns.pubsub }):tag("publish", { node = node }):tag("item");
end

function room:request(nick, iq)
	return self.host:request(self.now, random, self:info(), self:target(nick), self:actor(nick), iq);
end

function room:counts()
	return self.host:counts();
end

-- Returns the kinds of a list of effects, as one string.
function core.kinds(effects)
	local kinds = {};
	for i, effect in ipairs(effects) do
		kinds[i] = effect.kind;
	end
	return table.concat(kinds, " ");
end

-- Returns the payload of the item in an event.
function core.payload_of_event(message)
	local items = message:get_child("event", xmlns.event).tags[1];
	return items.tags[1].tags[1];
end

-- Returns the payload of the item in a publish request.
function core.payload_of_publish(iq)
	return iq.tags[1].tags[1].tags[1].tags[1];
end

return core;
