-- Effects are carried out in order and once, and the failure of one does not affect the others.

local glue = require "support.glue";
local lua = require "support.lua";
local library = require "support.prosody".load();
local st = library.st;

describe("Effects", function ()
	local module, run, run_keeping, done, full_sessions;
	local origin = {};

	before_each(function ()
		module = glue.new_module();
		full_sessions = {};
		local run_batch = glue.load("effects", module, { library = library, full_sessions = full_sessions }).run;
		function run(effects, from)
			return run_batch({ effects = effects, origin = from });
		end
		function run_keeping(effects, keep, revert, on_failure)
			return run_batch({ effects = effects, origin = origin, keep = keep, revert = revert, on_failure = on_failure });
		end
		done = {};
		function module:send(stanza) -- luacheck: ignore 212/self
			local name = stanza.name == "message" and stanza[1] or stanza.name;
			table.insert(done, name.." to "..stanza.attr.to);
		end
	end);

	function origin.send(stanza)
		table.insert(done, stanza.name.." as reply");
	end

	local function stanza(name, to)
		return st.stanza(name, { to = to });
	end

	local function reply(name)
		return { kind = "reply", stanza = stanza(name) };
	end

	local function send(name, to)
		return { kind = "send", always = true, stanza = stanza(name, to or "a") };
	end

	local function notify(name, ...)
		local source = { build = function () return stanza("message"):text(name); end };
		return { "from", "id", "type", kind = "notify", start = "", rest = name, source = source, to = { ... } };
	end

	it("are carried out in order, each by its kind", function ()
		run({ reply "r", send("s", "x"), notify("n", "b", "c"), reply "t" }, origin);
		assert.same({ "r as reply", "s to x", "n to b", "n to c", "t as reply" }, done);
		assert.same({}, module.logged);
	end);

	describe("that are archived", function ()
		local archived, stanza_id;

		-- A message to one, or to several.
		local function event(kind, id, to)
			local source = {};
			function source.build(_, message)
				local rest = message.rest or message.text:match("^[^>]*>(.*)$");
				return library.require "util.xml".parse(("<message id='%s'>%s"):format(id, rest));
			end
			function source.children() return { "a", "urn:a" }; end
			local inside = "<a xmlns='urn:a'/></message>";
			local effect = { "from", id, "type", 1, kind = kind, source = source, to = to, room = "den@rooms.example" };
			if kind == "tell" then
				effect.text = ("<message from='from' id='%s' type='type' to='%s'>%s"):format(id, to, inside);
			else
				effect.start, effect.rest = ("<message from='from' id='%s' type='type' to='"):format(id), inside;
			end
			return effect;
		end

		before_each(function ()
			archived = {};
			stanza_id = { xmlns = "urn:xmpp:sid:0", by = "den@rooms.example", id = "%1" };
			module.rooms["den@rooms.example"] = {};
			function module:fire_event(name, fired)
				assert.equal(self.rooms["den@rooms.example"], fired.room);
				table.insert(archived, name.." "..fired.stanza.attr.id.." "..tostring(fired.stanza.tags[1].name));
				if stanza_id then fired.stanza:add_direct_child(st.stanza("stanza-id", stanza_id)); end
			end
			function module:send(message) -- luacheck: ignore 212/self
				local found = message:get_child("stanza-id", "urn:xmpp:sid:0");
				local is_in_text = tostring(message):find("stanza-id", 1, true) ~= nil;
				assert.equal(found ~= nil, is_in_text);
				table.insert(done, message.attr.to..": "..(found and found.attr.id or "none"));
			end
		end);

		it("carry the archive's id, and others of the same call don't", function ()
			run({
				event("archive", "1"); event("notify", "1", { "b", "c" });
				event("tell", "1", "d"); event("tell", "2", "e");
			});
			run({ event("tell", "1", "f") });
			assert.same({ "muc-add-history 1 a" }, archived);
			assert.same({ "b: %1", "c: %1", "d: %1", "e: none", "f: none" }, done);
		end);

		it("are sent without one if the archive fails, or the room is gone", function ()
			stanza_id = nil;
			run({ event("archive", "1"), event("tell", "1", "b") });
			module.rooms = {};
			run({ event("archive", "1"), event("tell", "1", "c") });
			assert.same({ "muc-add-history 1 a" }, archived);
			assert.same({ "b: none", "c: none" }, done);
		end);
	end);

	it("tell one", function ()
		local effect = notify "n";
		effect.kind, effect.to, effect.text = "tell", "b", "n";
		run({ effect });
		assert.same({ "n to b" }, done);
	end);

	it("may be an empty list", function ()
		run({});
		run({ notify "n" });
		assert.same({}, done);
	end);

	it("say when there is something to be kept of what was learned", function ()
		local said = 0;
		local function on_learned() said = said + 1; end
		glue.load("effects", module).run({ effects = { { kind = "learned", always = true } }, on_learned = on_learned });
		assert.equal(1, said);
	end);

	it("explain whom something is not told to, at debug", function ()
		run({ { kind = "explain", text = "100% of them" } });
		assert.same({ { level = "debug", text = "100% of them" } }, module.logged);
	end);

	it("that come while others are carried out wait until those are done", function ()
		local send_one = module.send;
		function module:send(sent)
			send_one(self, sent);
			if sent[1] == "first" and sent.attr.to == "a" then
				run({ reply "inner", send "third" }, origin);
				table.insert(done, "back in the first");
			elseif sent.name == "third" then
				run({ send "fourth" });
			end
		end
		run({ notify("first", "a", "b"), send "second" }, origin);
		assert.same({
			"first to a", "back in the first", "first to b", "second to a", "inner as reply", "third to a", "fourth to a",
		}, done);
	end);

	it("reply to who asked, also when they come within others", function ()
		local function asker(name)
			return { send = function () table.insert(done, "to "..name); end };
		end
		function module:send() -- luacheck: ignore 212/self
			run({ reply "r" }, asker "inner");
		end
		run({ send "s", reply "r" }, asker "outer");
		assert.same({ "to outer", "to inner" }, done);
	end);

	it("are addressed one by one, in one stanza to all who are connected here", function ()
		full_sessions.a, full_sessions.c = {}, {};
		local seen = {};
		function module:send(sent) -- luacheck: ignore 212/self
			table.insert(seen, sent);
		end
		run({ notify("n", "a", "b", "c") });
		assert.equal(seen[1], seen[3]);
		assert.not_equal(seen[1], seen[2]);
		assert.equal("b", seen[2].attr.to);
	end);

	it("that fail are logged and do not stop the rest", function ()
		local broken = { send = function () error("the stream is gone"); end };
		run({ reply "r", send "s" }, broken);
		assert.same({ "s to a" }, done);
		assert.equal(1, #module.logged);
		assert.equal("error", module.logged[1].level);
		assert.match("reply: .*the stream is gone", module.logged[1].text);
	end);

	it("that fail leave nothing stuck", function ()
		for _, broken in ipairs({ reply "no-origin", { kind = "nonsense" }, { kind = "send" }, {} }) do
			done = {};
			run({ broken, send "s" });
			assert.same({ "s to a" }, done);
			run({ send "again" });
			assert.same({ "s to a", "again to a" }, done);
		end
		assert.equal(4, #module.logged);
	end);

	it("that fail with something else than a text are logged too", function ()
		run({ reply "r", send "s" }, { send = function () error({}); end });
		assert.same({ "s to a" }, done);
		assert.match("table", module.logged[1].text);
	end);

	it("reach the other recipients when one of them fails", function ()
		local send_one = module.send;
		function module:send(sent)
			if sent.attr.to == "b" then error("the stream is gone"); end
			send_one(self, sent);
		end
		run({ notify("n", "a", "b", "c"), send "s" });
		assert.same({ "n to a", "n to c", "s to a" }, done);
		assert.equal(1, #module.logged);
	end);

	it("that failed while they brought others leave those to be done", function ()
		function module:send(sent) -- luacheck: ignore 212/self
			if sent.name == "first" then
				run({ reply "inner" }, origin);
				error("too late");
			end
			table.insert(done, sent.name);
		end
		run({ send "first", send "second" });
		assert.same({ "second", "inner as reply" }, done);
	end);

	it("hold on to nothing once they are done", function ()
		local weak = setmetatable({ send "s" }, { __mode = "v" });
		run({ weak[1] });
		collectgarbage();
		assert.is_nil(weak[1]);
	end);

	describe("that keep something", function ()
		local function batch(name)
			return { { kind = "keep", room = "room@muc", node = "urn:a" }, reply(name or "r"), notify("n", "a") };
		end

		it("do so first", function ()
			run_keeping(batch(), function (effect)
				table.insert(done, ("%s %s"):format(effect.room, effect.node));
				return true;
			end);
			assert.same({ "room@muc urn:a", "r as reply", "n to a" }, done);
		end);

		it("are not announced if that fails, and later batches are carried out", function ()
			local reverted, unsent;
			local effects = batch();
			table.insert(effects, notify("n", "b", "c"));
			run_keeping(effects, function () return nil, "the disk is full"; end, function (effect) reverted = effect.room; end,
				function (count) unsent = count; end);
			assert.equal("room@muc", reverted);
			assert.equal(3, unsent);
			assert.same({}, done);
			assert.same({}, module.logged, "that is said where storage is called");
			run({ send("t") }, origin);
			assert.same({ "t to a" }, done);
		end);

		it("do not stop questions, which tell no one of what could not be stored", function ()
			local rest = { send "question", reply "r", notify("n", "b"), { kind = "keep" } };
			local kept, failed = 0, 0;
			local effects = { { kind = "keep", room = "room" }, lua.unpack(rest) };
			run_keeping(effects, function () kept = kept + 1; return nil, "full"; end, function () end,
				function () failed = failed + 1; end);
			assert.same({ 1, 1 }, { kept, failed });
			assert.same({ "question to a" }, done);
		end);

		it("fail with what they build on, and only then", function ()
			local kept, failed, reverted = {}, {}, 0;
			local function keep(effect)
				table.insert(kept, effect.room);
				return #kept > 1 or nil, "the disk is full";
			end
			local function revert() reverted = reverted + 1; end
			local function ask(name, room)
				local effects = batch(name);
				effects[1].room = room;
				run_keeping(effects, keep, revert, function () table.insert(failed, name); end);
			end
			function module:send()
				self.send = function () end;
				ask("one", "a@muc");
				ask("two", "a@muc");
				ask("three", "b@muc");
			end
			run({ send("s") }, origin);
			assert.same({ "a@muc", "b@muc" }, { kept[1], kept[2] });
			assert.same({ "one", "two" }, { failed[1], failed[2] });
			assert.equal(1, reverted);
		end);
	end);
end);
