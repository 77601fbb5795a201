-- A shared stanza behaves like a plain one to all modules that handle it.

local canonical = require "support.canonical";
local glue = require "support.glue";
local lua = require "support.lua";
local prosody = require "support.prosody";

local from, to = "den@rooms.localhost/a'b", "juliet@localhost/desktop";

-- Edits that modules make in place, applied to a shared stanza and to a plain one.
local edits = {
	["nothing"] = function () end;
	["a child by the builder"] = function (stanza) stanza:tag("x", { xmlns = "urn:x" }):text("&"):up(); end;
	["a body"] = function (stanza) stanza:body("hi"); end;
	["a child that is a stanza"] = function (stanza, st) stanza:add_child(st.stanza("x")); end;
	["add_direct_child"] = function (stanza, st) stanza:add_direct_child(st.stanza("x")); end;
	["a text"] = function (stanza) stanza:text("text"); end;
	["an error"] = function (stanza) if stanza.add_error then stanza:add_error("wait", "gone"); end end;
	["maptags that drops one"] = function (stanza)
		stanza:maptags(function (tag) return tag.name == "event" and tag or nil; end);
	end;
	["maptags that changes one"] = function (stanza, st)
		stanza:maptags(function (tag) return tag.name == "event" and tag or st.stanza("other"); end);
	end;
	["remove_children"] = function (stanza) stanza:remove_children("occupant-id", "urn:xmpp:occupant-id:0"); end;
	["a child in a child"] = function (stanza) stanza.tags[1]:get_child("items"):tag("x"); end;
	["remove_children in a child"] = function (stanza) stanza.tags[1]:remove_children("items"); end;
	["an attribute more in a child"] = function (stanza) stanza.tags[1].tags[1].attr.more = "1"; end;
	["another attribute in a child"] = function (stanza) stanza.tags[1].tags[1].attr.node = "1"; end;
	["an attribute less in a child"] = function (stanza) stanza.tags[1].tags[1].attr.node = nil; end;
	["a child's attributes"] = function (stanza) stanza.tags[1].attr = { xmlns = "urn:x" }; end;
	["a child's name"] = function (stanza) stanza.tags[1].name = "x"; end;
	["a text in a child"] = function (stanza)
		local mood = stanza:find("{http://jabber.org/protocol/pubsub#event}event/items/item/{urn:mood}mood");
		mood:get_child("text")[1] = "censored";
	end;
	["a text more in a child"] = function (stanza) table.insert(stanza[1][1], "more"); end;
	["table.insert"] = function (stanza) table.insert(stanza, "text"); end;
	["table.remove"] = function (stanza) table.remove(stanza, 2); table.remove(stanza.tags, 2); end;
	["other children"] = function (stanza) for at = #stanza, 1, -1 do stanza[at] = nil; end stanza.tags = {}; end;
	["the namespace"] = function (stanza) stanza.attr.xmlns = "jabber:client"; end;
	["no namespace"] = function (stanza) stanza.attr.xmlns = nil; end;
	["no to"] = function (stanza) stanza.attr.to = nil; end;
	["another to"] = function (stanza) stanza.attr.to = "<other>@localhost"; end;
	["another type"] = function (stanza) stanza.attr.type = "normal"; end;
	["no type"] = function (stanza) stanza.attr.type = nil; end;
	["an attribute more"] = function (stanza) stanza.attr["urn:p\1q"] = "'"; end;
	["other attributes"] = function (stanza) stanza.attr = { to = "x", from = "y" }; end;
	["another name"] = function (stanza) stanza.name = "presence"; end;
	["a look for what is there"] = function (stanza)
		assert(stanza:get_child("event", "http://jabber.org/protocol/pubsub#event").tags[1].name == "items");
		assert(stanza:get_child(nil, "urn:xmpp:occupant-id:0") and not stanza:get_child("event"));
	end;
	["a child that an edit made"] = function (stanza)
		stanza:tag("body"):text("5"):up();
		assert(stanza:get_child_text("body") == "5" and stanza:get_child("body"));
	end;
	["a look after a new namespace"] = function (stanza)
		stanza.attr.xmlns = "urn:xmpp:occupant-id:0";
		assert(stanza:get_child("occupant-id") and not stanza:get_child("event"));
	end;
	["a look at everything"] = function (stanza)
		for tag in stanza:childtags() do tag:get_text(); end
		for _ in stanza:children() do end
		assert(stanza:get_child("event", "http://jabber.org/protocol/pubsub#event"));
		assert(stanza:child_with_name("event") and stanza:child_with_ns("urn:xmpp:occupant-id:0"));
		assert(stanza:get_child_with_attr("occupant-id", "urn:xmpp:occupant-id:0", "id", "&"));
		assert(stanza:get_child("body") == nil and stanza:get_child_text("body") == nil and stanza:find("body") == nil);
		assert(#stanza == 2 and #stanza.tags == 2 and stanza[3] == nil and stanza[1] == stanza.tags[1]);
		assert(stanza:find("@type") == "headline" and stanza:at_top());
		stanza:reset():up();
	end;
};

-- Ways in which modules read a stanza.
local uses = {
	["its text"] = function (stanza, lib) return lib.parse_document(tostring(stanza)); end;
	["its start tag"] = function (stanza, lib) return lib.parse_document((stanza:top_tag():gsub(">$", "/>"))); end;
	["a clone"] = function (stanza, lib) return lib.st.clone(stanza); end;
	["a clone's text"] = function (stanza, lib) return lib.parse_document(tostring(lib.st.clone(stanza))); end;
	["a clone that is edited"] = function (stanza, lib) return lib.st.clone(stanza):tag("x"):up(); end;
	["a clone of its top"] = function (stanza, lib) return lib.st.clone(stanza, true); end;
	["a reply"] = function (stanza, lib) return lib.st.reply(stanza); end;
	["an error"] = function (stanza, lib) return lib.st.error_reply(stanza, "cancel", "gone"); end;
	["what is stored"] = function (stanza, lib)
		local serialize = lib.require "util.serialization".serialize;
		return lib.st.deserialize(lua.load("return "..serialize(lib.st.preserialize(stanza)))());
	end;
	["what a stored clone is frozen to"] = function (stanza, lib)
		local serialize = lib.require "util.serialization".new("pickle");
		return lib.st.deserialize(lua.load("return "..serialize(lib.st.preserialize(lib.st.clone(stanza))))());
	end;
};

for _, version in ipairs(prosody.versions) do
	local lib = prosody.load(version);
	local st = lib.st;

	describe("With Prosody "..version..", a shared stanza", function ()
		local shared, copy_for, original, message, full_sessions, built;

		local function load_shared(library)
			full_sessions = setmetatable({}, { __index = function () return {}; end });
			return glue.load("shared", glue.new_module(), { library = library, full_sessions = full_sessions });
		end

		setup(function ()
			shared = load_shared(lib);
		end);

		before_each(function ()
			original = st.message({ from = from, id = "x", type = "headline" })
				:tag("event", { xmlns = "http://jabber.org/protocol/pubsub#event" })
					:tag("items", { node = "<&'\">" }):tag("item", { id = "1" })
						:tag("mood", { xmlns = "urn:mood", ["urn:p\1a"] = "'", ["xml:lang"] = "de" })
							:tag("happy"):up():text_tag("text", "5 > 4 & \"so\" on"):text("\n")
							:tag("message", { xmlns = "jabber:client" }):up()
				:up():up():up():up()
				:tag("occupant-id", { xmlns = "urn:xmpp:occupant-id:0", id = "&" }):up();
			local text = tostring(original);
			local top = text:match("^<[^>]*>");
			message = {
				from, "x", "headline", 1;
				start = top:sub(1, -2).." to='"; rest = text:sub(#top + 1);
				source = {
					build = function (_, opened)
						assert.equal(1, opened[4]);
						assert.is_string(opened.rest or opened.text);
						built = built + 1;
						return st.clone(original);
					end;
					children = function ()
						return { "event", "http://jabber.org/protocol/pubsub#event", "occupant-id", "urn:xmpp:occupant-id:0" };
					end;
				};
			};
			built = 0;
			copy_for = shared.copies(message);
		end);

		local function plain(jid)
			local stanza = st.clone(original);
			stanza.attr.to = jid;
			return stanza;
		end

		-- canonical, in one namespace
		local function meaning(stanza)
			return canonical(stanza, "jabber:client");
		end

		it("is available", function ()
			assert.is_true(shared.can_share);
			assert.equal(copy_for("a@b/c"), copy_for("d@e/f"));
			assert.is_true(st.is_stanza(copy_for("a@b/c")));
		end);

		for what, edit in pairs(edits) do
			for use, look in pairs(uses) do
				it(("after an edit (%s) is what a plain one is: %s"):format(what, use), function ()
					local stanza, expected = copy_for(to), plain(to);
					edit(stanza, st);
					edit(expected, st);
					if use ~= "a reply" and use ~= "an error" or st.is_stanza(expected) then
						assert.same(meaning(look(expected, lib)), meaning(look(stanza, lib)));
						assert.same(meaning(look(expected, lib)), meaning(look(stanza, lib)));
					end
				end);
			end

			it(("for one recipient, after an edit (%s), is what a plain one is"):format(what), function ()
				for _, jid in ipairs({ to, "romeo@localhost/<'\"&>" }) do
					local start = message.start..st.xml_escape(jid).."'>";
					local one = { from, "x", "headline", 1, to = jid, text = start..message.rest };
					one.source = message.source;
					local stanza, expected = shared.copy(one), plain(jid);
					edit(stanza, st);
					edit(expected, st);
					for use, look in pairs(uses) do
						if use ~= "a reply" and use ~= "an error" or st.is_stanza(expected) then
							assert.same(meaning(look(expected, lib)), meaning(look(stanza, lib)));
						end
					end
				end
			end);

			it(("goes on to others as it was, after an edit: %s"):format(what), function ()
				for _, jid in ipairs({ to, "romeo@localhost/<'\"&>", "nurse@localhost/x" }) do
					local stanza = copy_for(jid);
					assert.same(meaning(plain(jid)), meaning(lib.parse_document(tostring(stanza))));
					assert.same(meaning(plain(jid)), meaning(stanza));
					edit(stanza, st);
					for _, look in pairs(uses) do
						if st.is_stanza(stanza) and stanza.attr.type ~= "error" then look(stanza, lib); end
					end
					if jid == to then edit(stanza, st); end
				end
			end);
		end

		it("is rendered by its start tag alone", function ()
			local rendered = 0;
			local whole = st.stanza_mt.__tostring;
			finally(function () st.stanza_mt.__tostring = whole; end);
			function st.stanza_mt.__tostring(stanza)
				rendered = rendered + 1;
				return whole(stanza);
			end
			local first = tostring(copy_for(to));
			rendered = 0;
			local texts = {};
			for i = 1, 10 do
				local stanza = copy_for("user"..i.."@localhost/x");
				texts[i] = tostring(stanza);
				assert.match("'user"..i.."@localhost/x'", stanza:top_tag());
				assert.is_nil(stanza:get_child("body"));
				st.clone(stanza);
			end
			assert.equal(0, rendered);
			for i = 1, 10 do
				assert.equal(#first - #to + #("user"..i.."@localhost/x"), #texts[i]);
			end
		end);

		it("may be the result of a request", function ()
			local start = message.start:gsub("^<message", "<iq")..st.xml_escape(to).."'>";
			local one = { from, "x", "result", 1, name = "iq", to = to, source = message.source };
			one.text = start:gsub("headline", "result")..message.rest:gsub("</message>$", "</iq>");
			local stanza, expected = shared.copy(one), plain(to);
			expected.name, expected.attr.type = "iq", "result";
			assert.equal(lua.version == "5.1" and 1 or 0, built);
			assert.equal("iq", stanza.name);
			assert.equal(one.text, tostring(stanza));
			assert.same(meaning(expected), meaning(stanza));
			stanza:tag("more");
			expected:tag("more");
			assert.same(meaning(lib.parse(tostring(expected))), meaning(lib.parse(tostring(stanza))));
			stanza.name = "message";
			assert.match("^<message", tostring(stanza));
		end);

		it("builds its children for a read of one, not for a search for others", function ()
			if lua.version == "5.1" then -- does not notice reads, so the children are built at once
				copy_for(to);
				assert.equal(1, built);
				return;
			end
			local start = message.start..to.."'>";
			local one = shared.copy({
				from, "x", "headline", 1, to = to, text = start..message.rest, source = message.source;
			});
			for _, stanza in ipairs({ copy_for(to), one }) do
				built = 0;
				for _ = 1, 2 do
					assert.is_nil(stanza:get_child("private", "urn:xmpp:carbons:2"));
					assert.is_nil(stanza:get_child("body"));
					assert.is_nil(stanza:get_child_text("subject"));
					assert.is_nil(stanza:get_child("event", "urn:other"));
					assert.is_nil(stanza:get_child(nil, "urn:xmpp:jingle-message:0"));
					assert.is_nil(stanza:get_child_with_attr("stanza-id", "urn:xmpp:sid:0", "by", to));
					assert.is_nil(stanza:find("{http://jabber.org/protocol/muc#user}x/invite"));
					tostring(stanza);
				end
				assert.equal(0, built);
				assert.equal("&", stanza:get_child("occupant-id", "urn:xmpp:occupant-id:0").attr.id);
				assert.equal(1, built);
			end
		end);

		it("leaves its clones alone", function ()
			local clone = st.clone(copy_for(to));
			clone:tag("x"):up();
			local other = copy_for("romeo@localhost/x");
			assert.equal(to, clone.attr.to);
			assert.equal(st.stanza_mt.__tostring, debug.getmetatable(clone).__tostring);
			for _, part in ipairs({ clone, clone.tags[1], clone.tags[1].tags[1] }) do
				assert.is_nil(getmetatable(part.attr));
			end
			assert.same(meaning(plain("romeo@localhost/x")), meaning(lib.parse_document(tostring(other))));
		end);

		it("is parsed twice at most, and no recipient gets another's edits", function ()
			for number = 1, 5 do
				local jid = "user"..number.."@localhost/x";
				local stanza, expected = copy_for(jid), plain(jid);
				for _, each in ipairs({ stanza, expected }) do
					each.attr.xmlns = "jabber:client"; -- as mod_websocket does
					each.tags[1].attr.edit, each.tags[1].tags[1][1] = jid, jid;
					each.tags[1]:tag("more");
				end
				assert.same(meaning(expected), meaning(lib.parse_document(tostring(stanza))));
				assert.equal(lua.version ~= "5.1" and math.min(number, 2) or built, built);
			end
			assert.is_true(built <= 2);
		end);

		it("leaves what it was made from alone", function ()
			local rest = message.rest;
			for _, edit in pairs(edits) do
				edit(copy_for(to), st);
			end
			assert.same({ from, "x", "headline", 1 }, { message[1], message[2], message[3], message[4] });
			assert.equal(rest, message.rest);
		end);

		it("is for those who are connected here; others get one of their own", function ()
			local here_too = load_shared(lib);
			setmetatable(full_sessions, nil);
			full_sessions[to] = {};
			copy_for = here_too.copies(message);
			local here, there, bare = copy_for(to), copy_for("romeo@far.example/x"), copy_for("juliet@localhost");
			assert.equal(here, copy_for(to));
			assert.not_equal(here, there);
			assert.same({ "romeo@far.example/x", "juliet@localhost" }, { there.attr.to, bare.attr.to });
			assert.not_equal(there, bare);
			-- as Prosody does before it hands a stanza to mod_s2s
			built = 0;
			there.attr.xmlns = nil;
			assert.match("^<message .*romeo@far", tostring(there));
			assert.is_nil(bare:get_child("body"));
			assert.equal(0, built);
		end);

		-- Prosodys with an incompatible change
		local others = {
			["renders for each recipient otherwise"] = function (_, mt)
				local render = mt.__tostring;
				function mt.__tostring(stanza)
					return (render(stanza):gsub("^<%w+", "%0 sum='"..#(stanza.attr.to or "").."'", 1));
				end
			end;
			["writes no start tags"] = function (_, mt) mt.top_tag = nil; end;
			["edits past its own functions"] = function (_, mt)
				function mt:add_direct_child(child) rawset(self, 1, child); self.tags[1] = child; return self; end
			end;
			["has no function to escape"] = function (other) other.xml_escape = nil; end;
			["clones what it knows alone"] = function (other)
				function other.clone(stanza) return setmetatable({}, { __index = stanza }); end
			end;
		};
		for what, change in pairs(others) do
			it("is not used where Prosody "..what, function ()
				local library = prosody.load(version);
				change(library.st, library.st.stanza_mt);
				assert.is_false(load_shared(library).can_share);
			end);
		end

		it("is used where the option says so, from then on", function ()
			local switched = load_shared(prosody.load(version));
			switched.set_options({ share_stanzas = false });
			assert.is_false(switched.can_share);
			assert.equal("mep_share_stanzas is false", switched.why_not);
			local copies = switched.copies(message);
			assert.not_equal(copies(to), copies(to));
			switched.set_options({ share_stanzas = true });
			assert.is_true(switched.can_share);
			copies = switched.copies(message);
			assert.equal(copies(to), copies(to));
		end);

		it("has its children from the start where Prosody looks at them past all metamethods", function ()
			local library = prosody.load(version);
			local preserialize = library.st.preserialize;
			function library.st.preserialize(stanza)
				local copied = { name = stanza.name, attr = stanza.attr, tags = {} };
				while rawget(stanza, #copied + 1) ~= nil do table.insert(copied, rawget(stanza, #copied + 1)); end
				return preserialize(setmetatable(copied, library.st.stanza_mt));
			end
			shared = load_shared(library);
			assert.is_true(shared.can_share);
			local copies = shared.copies(message);
			for _, jid in ipairs({ to, "romeo@localhost/x" }) do
				local stored = library.st.preserialize(copies(jid));
				assert.same(meaning(plain(jid)), meaning(library.st.deserialize(stored)));
			end
			assert.equal(1, built);
		end);

		it("is not used where its test fails, and each gets one of their own", function ()
			local library = prosody.load(version);
			local escape = library.st.xml_escape;
			function library.st.xml_escape(text) return (escape(text):gsub("&apos;", "&#39;").."!"); end
			local fallen_back = load_shared(library);
			fallen_back.set_options({ share_stanzas = true });
			assert.is_false(fallen_back.can_share);
			assert.match("on ".._VERSION.." with this Prosody, after ", fallen_back.why_not, 1, true);
			assert.match("after .+, .+ is not that of a plain stanza", fallen_back.why_not);
			local copies = fallen_back.copies(message);
			local first, second = copies(to), copies("romeo@localhost/x");
			assert.not_equal(first, second);
			assert.equal(to, first.attr.to);
			message.to = to;
			assert.equal(to, fallen_back.copy(message).attr.to);
		end);
	end);
end
