-- Stanzas that are already rendered: the core hands over a message, or a result with items, as text, so a copy only
-- costs a start tag.
--
-- `message` holds the sender, the id, the type, and its number in `source`; a result also its `name`, "iq". For several
-- recipients it has the `start` of the start tag, up to the value of `to`, and the `rest` after that tag; for a single
-- recipient, `to` and the whole `text`. `source:build(message, stanza_mt)` parses it as a stanza without `to`;
-- `source:children(number)` lists the names and namespaces of its children in turn.
--
-- The stanzas go through module:send like any other, and modules can inspect, clone and edit them. As long as a stanza
-- is unchanged, tostring puts a start tag before the text; else it renders the stanza as usual. One stanza serves all
-- local recipients in turn, but an edited one is never reused.
--
-- The children are built when a module first accesses them, and from then on checked for edits. A message that just
-- passes through needs neither: modules that test for a child which the message lacks are answered from the list.
--
-- COMPAT Lua 5.1 and LuaJIT do not notice when a module takes a stanza's length or iterates over its children. There, a
-- stanza for several recipients has its children from the start, and a single recipient gets a plain stanza.

local st = require "util.stanza";
local parse = require "util.xml".parse;

local stanza_mt, clone, escape = st.stanza_mt, st.clone, st.xml_escape;
local find, match = string.find, string.match;
local next, rawget, rawset, tostring, type = next, rawget, rawset, tostring, type;
local rawlen = rawget(_G, "rawlen"); -- COMPAT missing from Lua 5.1 and LuaJIT, which ignore __len as well

local full_sessions = prosody.full_sessions;

-- Whether children are built only when a module accesses them: see `obstacle`.
local is_lazy = true;

-- The key of a rendered stanza's state, unique to this module.
local STATE = {};

-- Makes a plain stanza for one recipient.
local function plain(message, to)
	local stanza = message.source:build(message, stanza_mt);
	stanza.attr.to = to;
	return stanza;
end

