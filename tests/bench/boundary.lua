-- What calls from Lua into the core cost, in µs: reading their arguments, most of it. The core itself has little to do
-- in each of them.
--
-- `lua5.4 tests/bench/boundary.lua [CORE…]` from the top of the repository: each build of the core that is named has its
-- turn in every round. What is printed is the median of the rounds, and of the ratios to the first build.

package.path = "spec/?.lua;"..package.path;

local rounds, calls = 41, 2000;
local paths = #arg > 0 and arg or { "target/module/mod_mep/mep_core.so" };

local prosody = require "support.prosody";
local st = prosody.load("13.0").st;

local function new_core(path)
	local support = assert(loadfile("spec/support/core.lua"))();
	support.lib = assert(package.loadlib(path, "luaopen_mep_core"))("mep_core", path);
	return support;
end

-- As Prosody's clients send them.
local function presence_of(room, nick)
	local presence = room:presence_with_caps(nick);
	presence.attr.from, presence.attr.to, presence.attr.id = room:session(nick), room:address(nick), "ab-"..nick;
	return presence:tag("show"):text("away"):up():tag("priority"):text("5"):up()
		:tag("idle", { xmlns = "urn:xmpp:idle:1", since = "2026-01-01T00:00:00Z" }):reset();
end

-- What there is to time, each a function without arguments.
local function cases(core)
	local room = core.new_room(st, { publish_burst = 1000000, max_last_items = 0 });
	local known = {};
	for i, device in ipairs({ "alice", "phone", "tablet" }) do
		known[i] = { method = "caps", algorithm = "sha-1", value = device, nodes = { "urn:unwanted" } };
	end
	room.host:recall(known);
	local presence = presence_of(room, "alice");
	room:enter("alice", presence);
	local one = { [room:session("alice")] = presence };
	local three = { [room:session("alice")] = presence };
	for _, device in ipairs({ "phone", "tablet" }) do
		local jid = "alice@people.example/"..device;
		three[jid] = presence_of(room, device);
		room.host:enter(room.now, room.random, room:info(), room:facts("bob"), jid, three[jid]);
	end
	local facts, target, actor = room:facts("alice"), room:target("alice"), room:actor("alice");
	local publish = room:publish_iq("alice", "urn:a"):tag("mood", { xmlns = "http://jabber.org/protocol/mood" })
		:tag("happy"):up():text_tag("text", "Yay, the mead has been approved!"):tag("activity"):tag("working"):reset();
	local answer = st.iq({ type = "result", id = "nobody-asked", from = room:session("alice"), to = room.jid })
		:tag("query", { xmlns = core.xmlns.disco_info, node = "urn:client#alice" })
		:tag("identity", { category = "client", type = "pc", name = "Client 1.0" }):up();
	for i = 1, 30 do
		answer:tag("feature", { var = "urn:xmpp:feature:"..i }):up();
	end
	answer:reset();
	local full = core.new_room(st, { publish_burst = 1000000 });
	for i = 1, 5 do
		full:enter("p"..i);
		assert(full:request("p"..i, publish)[1].stanza.attr.type == "result");
	end
	full.host:recall({ { method = "caps", algorithm = "sha-1", value = "eager", nodes = { "urn:a" } } });
	local eager, coming = full:session("eager"), full:presence_with_caps("eager");
	local eager_facts = full:facts("eager");
	local told = full.host:enter(full.now, full.random, full:info(), eager_facts, eager, coming);
	assert(#told == 5);
	local message = told[1];
	local items = room:iq("alice", "get"):tag("pubsub", { xmlns = core.xmlns.pubsub }):tag("items", { node = "urn:a" }):reset();
	local host, jid, now, random = room.host, room.jid, room.now, room.random;
	local session, info, full_info = room:session("alice"), room:info(), full:info();
	local small = st.iq({ type = "result", id = "1", from = session, to = jid });
	return {
		{ "presence, one session", function () return host:presence(now, random, info, facts, one); end };
		{ "presence, three sessions", function () return host:presence(now, random, info, facts, three); end };
		{ "enter", function () return host:enter(now, random, info, facts, session, presence); end };
		{ "enter, five last items", function ()
			return full.host:enter(now, random, full_info, eager_facts, eager, coming);
		end };
		{ "publish, five elements", function () return host:request(now, random, info, target, actor, publish); end };
		{ "items, one of five elements", function () return host:request(now, random, info, target, actor, items); end };
		{ "a module opens a message", function () return message.source:build(message, st.stanza_mt); end };
		{ "a module looks for a child", function () return message.source:children(message[4]); end };
		{ "an answer that nobody asked for", function () return host:answer(now, random, answer); end };
		{ "a ping's answer", function () return host:answer(now, random, small); end };
		{ "counts", function () return host:counts(); end };
	};
end

local function median(list)
	table.sort(list);
	return list[(#list + 1) // 2];
end

local function time(call)
	collectgarbage();
	local start = os.clock();
	for _ = 1, calls do
		call();
	end
	return (os.clock() - start) / calls * 1000000;
end

local builds = {};
for i, path in ipairs(paths) do
	builds[i] = cases(new_core(path));
end

for case, first in ipairs(builds[1]) do
	local times, ratios = {}, {};
	for i in ipairs(builds) do
		times[i], ratios[i] = {}, {};
	end
	for round = 1, rounds do
		for turn in ipairs(builds) do
			local i = (turn + round) % #builds + 1; -- who is first changes
			times[i][round] = time(builds[i][case][2]);
		end
		for i in ipairs(builds) do
			ratios[i][round] = times[i][round] / times[1][round];
		end
	end
	io.write(("%-32s"):format(first[1]));
	for i in ipairs(builds) do
		io.write(("%8.2f µs (%.2f)"):format(median(times[i]), median(ratios[i])));
	end
	io.write("\n");
end
