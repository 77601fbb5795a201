-- The contract between glue and core: arguments, effects, errors.

local core = require "support.core";
local lua = require "support.lua";
local prosody = require "support.prosody";

local st = prosody.load().st;
local xmlns = core.xmlns;
local new = core.lib.new;
local random = ("r"):rep(16);

-- Returns an error's message without the traceback, which may contain any name.
local function first_line(err)
	return tostring(err):match("^[^\n]*");
end

-- Returns a copy of `facts` in which `key` is `value`.
local function with(facts, key, value)
	local copy = {};
	for k, v in pairs(facts) do copy[k] = v; end
	copy[key] = value;
	return copy;
end

describe("The core", function ()
	it("tells the version and build that the module is stamped with", function ()
		local stamp = dofile(lua.build.."/module/mod_mep/build.lib.lua");
		assert.equal(stamp.version, core.lib.version);
		assert.equal(stamp.build, core.lib.build);
	end);

	it("lists its features once each, as XEP-0060 spells them", function ()
		local seen = {};
		for _, feature in ipairs(core.lib.features) do
			assert.is_nil(seen[feature]);
			assert.equal(1, feature:find(xmlns.pubsub, 1, true));
			seen[feature] = true;
		end
		for _, name in ipairs({ "", "#publish", "#subscribe", "#filtered-notifications", "#auto-create" }) do
			assert.is_true(seen[xmlns.pubsub..name], name);
		end
	end);

	it("can be loaded again, and makes hosts all the same", function ()
		local path = lua.build.."/module/mod_mep/mep_core.so";
		local again = assert(package.loadlib(path, "luaopen_mep_core"))("mep_core", path);
		assert.same(core.lib.features, again.features);
		assert.equal(0, again.new(st.stanza_mt, {}):counts().rooms);
	end);
end);

