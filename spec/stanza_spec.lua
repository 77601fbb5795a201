-- Stanzas cross into the core and out of it without loss, whether Prosody's parser or a module made them.

local canonical = require "support.canonical";
local core = require "support.core";
local unicode = require "support.lua".unicode;
local prosody = require "support.prosody";
local random_stanza = require "support.random_stanza";

local xmlns = core.xmlns;

-- Payloads as clients send them.
local sent = {
	["an empty element"] = "<a xmlns='urn:a'/>";
	["mixed content"] = "<a xmlns='urn:a'>one <b>two</b> three<b/> four </a>";
	["white space alone, inside and around"] = "<a xmlns='urn:a'> <b>\n\t</b>\n</a>";
	["a language at several levels"] = "<a xmlns='urn:a' xml:lang='de'><b xml:lang=''>x</b><b xml:lang='en-GB'/></a>";
	["the other attributes of the xml namespace"] = "<a xmlns='urn:a' xml:space='preserve' xml:base='u' xml:id='i'/>";
	["a prefixed attribute"] = "<a xmlns='urn:a' xmlns:p='urn:p' p:b='1' b='2'/>";
	["prefixed attributes of one name"] = "<a xmlns='urn:a' xmlns:p='urn:p' xmlns:q='urn:q' p:b='1' q:b='2'/>";
	["a prefixed attribute of the element's own namespace"] = "<p:a xmlns:p='urn:a' p:b='1' b='2'/>";
	["an attribute named like a prefix"] = "<a xmlns='urn:a' xmlns:p='urn:p' p='1' p:p='2' ns1='3' lang='4'/>";
	["a prefixed element"] = "<p:a xmlns:p='urn:a'><p:b/><q:c xmlns:q='urn:q'><p:d/></q:c></p:a>";
	["an empty namespace at the top"] = "<a xmlns=''><b/></a>";
	["an empty namespace inside"] = "<a xmlns='urn:a'><b xmlns=''><c/><d xmlns='urn:a'/></b></a>";
	["another namespace and back"] = "<a xmlns='urn:a'><b xmlns='urn:b'><a xmlns='urn:a'/></b><c/></a>";
	["a forwarded message"] = "<f xmlns='urn:f'><message xmlns='jabber:client' to='a@b'><body>hi</body></message></f>";
	["a payload in jabber:client"] = "<message xmlns='jabber:client'><body>hi</body><x xmlns='urn:x'/></message>";
	["a payload in the namespace of pubsub"] = "<a><b/><c xmlns='urn:c'/></a>";
	["a payload in the namespace of events"] = "<a xmlns='"..xmlns.event.."'><b/></a>";
	["marked characters"] = "<a xmlns='urn:a' b='&lt;&gt;&amp;&quot;&apos;'>&lt;b&gt; &amp;amp; \" '</a>";
	["a section of raw text"] = "<a xmlns='urn:a'>1<![CDATA[<b/>&amp;]]>2</a>";
	["characters that are written as numbers"] = "<a xmlns='urn:a' b='&#9;&#10;&#13;'>&#9;&#10;&#13;&#xA0;&#x1F600;</a>";
	["names that are not ASCII"] = "<größe xmlns='urn:a' né='1'><日本/></größe>";
	["a namespace that is not ASCII"] = "<a xmlns='urn:größe' xmlns:p='urn:日本' p:b='1'/>";
};

local texts = {
	["tab, newline and carriage return"] = "\t\n\r \r\n";
	["quotes and brackets"] = "<>&\"'&amp;]]>";
	["the replacement character"] = unicode "FFFD";
	["the last characters that XML has"] = unicode "D7FF E000 FFFD 10FFFF";
	["control characters that XML has"] = unicode "7F 85 9F";
	["emoji, joined and coloured"] = unicode "1F469 200D 1F4BB 1F44D 1F3FD 1F1E9 1F1EA";
	["right to left, with marks of direction"] = unicode "202B 5E9 5DC 5D5 5DD 202C 20 627 644";
	["combining marks, not composed"] = unicode "65 301 20 E9 20 61 328 301";
	["what looks like a namespace"] = "urn:a b {urn:a}b";
};

