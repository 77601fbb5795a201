-- Random stanza tables, as no parser and no module makes them: the core takes them or refuses them with an error that
-- says what is wrong, and all that comes out is read by Prosody's own parsers.
--
-- MEP_HISTORIES plays so many times as many.

local core = require "support.core";
local prosody = require "support.prosody";
local random_stanza = require "support.random_stanza";

local xmlns = core.xmlns;
local times = tonumber(os.getenv "MEP_HISTORIES") or 1;

local actions = {
	"publish", "item", "retract", "items", "subscribe", "unsubscribe", "options", "subscriptions", "affiliations",
	"create", "configure", "default", "delete", "purge",
	"redirect", "subscription", "affiliation", "publish-options", "x", "field",
	"value", "set", "max",
};
local namespaces = { xmlns.pubsub, xmlns.owner, "jabber:x:data", "http://jabber.org/protocol/rsm", "urn:a", "" };
local attributes = {
	node = { "urn:a", "urn:b", "", "'<&>\"" }; id = { "1", "", "<2>" }; jid = { "alice@people.example/client", "x" };
	subscription = { "subscribed", "none" }; affiliation = { "member", "outcast", "x" }; max_items = { "1", "0" };
	var = { "FORM_TYPE", "pubsub#access_model", "pubsub#title" }; type = { "submit", "cancel" };
	["xml:lang"] = { "de", "" }; ["urn:p\1b"] = { "<" };
};
local attribute_names = {};
for name in pairs(attributes) do table.insert(attribute_names, name); end
table.sort(attribute_names);