describe("Options", function ()
	it("may all be absent, and all be wrong", function ()
		new(st.stanza_mt, {});
		local wrong = {};
		local values = { "many", -1, 0.5, 0/0, math.huge, true, print, "\255", { 1 }, { { 1 } }, { [print] = {} } };
		for _, value in ipairs(values) do
			for _, option in ipairs(core.lib.options) do
				wrong[option.name] = value;
			end
			new(st.stanza_mt, wrong):set_options(1, random, wrong);
		end
	end);

	it("may go round in circles", function ()
		local circle = { "urn:a" };
		circle[2], circle["urn:b"] = circle, circle;
		local _, problems = core.lib.read_options({ mep_reserved_nodes = circle, mep_node_config = circle });
		assert.equal(7, #problems, table.concat(problems, "\n"));
	end);

	it("are in force", function ()
		local function publish(options, node)
			local room = core.new_room(st, options);
			room:enter("alice");
			local iq = room:publish_iq("alice", node):tag("a", { xmlns = "urn:a" }):text(("x"):rep(100)):reset();
			return room:request("alice", iq)[1].stanza.attr.type;
		end
		assert.equal("result", publish({}, "urn:a"));
		assert.equal("error", publish({ max_payload_size = 99 }, "urn:a"));
		assert.equal("error", publish({ max_nodes = 0 }, "urn:a"));
		assert.equal("error", publish({ publish_burst = 1, publish_rate = 0, max_nodes = 0 }, "urn:a"));
		assert.equal("error", publish({ reserved_nodes = { "urn:a" } }, "urn:a"));
		assert.equal("error", publish({}, "urn:xmpp:avatar:data"));
		assert.equal("result", publish({ reserved_nodes = {} }, "urn:xmpp:avatar:data"));
	end);
end);

describe("A host", function ()
	local room, host;

	before_each(function ()
		room = core.new_room(st);
		host = room.host;
		room:enter("alice");
	end);

	local function publish_iq()
		return room:publish_iq("alice", "urn:a", "p"):tag("a", { xmlns = "urn:a" }):reset();
	end

	-- Asserts that a call raises a Lua error whose message contains `hint`, and leaves the host unchanged.
	local function assert_refused(hint, method, ...)
		local before = host:counts();
		local ok, err = pcall(host[method], host, ...);
		assert.is_false(ok, method.." took it");
		assert.match(hint, first_line(err), 1, true);
		assert.same(before, host:counts());
		assert.equal("result", room:request("alice", publish_iq())[1].stanza.attr.type);
		host:destroy(room.now, room.random, room.jid);
		room:enter("alice");
	end

	it("refuses arguments of the wrong type, by method", function ()
		local facts, session, presence = room:facts("alice"), room:session("alice"), st.presence();
		assert_refused("enter", "enter");
		assert_refused("enter", "enter", 1, random, room:info(), facts, session, "<presence/>");
		assert_refused("enter", "enter", 1, random, room:info(), "alice", session, presence);
		assert_refused("enter", "enter", "now", random, room:info(), facts, session, presence);
		assert_refused("16 random octets", "enter", 1, "short", room:info(), facts, session, presence);
		assert_refused("presence", "presence", 1, random, room:info(), facts, "sessions");
		assert_refused("restore", "restore", 1, random, room:info());
		assert_refused("request", "request", 1, random, room:info(), room:target("alice"), room:actor("alice"), nil);
		assert_refused("request", "request", 1, random, room:info(), room:target("alice"), nil, publish_iq());
		assert_refused("request", "request", 1, random, room:target("alice"), room:actor("alice"), publish_iq());
		assert_refused("16 random octets", "request", 1, "", room:info(), room:target("alice"), room:actor("alice"),
			publish_iq());
		assert_refused("answer", "answer", 1, random);
		assert_refused("wake", "wake", {}, random);
		assert_refused("rename", "rename", room.jid, room:address("alice"));
		assert_refused("leave", "leave", room.jid, room:address("alice"));
		assert_refused("leave", "leave", 1, random, room:info());
		assert_refused("destroy", "destroy");
		assert_refused("destroy", "destroy", 1, random);
		assert_refused("configure", "configure", 1, random, st.stanza_mt);
		assert_refused("set_options", "set_options", 1, random);
	end);

	-- Calls `refuse` with each wrong set of facts: the method, its arguments, and what the message should name.
	local function each_wrong_fact(refuse)
		local session, presence, iq = room:session("alice"), st.presence(), publish_iq();
		local facts, target, actor = room:facts("alice"), room:target("alice"), room:actor("alice");
		local info = room:info();
		local function enter(key, value)
			refuse(key, "enter", 1, random, room:info(), with(facts, key, value), session, presence);
		end
		for _, key in ipairs({ "nick", "role", "affiliation" }) do
			enter(key, nil);
			enter(key, {});
		end
		enter("occupant_id", {});
		enter("role", "king");
		enter("affiliation", "friend");
		for _, key in ipairs({ "jid", "publishers", "persistent", "anonymous", "members_only", "archives" }) do
			refuse(key, "request", 1, random, with(info, key, nil), target, actor, iq);
			refuse(key, "enter", 1, random, with(info, key, {}), facts, session, presence);
		end
		refuse("publishers", "request", 1, random, with(info, "publishers", "all"), target, actor, iq);
		refuse("outsiders", "request", 1, random, with(info, "outsiders", { ["a@b"] = "friend" }), target, actor, iq);
		refuse("affiliation", "request", 1, random, info, with(target, "affiliation", nil), actor, iq);
		for _, key in ipairs({ "jid", "role", "affiliation" }) do
			refuse(key, "request", 1, random, info, target, with(actor, key, nil), iq);
		end
	end

	it("refuses facts that are missing or unknown", function ()
		each_wrong_fact(function (_, ...) assert_refused("", ...); end);
	end);

	it("refuses them by their names", function ()
		each_wrong_fact(assert_refused);
	end);

	it("refuses to guess whether an occupant is seen", function ()
		local function enter(visible)
			local facts = with(room:facts("alice"), "visible", visible);
			assert_refused("visible", "enter", 1, random, room:info(), facts, room:session("alice"), st.presence());
		end
		enter(nil);
		enter("no");
	end);

	-- A missing value taken for false would reveal a real JID
	it("refuses to guess whether a room is anonymous, or who sees JIDs", function ()
		local target, actor = room:target("alice"), room:actor("alice");
		local info = room:info();
		local of_room, of_actor = with(info, "anonymous", nil), with(actor, "sees_jids", nil);
		assert_refused("anonymous", "request", 1, random, of_room, target, actor, publish_iq());
		assert_refused("sees_jids", "request", 1, random, info, target, of_actor, publish_iq());
	end);

	it("refuses what is no stanza", function ()
		local function request(hint, stanza)
			assert_refused(hint, "request", 1, random, room:info(), room:target("alice"), room:actor("alice"), stanza);
		end
		request("", { attr = {}, tags = {} });
		request("", { name = "iq", tags = {} });
		request("a stanza contains stanzas and strings", { name = "iq", attr = { type = "set" }, tags = {}, 5 });
		request("utf-8", { name = "iq", attr = { type = "set", id = "\255" }, tags = {} });
		assert_refused("", "enter", 1, random, room:info(), room:facts("alice"), room:session("alice"), {});
	end);

	it("takes no mistake of a client's for one of the glue's", function ()
		local function iq(kind) return room:iq("alice", kind); end
		local pubsub = { xmlns = xmlns.pubsub };
		local mistakes = {
			iq("set"),
			iq("set"):tag("pubsub", pubsub),
			iq("get"):tag("pubsub", pubsub):tag("publish"),
			iq("set"):tag("pubsub", pubsub):tag("publish", { node = "" }),
			iq("set"):tag("pubsub", pubsub):tag("publish", { node = ("n"):rep(5000) }):tag("item"),
			iq("set"):tag("pubsub", pubsub):tag("publish", { node = "n" }):tag("item"):text("text"),
			iq("set"):tag("pubsub", pubsub):tag("subscribe", { jid = "not a jid @@/" }),
			iq("set"):tag("pubsub", pubsub):tag("nonsense", { xmlns = "urn:other" }),
			iq("set"):tag("pubsub", { xmlns = xmlns.owner }):tag("configure", { node = "n" }):tag("x", { xmlns = "urn:x" }),
			iq("nonsense"):tag("pubsub", pubsub):tag("publish"),
		};
		for _, mistake in ipairs(mistakes) do
			local effects = room:request("alice", mistake:reset());
			assert.equal("reply", core.kinds(effects));
			assert.equal("error", effects[1].stanza.attr.type);
		end
		assert.is_nil(host:answer(1, random, iq("result")));
		assert.is_nil(host:answer(1, random, st.stanza("iq")));
		local no_caps = st.presence():tag("c", { xmlns = xmlns.caps });
		local strange = { no_caps, room:presence_with_caps(""), st.presence():text("x") };
		for i, presence in ipairs(strange) do
			assert.equal("", core.kinds(room:enter("nick"..i, presence:reset())));
		end
	end);

	it("takes rooms and occupants that it never heard of", function ()
		local unknown = room:info();
		unknown.jid = "unknown@rooms.example";
		assert.same({}, host:leave(1, random, unknown, "unknown@rooms.example/nick", "none"));
		host:rename("unknown@rooms.example", "unknown@rooms.example/nick", "unknown@rooms.example/other");
		host:destroy(room.now, room.random, "unknown@rooms.example");
		assert.same({}, host:presence(1, random, unknown, room:facts("alice"), {}));
		assert.equal(1, host:counts().rooms);
	end);

	it("takes nicks and resources that are no JIDs to others", function ()
		local nick = lua.unicode "1F600 20 5E9".."/@\\20";
		room:enter(nick, room:presence_with_caps());
		local iq = room:publish_iq(nick, "urn:a"):tag("a", { xmlns = "urn:a" }):reset();
		local reply = room:request(nick, iq)[1].stanza;
		assert.equal("result", reply.attr.type);
		assert.equal(room:address(nick), reply.attr.from);
		room:leave(nick);
		assert.equal(1, host:counts().occupants);
	end);

	it("survives a panic, which is a Lua error", function ()
		local ok, err = pcall(host.panic, host);
		assert.is_false(ok);
		assert.match("on purpose, for a test", tostring(err), 1, true);
		assert.equal(1, host:counts().occupants);
		assert.equal("result", room:request("alice", publish_iq())[1].stanza.attr.type);
		assert.equal("", core.kinds(core.new_room(st):enter("alice")));
	end);

	it("has nothing to do with another host", function ()
		local other = core.new_room(st);
		other:enter("alice");
		other:enter("bob");
		room:request("alice", publish_iq());
		assert.equal(1, host:counts().nodes);
		assert.equal(0, other:counts().nodes);
		host:destroy(room.now, room.random, room.jid);
		assert.equal(2, other:counts().occupants);
	end);

	it("is collected as garbage with all that it holds", function ()
		local weak = setmetatable({ core.new_room(st).host }, { __mode = "v" });
		collectgarbage();
		assert.is_nil(weak[1]);
	end);
end);

describe("Effects", function ()
	local room, host;

	before_each(function ()
		room = core.new_room(st, { caps_timeout = 30 });
		host = room.host;
	end);

	local function publish(nick, node)
		return room:request(nick, room:publish_iq(nick, node):tag("a", { xmlns = "urn:a" }):reset());
	end

	it("come in order: the reply, then who is told, each once", function ()
		room:enter_wanting("bob", "urn:a");
		room:enter("carol");
		room:enter_wanting("alice", "urn:a");
		local effects = publish("alice", "urn:a");
		assert.equal("reply notify", core.kinds(effects));
		assert.equal(room:session("alice"), effects[1].stanza.attr.to);
		assert.same({ room:session("bob"), room:session("alice") }, effects[2].to);
		assert.equal(room:address("alice"), effects[2][1]);
		assert.equal("reply", core.kinds(publish("alice", "urn:other")));
	end);

	it("ask for capabilities, and the core says when the answer is late, in seconds", function ()
		local effects = room:enter("alice", room:presence_with_caps("v"));
		assert.equal("send", core.kinds(effects));
		local question = effects[1].stanza;
		assert.equal("get", question.attr.type);
		assert.equal(room.jid, question.attr.from);
		assert.equal(room:session("alice"), question.attr.to);
		assert.equal("urn:client#v", question:get_child("query", xmlns.disco_info).attr.node);
		assert.equal(room.now + 30, host:next_deadline());
		room.now = room.now + 10;
		assert.equal("send", core.kinds(room:enter("bob", room:presence_with_caps("w"))));
		assert.equal(2, host:counts().caps_asking);
		assert.equal(room.now + 20, host:next_deadline());
		assert.equal("", core.kinds(host:wake(room.now + 20, random)));
		assert.equal(room.now + 30, host:next_deadline());
		assert.equal(1, host:counts().caps_asking);
	end);

	it("ask for a second to be fractions of", function ()
		room = core.new_room(st, { caps_timeout = 1 });
		room.now = 1000.25;
		room:enter("alice", room:presence_with_caps("v"));
		room.now = 1000.75;
		room:enter("bob", room:presence_with_caps("w"));
		assert.equal(1001.25, room.host:next_deadline());
		room.host:wake(1001.25, random);
		assert.equal(1001.75, room.host:next_deadline());
	end);

	it("bring the last items to who comes in, late", function ()
		room:enter("alice");
		publish("alice", "urn:a");
		local effects = room:enter_wanting("bob", "urn:a");
		assert.equal("tell", core.kinds(effects));
		assert.equal(room:session("bob"), effects[1].to);
		assert.is_not_nil(effects[1].source:build(effects[1], st.stanza_mt):get_child("delay", "urn:xmpp:delay"));
	end);

	it("are marked if they are carried out even where a change can't be stored", function ()
		local marks = {};
		local function note(effects)
			for _, effect in ipairs(effects) do marks[effect.kind] = effect.always or false; end
			return effects;
		end
		local asked = note(room:enter("bob", room:presence_with_caps("bob")))[1];
		host:answer(room.now, random, room:caps_answer(asked, "urn:a"));
		room:enter("alice");
		local info = room:info();
		info.persistent = true;
		local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }):reset();
		note(host:request(room.now, random, info, room:target(), room:actor("alice"), iq));
		assert.same({ send = true, keep = false, reply = false, tell = false }, marks);
	end);

	it("carry an id of their own each", function ()
		room:enter_wanting("alice", "urn:a");
		local function id(octets)
			room.random = octets;
			local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }):reset();
			return host:request(1000, octets, room:info(), room:target("alice"), room:actor("alice"), iq)[2][2];
		end
		assert.not_equal(id(("a"):rep(16)), id(("b"):rep(16)));
	end);

	it("leave nothing behind when everybody has left", function ()
		local nothing = {
			rooms = 0, occupants = 0, sessions = 0, nodes = 0, held = 0, subscriptions = 0, pending = 0,
			caps_known = 0, caps_asking = 0,
		};
		assert.same(nothing, host:counts());
		room:enter_wanting("alice", "urn:a");
		publish("alice", "urn:a");
		room:enter("bob", room:presence_with_caps("late"));
		local subscribe = room:iq("bob", "set"):tag("pubsub", { xmlns = xmlns.pubsub });
		subscribe:tag("subscribe", { node = "urn:a", jid = room:session("bob") }):reset();
		host:request(room.now, random, room:info(), room:target("alice"), room:actor("bob"), subscribe);
		local counts = host:counts();
		assert.is_true(counts.held > 0);
		assert.same({
			rooms = 1, occupants = 2, sessions = 2, nodes = 1, held = counts.held, subscriptions = 1, pending = 0,
			caps_known = 0, caps_asking = 1,
		}, counts);
		host:rename(room.jid, room:address("alice"), room:address("ann"));
		room:leave("alice");
		assert.equal(2, host:counts().occupants);
		room:leave("ann");
		room:leave("bob");
		-- A query can be answered until its timeout
		assert.equal("", core.kinds(host:wake(room.now + 31, random)));
		assert.same(nothing, host:counts());
	end);

	it("leave nothing behind when the room is destroyed", function ()
		for i = 1, 10 do
			room:enter_wanting("nick"..i, "urn:a");
			publish("nick"..i, "urn:a");
		end
		local iq = st.iq({ type = "set", id = "1", from = room:session("nick1"), to = room.jid });
		iq:tag("pubsub", { xmlns = xmlns.pubsub }):tag("publish", { node = "urn:b" });
		iq:tag("item"):tag("b", { xmlns = "urn:b" });
		host:request(room.now, random, room:info(), room:target(), room:actor("nick1"), iq:reset());
		assert.equal(11, host:counts().nodes);
		host:destroy(room.now, room.random, room.jid);
		for what, count in pairs(host:counts()) do
			assert.equal(0, count, what);
		end
	end);
end);
