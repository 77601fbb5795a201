-- Stanzas that are nested too deeply or have too many parts are refused while they are read.
--
-- Prosody accepts stanzas of tens of thousands of levels. In the core, just dropping a tree that deep would overflow
-- the stack and crash the server, and this test with it.

local core = require "support.core";
local prosody = require "support.prosody";

local xmlns = core.xmlns;
local far_too_deep = 36000;

-- Nests this many more levels in the innermost element of a stanza.
local function nest(stanza, levels)
	for _ = 1, levels do
		stanza:tag("d");
	end
	return stanza;
end

for _, version in ipairs(prosody.versions) do
	local st = prosody.load(version).st;

	describe("With Prosody "..version..",", function ()
		local room;

		local function set_up(options)
			room = core.new_room(st, options);
			room:enter("alice");
			room:enter_wanting("bob", "urn:a");
		end

		before_each(function () set_up(); end);

		-- A publish of this many levels, including iq, pubsub, publish and item.
		local function publish_of(levels)
			local iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = "urn:a" });
			return nest(iq, levels - 5):reset();
		end

		local function assert_refused(iq)
			local effects = room:request("alice", iq);
			assert.equal("reply", core.kinds(effects));
			local kind, condition, _, extra = effects[1].stanza:get_error();
			assert.same({ "modify", "not-acceptable", "payload-too-big" }, { kind, condition, extra and extra.name });
			assert.equal(xmlns.errors, extra.attr.xmlns);
			assert.equal("1", effects[1].stanza.attr.id);
			assert.equal(0, room:counts().nodes);
		end

		local function assert_taken(iq)
			assert.equal("reply tell", core.kinds(room:request("alice", iq)));
			assert.equal(1, room:counts().nodes);
		end

		it("a payload of 36,000 levels is refused and leaves nothing", function ()
			assert_refused(publish_of(far_too_deep));
			assert_taken(publish_of(10));
		end);

		it("64 levels pass, and 65 do not", function ()
			assert_refused(publish_of(65));
			assert_taken(publish_of(64));
		end);

		it("the number of levels can be set, and set anew", function ()
			set_up({ max_payload_depth = 10 });
			assert_refused(publish_of(11));
			room.host:configure(room.now, room.random, st.stanza_mt, { mep_max_payload_depth = 9 });
			assert_refused(publish_of(10));
			room.host:set_options(room.now, room.random, { mep_max_payload_depth = 10 });
			assert_taken(publish_of(10));
		end);

		-- The stack overflows between 8,000 and 16,000 levels, whatever the glue allows
		it("no more than 512 levels pass, whatever the options say", function ()
			set_up({ max_payload_depth = 512 });
			assert_refused(publish_of(513));
			assert_taken(publish_of(512));
			set_up({ max_payload_depth = 100000 });
			assert_refused(publish_of(65));
			room.host:set_options(room.now, room.random, { mep_max_payload_depth = 100000 });
			assert_refused(publish_of(far_too_deep));
			room.host:configure(room.now, room.random, st.stanza_mt, { mep_max_payload_depth = 513 });
			assert_refused(publish_of(65));
		end);

		it("too many elements, texts or attributes are refused", function ()
			local function publish_with(add)
				local iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = "urn:a" });
				for i = 1, 100 do
					add(iq, i);
				end
				return iq:reset();
			end
			local function element(iq) iq:tag("e"):up(); end
			local function text(iq) iq:text("e"); end
			local function attribute(iq, i) iq.last_add[#iq.last_add].attr["a"..i] = "1"; end
			for _, add in ipairs({ element, text, attribute }) do
				set_up({ max_payload_parts = 100 });
				assert_refused(publish_with(add));
				set_up({ max_payload_parts = 120 });
				assert_taken(publish_with(add));
			end
		end);

		it("10,000 parts are too many by default, even small ones", function ()
			-- The limit on the size alone would let these pass
			set_up({ max_payload_size = 1000000 });
			local iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = "urn:a" });
			for _ = 1, 10000 do
				iq:tag("e"):up();
			end
			assert_refused(iq:reset());
			set_up({ max_payload_size = 1000000 });
			iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = "urn:a" });
			for _ = 1, 9900 do
				iq:tag("e"):up();
			end
			assert_taken(iq:reset());
		end);

		it("a namespace that thousands of elements inherit is refused if each needs a long copy", function ()
			for length, assert_right in pairs({ [32000] = assert_refused, [200] = assert_refused, [100] = assert_taken }) do
				set_up();
				local iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = ("x"):rep(length) });
				for _ = 1, 8000 do
					iq:tag("e"):up();
				end
				assert_right(iq:reset());
			end
			for length, assert_right in pairs({ [32000] = assert_refused, [4] = assert_taken }) do
				set_up();
				local iq = room:publish_iq("alice", "urn:a"):tag("d", { xmlns = "urn:a" });
				for i = 1, 1000 do
					iq.last_add[#iq.last_add].attr[("x"):rep(length).."\1a"..i] = "";
				end
				assert_right(iq:reset());
			end
		end);

		it("an iq with too many attributes of its own gets its answer", function ()
			local iq = publish_of(5);
			for i = 1, 20000 do
				iq.attr["a"..i] = "1";
			end
			assert_refused(iq);
		end);

		it("a get that deep is not MEP's: the room goes on with it", function ()
			local query = { xmlns = xmlns.disco_info };
			assert.is_nil(room:request("alice", nest(room:iq("alice", "get"):tag("query", query), far_too_deep):reset()));
		end);

		-- mod_muc answers these itself, with the same error whether the nick is in use or not
		it("a set that deep from outside is no more MEP's than any other", function ()
			local outsider = { jid = "eve@people.example/1", role = "none", affiliation = "none", sees_jids = false };
			for _, levels in ipairs({ 6, far_too_deep }) do
				local iq = publish_of(levels);
				assert.is_nil(room.host:request(room.now, room.random, room:info(), room:target("alice"), outsider, iq));
			end
		end);

		it("capabilities that deep are none, and the next session is asked", function ()
			local asked = room:enter("carol", room:presence_with_caps())[1];
			room:enter("dave", room:presence_with_caps());
			local answer = room:caps_answer(asked, "urn:a");
			nest(answer:tag("d", { xmlns = "urn:d" }), far_too_deep);
			local effects = room.host:answer(room.now, room.random, answer:reset());
			assert.equal("send", core.kinds(effects));
			assert.equal(room:session("dave"), effects[1].stanza.attr.to);
			local notify = room:request("alice", publish_of(6))[2];
			assert.equal(room:session("bob"), notify.to);
		end);

		it("a presence that deep is nothing special", function ()
			local presence = nest(room:presence_with_caps("deep"), far_too_deep):reset();
			local deep_first = nest(st.presence():tag("d", { xmlns = "urn:d" }), far_too_deep):reset();
			deep_first:add_child(presence.tags[1]);
			assert.equal("send", core.kinds(room:enter("carol", presence)));
			assert.equal("", core.kinds(room:enter("dave", deep_first)));
			local sessions = { [room:session("carol")] = deep_first };
			room.host:presence(room.now, room.random, room:info(), room:facts("carol"), sessions);
			room.host:restore(room.now, room.random, room:info(), { { room:facts("carol"), sessions } });
			assert.equal(1, room:counts().occupants);
		end);

		it("a presence whose capabilities have any number of attributes is nothing special", function ()
			local presence = room:presence_with_caps("wide");
			for i = 1, 20000 do
				presence.tags[1].attr["a"..i] = "1";
			end
			room:enter("carol", presence:reset());
			assert.equal(3, room:counts().occupants);
		end);
	end);
end