-- Records a stanza's content, and returns a function that checks whether it is unchanged. New attributes call
-- `on_edit`.
local function watch(stanza, on_edit)
	local tables, keys, values = {}, {}, {};
	local elements, lengths = {}, {};
	local function note(t, key)
		table.insert(tables, t);
		table.insert(keys, key);
		table.insert(values, t[key]);
	end
	local function note_children(element)
		table.insert(elements, element);
		table.insert(lengths, #element);
		for at, child in ipairs(element) do
			note(element, at);
			if type(child) == "table" then
				note(child, "name");
				note(child, "attr");
				for key in pairs(child.attr) do note(child.attr, key); end
				setmetatable(child.attr, { __newindex = on_edit });
				note_children(child);
			end
		end
	end
	note(stanza, "tags");
	note_children(stanza);
	local n_values, n_elements = #values, #elements;

	return function ()
		for i = 1, n_values do
			if tables[i][keys[i]] ~= values[i] then return false; end
		end
		for i = 1, n_elements do
			if #elements[i] ~= lengths[i] then return false; end
		end
		return true;
	end;
end

local function nothing_to_check() return true; end

local function next_child(stanza, at)
	local child = rawget(stanza, at + 1);
	if child ~= nil then return at + 1, child; end
end

local function next_entry(stanza, key)
	local value;
	repeat key, value = next(stanza, key); until key ~= STATE;
	return key, value;
end

-- Returns a plain stanza with a rendered one's children. Websocket connections edit each stanza, so every recipient
-- needs children of its own: from the second time on they are copied, as parsing takes longer.
local function parsed(state)
	local message = state.message;
	if not message then
		return state.source:build(state, stanza_mt);
	elseif not message.copy then
		local built = message.source:build(message, stanza_mt);
		if not message.was_opened then
			message.was_opened = true;
			return built;
		end
		message.copy = built;
	end
	return clone(message.copy);
end

-- Builds a stanza's children.
local function open(stanza)
	local state = stanza[STATE];
	if state.children_are_whole then return; end
	state.children_are_whole = nothing_to_check; -- building accesses children, too
	local copy = parsed(state);
	for at = 1, #copy do rawset(stanza, at, copy[at]); end
	rawset(stanza, "tags", copy.tags);
	state.children_are_whole = watch(stanza, function (t, key, value)
		state.edited = true;
		rawset(t, key, value);
	end);
end

local function start_is_whole(stanza)
	local state, attr = stanza[STATE], stanza.attr;
	if state.edited or stanza.name ~= (state.name or "message") or attr.to == nil
	or attr.from ~= state[1] or attr.id ~= state[2] or attr.type ~= state[3] then
		return false;
	elseif attr == state.guarded then
		return true;
	elseif state.text and attr.to ~= state.to then
		return false;
	end
	local expected = 4;
	for _ in next, attr do
		expected = expected - 1;
	end
	return expected == 0;
end

-- Returns whether a stanza is unchanged, except for `to` if it serves several recipients.
local function is_whole(stanza)
	local children_are_whole = stanza[STATE].children_are_whole;
	return start_is_whole(stanza) and (not children_are_whole or children_are_whole());
end

local function start_tag(stanza)
	local state, to = stanza[STATE], stanza.attr.to;
	if state.text then
		return match(state.text, "^[^>]*>");
	elseif to ~= state.to then
		state.to = to;
		state.tag = state.start..(find(to, "[&<>'\"]") and escape(to) or to).."'>";
	end
	return state.tag;
end

local function render(stanza)
	local state = stanza[STATE];
	return state.text or start_tag(stanza)..state.rest;
end

-- Returns false if a stanza has no such child and its children have not been built.
local function may_have(stanza, name, xmlns)
	local state = stanza[STATE];
	if state.children_are_whole then return true; end
	local message = state.message or state;
	local children = message.children;
	if not children then
		children = message.source:children(message[4]);
		message.children = children;
	end
	for at = 1, #children, 2 do
		if (not name or name == children[at]) and (not xmlns or xmlns == children[at + 1]) then return true; end
	end
	return false;
end

-- Overridden methods. Every method that finds a child by name uses the first; every method that edits children uses the
-- last two.
local own = {};
function own:get_child(name, xmlns)
	return may_have(self, name, xmlns) and stanza_mt.get_child(self, name, xmlns) or nil;
end
function own:get_child_with_attr(name, xmlns, ...)
	return self:get_child(name, xmlns) and stanza_mt.get_child_with_attr(self, name, xmlns, ...) or nil;
end
function own:top_tag()
	return start_is_whole(self) and start_tag(self) or stanza_mt.top_tag(self);
end
function own:add_direct_child(child)
	open(self);
	self[STATE].edited = true;
	return stanza_mt.add_direct_child(self, child);
end
function own:maptags(callback)
	open(self);
	self[STATE].edited = true;
	return stanza_mt.maptags(self, callback);
end

local rendered_mt = {
	__metatable = stanza_mt; -- so that is_stanza is true
	__name = stanza_mt.__name;
	__index = function (stanza, key)
		if key == "tags" or type(key) == "number" then
			if stanza[STATE].children_are_whole then return nil; end
			open(stanza);
			return rawget(stanza, key);
		end
		local method = own[key];
		if method then return method; end
		return stanza_mt[key];
	end;
	__newindex = function (stanza, key, value)
		open(stanza);
		if value ~= nil then stanza[STATE].edited = true; end
		rawset(stanza, key, value);
	end;
	__len = function (stanza)
		open(stanza);
		return rawlen(stanza);
	end;
	__pairs = function (stanza)
		open(stanza);
		return next_entry, stanza;
	end;
	__ipairs = function (stanza) -- COMPAT Lua 5.2, where ipairs ignores __index
		open(stanza);
		return next_child, stanza, 0;
	end;
	__tostring = function (stanza)
		if is_whole(stanza) then
			return render(stanza);
		end
		open(stanza);
		return stanza_mt.__tostring(stanza);
	end;
};

local function rendered(message, state)
	local attr = { from = message[1], id = message[2], type = message[3], to = message.text and message.to };
	return setmetatable({ name = message.name or "message", attr = attr, [STATE] = state }, rendered_mt);
end

-- Makes a stanza that is sent to one recipient after the other by changing its attribute `to`.
local function share(message)
	local state = {
		message[1], message[2], message[3], message[4];
		start = message.start; rest = message.rest; source = message.source; message = message;
	};
	local stanza = rendered(message, state);
	if not is_lazy then open(stanza); end
	-- New attributes set `edited`, so attributes need not be counted for each recipient.
	state.guarded = setmetatable(stanza.attr, {
		__newindex = function (attr, key, value)
			-- Prosody sets xmlns to nil on stanzas to other servers, whether they have one or not
			if key ~= "to" and value ~= nil then state.edited = true; end
			rawset(attr, key, value);
		end;
	});
	return stanza;
end

-- Returns whether two stanzas are equal.
local function same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then return a == b; end
	if a.name ~= b.name or #a ~= #b or #a.tags ~= #b.tags then return false; end
	for key, value in pairs(a.attr) do
		if b.attr[key] ~= value then return false; end
	end
	for key in pairs(b.attr) do
		if a.attr[key] == nil then return false; end
	end
	for at = 1, #a do
		if not same(a[at], b[at]) then return false; end
	end
	return true;
end

-- Edits that a module might make.
local edits = {
	{ "no edit", function () end };
	{ "a new child", function (stanza) stanza:tag("extra", { xmlns = "urn:x" }):text("<"):up(); end };
	{ "maptags", function (stanza) stanza:maptags(function (tag) return tag.name ~= "b" and tag or nil; end); end };
	{ "remove_children", function (stanza) stanza:remove_children("a", "urn:a"); end };
	{ "a new grandchild", function (stanza) stanza:get_child("a", "urn:a"):tag("c"); end };
	{ "a child's new attribute", function (stanza) stanza:get_child("a", "urn:a").attr.new = "&"; end };
	{ "a child's changed attribute", function (stanza) stanza:get_child("a", "urn:a").attr.old = "&"; end };
	{ "a child's changed text", function (stanza) stanza:get_child("b")[1] = "other"; end };
	{ "a child's new text", function (stanza) table.insert(stanza:get_child("b"), "more"); end };
	{ "table.remove", function (stanza) table.remove(stanza, 1); table.remove(stanza.tags, 1); end };
	{ "table.insert", function (stanza) table.insert(stanza, "text"); end };
	{ "the loss of its type", function (stanza) stanza.attr.type = nil; end };
	{ "a new namespace", function (stanza) stanza.attr.xmlns = "jabber:client"; end };
	{ "the loss of a namespace", function (stanza) stanza.attr.xmlns = nil; end };
	{ "the loss of its recipient", function (stanza) stanza.attr.to = nil; end };
	{ "new attributes", function (stanza) stanza.attr = { to = "other" }; end };
	{ "a new name", function (stanza) stanza.name = "presence"; end };
};

local unpack = table.unpack or unpack; -- luacheck: ignore 113/unpack

local function with_children(...)
	return { name = "list", attr = {}, tags = {}, ... };
end

-- Ways in which modules read a stanza.
local looks = {
	{ "the text", function (stanza) return parse(tostring(stanza)); end };
	{ "the start tag", function (stanza) return parse(stanza:top_tag():sub(1, -2).."/>"); end };
	{ "the clone", clone };
	{ "the stored form", function (stanza) return st.deserialize(st.preserialize(stanza)); end };
	{ "the length", function (stanza) return #stanza; end };
	{ "the list of children", function (stanza) return with_children(unpack(stanza)); end };
	{ "the list of children by ipairs", function (stanza)
		local list = with_children();
		for at, child in ipairs(stanza) do list[at] = child; end
		return list;
	end };
	{ "the list of entries by pairs", function (stanza)
		local entries = {};
		for key, value in pairs(stanza) do entries[key] = value; end
		return entries;
	end };
};

local original = st.stanza("message", { from = "a'b@c/d", id = "<", type = "headline" })
	:tag("a", { xmlns = "urn:a", old = "1", ["urn:p\1q"] = "<" })
		:tag("b"):text("&"):up():text("t"):tag("d", { xmlns = "" }):up():up()
	:tag("b"):text("'>"):up();
local original_start = "<message from='a&apos;b@c/d' id='&lt;' type='headline' to='";
local original_rest = tostring(original):match("^<[^>]*>(.*)$");

-- Makes a message as the core would, for several recipients or for `to`.
local function example(to)
	local message = { "a'b@c/d", "<", "headline", 1, source = {
		build = function () return clone(original); end;
		children = function () return { "a", "urn:a", "b", "" }; end;
	} };
	if to then
		message.to, message.text = to, original_start..escape(to).."'>"..original_rest;
	else
		message.start, message.rest = original_start, original_rest;
	end
	return message;
end

-- What a plain stanza becomes by an edit: itself, what its text says, and whether it is as it was.
local function edited_plain(to, edit)
	local message = example();
	local stanza = plain(message, to);
	stanza.attr.to = to;
	edit(stanza);
	return { stanza = stanza, text = parse(tostring(stanza)), is_whole = same(stanza, plain(message, to)) };
end

-- Returns whether a rendered stanza, edited and then read, equals a plain one. Each stanza is used once: children built
-- for one read must not serve the next.
local function is_like_plain(to, is_for_one, edit, look, expected)
	local message = example(is_for_one and to or nil);
	local stanza = is_for_one and rendered(message, message) or share(message);
	stanza.attr.to = to;
	edit(stanza);
	return st.is_stanza(stanza)
		and same(look(stanza), look(expected.stanza))
		and same(parse(tostring(stanza)), expected.text) -- reading changes nothing
		and is_whole(stanza) == expected.is_whole;
end

-- Returns what is wrong with rendered stanzas on this Prosody and this Lua, or nil if they work.
local function fault()
	-- Made once for all looks: the server waits while this goes on.
	local expected = {};
	local function expect(to, edit)
		local key = to..edit[1];
		expected[key] = expected[key] or edited_plain(to, edit[2]);
		return expected[key];
	end
	local function try(to, edit, look)
		for _, is_for_one in ipairs(is_lazy and { false, true } or { false }) do
			local ok, result = pcall(function ()
				return is_like_plain(to, is_for_one, edit[2], look[2], expect(to, edit));
			end);
			if not ok or not result then
				result = ok and "" or (" (%s)"):format(tostring(result));
				return ("after %s, %s is not that of a plain stanza%s"):format(edit[1], look[1], result);
			end
		end
	end
	for _, look in ipairs(looks) do
		local found = try("e@f/g", edits[1], look);
		if found then return found; end
		for _, edit in ipairs(edits) do
			found = try("e@f/<'\"&>", edit, look);
			if found then return found; end
		end
	end
end

-- Returns why stanzas can't be shared here, or nil if they can.
local function obstacle()
	is_lazy = true;
	if not fault() then return nil; end
	is_lazy = false;
	local found = fault();
	return found and ("on %s with this Prosody, %s"):format(_VERSION, found);
end

local found = obstacle();
local can_share = not found;

-- Returns the stanza of a message for a single recipient.
local function copy(message)
	if not can_share or not is_lazy then -- a rendered one saves nothing once its children are built
		return plain(message, message.to);
	end
	return rendered(message, message);
end

-- Returns a function that gives the stanza for a recipient; it must be sent before the next call. A recipient that is
-- not connected here gets a stanza of its own, which may be queued or stored.
local function copies(message)
	if not can_share then
		return function (to)
			return plain(message, to);
		end;
	end
	local shared;
	return function (to)
		local stanza = shared;
		if not full_sessions[to] then
			stanza = is_lazy and share(message) or plain(message, to);
		elseif not stanza or not is_whole(stanza) then
			stanza = share(message);
			shared = stanza;
		end
		stanza.attr.to = to;
		return stanza;
	end;
end

-- Adds a child to a message that is still to be sent, at its end.
local function add_child(message, child)
	local children = message.source:children(message[4]);
	table.insert(children, child.name);
	table.insert(children, child.attr.xmlns);
	message.children = children;
	local key = message.rest and "rest" or "text";
	message[key] = message[key]:gsub("</message>$", function (tag) return tostring(child)..tag; end);
end

local shared = { copy = copy, copies = copies, plain = plain, add_child = add_child, can_share = can_share };

-- `share_stanzas` allows sharing. If stanzas are not shared, `why_not` says why.
function shared.set_options(options)
	can_share = options.share_stanzas and not found;
	shared.can_share = can_share;
	shared.why_not = not options.share_stanzas and "mep_share_stanzas is false" or found or nil;
end

return shared;