for _, version in ipairs(prosody.versions) do
	local lib = prosody.load(version);
	local st = lib.st;

	describe("With Prosody "..version..", a stanza", function ()
		local room;

		before_each(function ()
			room = core.new_room(st);
			room:enter("alice");
			room:enter_wanting("bob", "urn:a");
		end);

		local function parse_publish(payload)
			return lib.parse("<iq type='set' id='1' from='"..room:session("alice").."' to='"..room:address("alice").."'>"..
				"<pubsub xmlns='"..xmlns.pubsub.."'><publish node='urn:a'><item>"..payload.."</item></publish></pubsub></iq>");
		end

		-- Returns the event that follows from the publish in `iq`.
		local function publish(iq)
			local effects = room:request("alice", iq);
			assert.equal("reply tell", core.kinds(effects));
			local source = effects[2].source;
			local message, listed = source:build(effects[2], lib.st.stanza_mt), {};
			for _, child in ipairs(message.tags) do
				table.insert(listed, child.name);
				table.insert(listed, child.attr.xmlns);
			end
			assert.same(listed, source:children(1));
			return message, effects[2].text;
		end

		-- The output means the same as the input, both as the tree that modules see and as the text that
		-- clients get.
		local function assert_survives(iq)
			local message, text = publish(iq);
			local expected = canonical(core.payload_of_publish(iq), xmlns.pubsub);
			assert.same(expected, canonical(core.payload_of_event(message), xmlns.event));
			local rendered = lib.parse(text);
			assert.same(expected, canonical(core.payload_of_event(rendered), xmlns.event));
			-- Prosody loses line ends in attributes when it serialises, so both are serialised and parsed before comparing
			local serialised = core.payload_of_publish(lib.parse(tostring(iq)));
			local received = core.payload_of_event(lib.parse(tostring(message)));
			assert.same(canonical(serialised, xmlns.pubsub), canonical(received, xmlns.event));
		end

		for what, payload in pairs(sent) do
			it("from the parser keeps "..what, function ()
				assert_survives(parse_publish(payload));
			end);
		end

		for what, text in pairs(texts) do
			it("keeps "..what.." in texts and attributes", function ()
				local iq = room:publish_iq("alice", "urn:a");
				iq:tag("a", { xmlns = "urn:a", b = text, ["urn:p\1c"] = text, ["xml:lang"] = text });
				assert_survives(iq:text(text):tag("b"):text(text):up():text(text):reset());
			end);
		end

		it("keeps an attribute without a value", function ()
			local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a", b = "", ["urn:p\1c"] = "" });
			assert_survives(iq:reset());
		end);

		it("that was stored and loaded is read as before", function ()
			local iq = parse_publish(sent["an empty namespace inside"]);
			assert_survives(st.deserialize(st.preserialize(iq)));
		end);

		it("made by a module means the parent's namespace where it names none", function ()
			local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }):tag("b"):tag("c"):reset();
			assert_survives(iq);
			local a = core.payload_of_event(publish(iq));
			assert.equal("urn:a", a.attr.xmlns);
			assert.equal("urn:a", a.tags[1].attr.xmlns);
			assert.equal("urn:a", a.tags[1].tags[1].attr.xmlns);
		end);

		-- The parser names each namespace that differs from the parent's, jabber:client too, so a missing one is the parent's
		it("made by a module means so too where it names the namespace of the action again", function ()
			local iq = room:iq("alice", "set"):tag("pubsub", { xmlns = xmlns.pubsub });
			iq:tag("publish", { xmlns = xmlns.pubsub, node = "urn:a" }):tag("item"):tag("a", { xmlns = "urn:a" }):tag("b");
			assert_survives(iq:reset());
		end);

		it("made by a module may hold one that was parsed", function ()
			local forwarded = lib.parse("<message to='a@b'><body>hi</body><x xmlns='urn:x'><y/></x></message>");
			forwarded.attr.xmlns = "jabber:client"; -- as mod_carbons and others do
			local iq = room:publish_iq("alice", "urn:a"):tag("f", { xmlns = "urn:f" }):add_child(forwarded):reset();
			assert_survives(iq);
			local message = core.payload_of_event(publish(iq)).tags[1];
			assert.equal("hi", message:get_child_text("body", "jabber:client"));
		end);

		it("made of a whole document is read as well", function ()
			assert_survives(lib.parse_document(tostring(parse_publish(sent["mixed content"]))));
		end);

		it("made of whatever there is keeps all of it, and once more when it is published again", function ()
			room = core.new_room(st, { publish_burst = 1000, max_payload_size = 1000000 });
			room:enter("alice");
			room:enter_wanting("bob", "urn:a");
			for seed = 1, 300 do
				math.randomseed(seed);
				local iq = random_stanza.grow(room:publish_iq("alice", "urn:a"), 6, "urn:a"):reset();
				local message = publish(iq);
				local payload = core.payload_of_event(message);
				assert.same(canonical(core.payload_of_publish(iq), xmlns.pubsub), canonical(payload, xmlns.event));
				local again = publish(room:publish_iq("alice", "urn:a"):add_child(payload):reset());
				assert.same(payload, core.payload_of_event(again));
			end
		end);

		it("with texts side by side is read as one text", function ()
			local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }):text("1"):text("2"):text("3");
			assert_survives(iq:reset());
		end);
	end);

	describe("With Prosody "..version..", a stanza that the core makes", function ()
		local room, message, reply;

		before_each(function ()
			room = core.new_room(st);
			room:enter("alice");
			room:enter_wanting("bob", "urn:a");
			local iq = room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }):text_tag("b", "text"):reset();
			local effects = room:request("alice", iq);
			reply, message = effects[1].stanza, effects[2].source:build(effects[2], st.stanza_mt);
		end);

		local function each_stanza(stanza, visit)
			visit(stanza);
			for _, child in ipairs(stanza.tags) do
				each_stanza(child, visit);
			end
		end

		it("is one of Prosody's, at every level", function ()
			each_stanza(message, function (stanza)
				assert.is_true(st.is_stanza(stanza));
				local tags = {};
				for _, child in ipairs(stanza) do
					if st.is_stanza(child) then
						table.insert(tags, child);
					end
				end
				assert.same(#tags, #stanza.tags);
				for i, tag in ipairs(tags) do
					assert.equal(tag, stanza.tags[i]);
				end
			end);
		end);

		it("names a namespace where Prosody's parser would", function ()
			assert.is_nil(message.attr.xmlns);
			assert.is_nil(reply.attr.xmlns);
			local event = message:get_child("event", xmlns.event);
			assert.equal("text", event:get_child("items"):get_child("item"):get_child("a", "urn:a"):get_child_text("b"));
			assert.equal("text", message:find("{"..xmlns.event.."}event/items/item/{urn:a}a/b#"));
		end);

		it("is the same once serialised and parsed", function ()
			local parsed = lib.parse(tostring(message));
			parsed.attr["xml:lang"] = nil; -- stamped by the parser
			assert.same(canonical(message, "jabber:client"), canonical(parsed, "jabber:client"));
		end);

		it("can be cloned, replied to and added to", function ()
			assert.same(canonical(message), canonical(st.clone(message)));
			assert.equal(room:address("alice"), st.reply(message).attr.to);
			message:tag("x", { xmlns = "urn:x" }):text("y"):up():reset();
			assert.equal("y", message:get_child_text("x", "urn:x"));
			message:maptags(function (tag) return tag.name ~= "x" and tag or nil; end);
			assert.is_nil(message:get_child("x", "urn:x"));
			assert.is_not_nil(message:get_child("event", xmlns.event));
		end);

		it("has items as text, which says what the stanza says", function ()
			local function published()
				return room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a", ["urn:p\1b"] = "<" }):text("&"):reset();
			end
			room:request("alice", published());
			local iq = room:iq("alice", "get", "i<1>"):tag("pubsub", { xmlns = xmlns.pubsub })
				:tag("items", { node = "urn:a" }):up():tag("set", { xmlns = "http://jabber.org/protocol/rsm" }):reset();
			local effects = room:request("alice", iq);
			assert.equal("reply", core.kinds(effects));
			local built = effects[1].source:build(effects[1], st.stanza_mt);
			assert.same({ from = room:address("alice"), id = "i<1>", type = "result" }, built.attr);
			assert.same({ "pubsub", xmlns.pubsub }, effects[1].source:children(1));
			built.attr.to = room:session("alice");
			local parsed = lib.parse(effects[1].text);
			assert.equal("iq", parsed.name);
			assert.equal(built.attr.to, parsed.attr.to);
			assert.same(canonical(parsed.tags[1]), canonical(built.tags[1]));
			local item = built.tags[1]:get_child("items"):get_child("item");
			assert.same(canonical(core.payload_of_publish(published())), canonical(item.tags[1]));
			assert.equal("1", built.tags[1]:find("{http://jabber.org/protocol/rsm}set/count#"));
		end);

		it("has an error that Prosody can read", function ()
			local iq = room:iq("alice", "set"):tag("pubsub", { xmlns = xmlns.pubsub }):tag("publish"):reset();
			local refused = room:request("alice", iq)[1].stanza;
			local kind, condition, text, extra = refused:get_error();
			assert.equal("modify", kind);
			assert.equal("bad-request", condition);
			assert.is_string(text);
			assert.equal("nodeid-required", extra.name);
			assert.equal(xmlns.errors, extra.attr.xmlns);
		end);

		it("answers with the id and between the addresses of the request", function ()
			assert.equal("iq", reply.name);
			assert.same({ type = "result", id = "1", from = room:address("alice"), to = room:session("alice") }, reply.attr);
		end);
	end);
end

if prosody.problem_of_newest then
	pending("With the newest Prosody: "..prosody.problem_of_newest);
end

describe("A host", function ()
	it("makes stanzas of the library that it was last given", function ()
		local old, new = prosody.load("0.12").st, prosody.load().st;
		assert.not_equal(old.stanza_mt, new.stanza_mt);
		local room = core.new_room(old);
		local iq = room:iq("alice", "set"):tag("pubsub", { xmlns = xmlns.pubsub }):reset();
		room:enter("alice");
		assert.is_true(old.is_stanza(room:request("alice", iq)[1].stanza));
		room.host:configure(room.now, room.random, new.stanza_mt, {});
		assert.is_true(new.is_stanza(room:request("alice", iq)[1].stanza));
	end);
end);