local function one_of(list)
	return list[math.random(#list)];
end

-- Adds elements that requests are made of, in an order that no request has.
local function grow(stanza, depth)
	for _ = 1, math.random(1, 3) do
		local attr = { xmlns = math.random(4) == 1 and one_of(namespaces) or nil };
		for _ = 1, math.random(0, 3) do
			local name = one_of(attribute_names);
			attr[name] = one_of(attributes[name]);
		end
		stanza:tag(one_of(actions), attr);
		if math.random(4) == 1 then stanza:text(one_of { "1", " ", "open", "]]>" }); end
		if math.random(8) == 1 then random_stanza.grow(stanza, 3, "urn:a"); end
		if depth > 1 and math.random(3) > 1 then grow(stanza, depth - 1); end
		stanza:up();
	end
	return stanza;
end

-- What is never in a stanza.
local wrong = {
	function () return 1; end, function () return 0 / 0; end, function () return true; end, function () return {}; end,
	function () return print; end, function () return nil; end, function () return "\255\254"; end,
	function () return ("x"):rep(70000); end, function () return "a b>"; end,
	function () return coroutine.create(function () end); end,
	function () return setmetatable({}, { __index = error }); end,
};

-- Breaks a stanza somewhere inside.
local function spoil(stanza)
	local at = stanza;
	while at.tags[1] and math.random(4) > 1 do at = one_of(at.tags); end
	local value = one_of(wrong)();
	local where = math.random(6);
	if where == 1 then
		at.name = value;
	elseif where == 2 then
		at.attr = value;
	elseif where == 3 then
		at.attr[one_of { "node", "xmlns", "id", "urn:p\1b" }] = value;
	elseif where == 4 then
		if value == nil or value ~= value then value = "urn:p\1"; end
		at.attr[value] = "x";
	elseif where == 5 then
		table.insert(at, math.random(#at + 1), value);
	else
		at.tags = value;
	end
	return stanza;
end

-- All that may be said of a table that is no stanza.
local complaints = {
	" is needed, not a ", " is needed, not ", "a stanza contains stanzas and strings, not a ", "invalid utf%-8",
	"must not be empty", "character", "is missing", "[Ii]nvalid",
};

local function is_documented(problem)
	problem = tostring(problem);
	if problem:find("panic", 1, true) then return false; end
	for _, complaint in ipairs(complaints) do
		if problem:find(complaint) then return true; end
	end
	return false;
end

for _, version in ipairs(prosody.versions) do
	local lib = prosody.load(version);
	local st = lib.st;

	describe("With Prosody "..version..", whatever a table holds,", function ()
		local room, taken, refused;

		before_each(function ()
			taken, refused = 0, 0;
			room = core.new_room(st, { publish_burst = 1000000 });
			room:enter("alice");
			room:enter_wanting("bob", "urn:a");
		end);

		-- Parsers of streams and of documents read it.
		local function assert_read(text)
			assert(lib.parse(text));
			assert(lib.parse_document((text:gsub("^(<%a+)", "%1 xmlns='jabber:client'"))));
		end

		local function look(effects)
			for _, effect in ipairs(effects or {}) do
				if effect.stanza then assert_read(tostring(effect.stanza)); end
				if effect.text and effect.source then assert_read(effect.text); end
				if effect.start then assert_read(effect.start.."a@b'>"..effect.rest); end
				if effect.source then
					local built = effect.source:build(effect, st.stanza_mt);
					built.attr.to = "a@b";
					assert_read(tostring(built));
				end
			end
		end

		local function call(method, ...)
			local done, effects = pcall(room.host[method], room.host, ...);
			if done then
				taken = taken + 1;
				if type(effects) == "table" then look(effects); end
			else
				refused = refused + 1;
				assert(is_documented(effects), tostring(effects));
			end
			return done;
		end

		local function request(iq, nick)
			call("request", room.now, room.random, room:info(), room:target(nick), room:actor("alice"), iq);
		end

		local function random_iq(seed)
			math.randomseed(seed);
			local iq = room:iq("alice", one_of { "get", "set", "set" }, one_of { "1", "<'&\">" });
			iq:tag("pubsub", { xmlns = one_of { xmlns.pubsub, xmlns.owner } });
			if math.random(3) == 1 then
				iq:tag("publish", { node = one_of(attributes.node) }):tag("item", { id = one_of(attributes.id) });
				return random_stanza.grow(iq, 6, "urn:a"):reset();
			end
			return grow(iq, 4):reset();
		end

		it("requests of all kinds of elements are answered", function ()
			for seed = 1, 300 * times do
				request(random_iq(seed), one_of { "alice", "alice", nil });
			end
			assert.equal(0, refused);
		end);

		it("requests with what no stanza holds are answered, or refused with what is wrong", function ()
			for seed = 1, 600 * times do
				request(spoil(random_iq(seed)), "alice");
			end
			assert.is_true(taken > 50 and refused > 50, taken.." taken, "..refused.." refused");
		end);

		it("other calls with such stanzas do the same", function ()
			for seed = 1, 300 * times do
				local iq = spoil(random_iq(seed));
				call("answer", room.now, room.random, iq);
				call("not_stored", iq, 1);
				call("not_loaded", iq);
				local presence = spoil(random_stanza.grow(room:presence_with_caps("x"), 4, "urn:a"):reset());
				call("enter", room.now, room.random, room:info(), room:facts("carol"), room:session("carol"), presence);
				call("leave", room.now, room.random, room:info(), room:address("carol"), "none");
			end
			assert.is_true(refused > 50);
			assert.equal(2, room:counts().occupants);
		end);

		it("stanzas of thousands of levels or parts are answered and leave nothing", function ()
			for _, levels in ipairs { 65, 1000, 30000 } do
				local iq = room:publish_iq("alice", "urn:deep");
				for _ = 1, levels do iq:tag("d"); end
				request(iq:reset(), "alice");
				iq = room:publish_iq("alice", "urn:deep"):tag("a");
				for at = 1, levels do iq:text_tag("b", "x", { ["c"..at] = "x" }); end
				request(iq:reset(), "alice");
			end
			assert.equal(0, refused);
		end);
	end);
end
