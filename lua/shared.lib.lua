-- One stanza for many recipients: its inside is rendered once, and each copy of it costs a start tag.
--
-- It goes the way of every stanza, through module:send. Whoever it meets there sees an ordinary stanza, may look at
-- it, clone it and edit it: as long as all of it is as it was, tostring puts a start tag before the rendered inside,
-- and else it renders what there is. What somebody has edited goes to nobody else.
--
-- The children are made when somebody looks at them. Nobody does where a message just passes through, and then it
-- need not be looked at whether they were edited.

local st = require "util.stanza";
local parse = require "util.xml".parse;

local stanza_mt, clone, escape = st.stanza_mt, st.clone, st.xml_escape;
local find, rawset, tostring, type = string.find, rawset, tostring, type;

local full_sessions = prosody.full_sessions;

-- A clone for one recipient, as plain as it gets.
local function plain(original, to)
	local stanza = clone(original);
	stanza.attr.to = to;
	return stanza;
end

-- What comes behind the start tag.
local function render_inside(original)
	local whole = clone(original);
	local xmlns = whole.attr.xmlns;
	whole.attr = { xmlns = xmlns };
	return tostring(whole):match("^<[^>]*>(.*)$");
end

-- What comes in the start tag before the value of the attribute `to`.
local function render_start(original)
	local top = clone(original, true);
	top.attr.to = nil;
	return tostring(top):sub(1, -3).." to='";
end

-- Notes what is in a stanza: a check whether it still is so. New attributes call `on_edit` by themselves.
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

-- A stanza that stands for copies of `original`, to be sent to one after the other by changing its attribute `to`;
-- and a function that tells whether it may go to another one.
local function share(original)
	local before_to, inside = render_start(original), render_inside(original);
	local stanza = clone(original, true);
	local name, attr = stanza.name, stanza.attr;
	stanza.tags = nil;
	attr.to = nil;
	local fixed, values = {}, {};
	for key, value in pairs(attr) do
		table.insert(fixed, key);
		table.insert(values, value);
	end
	local n_fixed = #fixed;

	local edited = false;
	local function note_edit(t, key, value)
		edited = true;
		rawset(t, key, value);
	end

	local children_are_whole;
	local function open()
		if children_are_whole then return; end
		function children_are_whole() return true; end -- what follows asks for children, too
		local copy = clone(original);
		for at, child in ipairs(copy) do rawset(stanza, at, child); end
		rawset(stanza, "tags", copy.tags);
		children_are_whole = watch(stanza, note_edit);
	end

	local function start_is_whole()
		if edited or stanza.name ~= name or stanza.attr ~= attr then return false; end
		for i = 1, n_fixed do
			if attr[fixed[i]] ~= values[i] then return false; end
		end
		return attr.to ~= nil;
	end

	local function is_whole()
		return start_is_whole() and (not children_are_whole or children_are_whole());
	end

	local last_to, start;
	local function start_tag()
		local to = attr.to;
		if to ~= last_to then
			last_to = to;
			start = before_to..(find(to, "[&<>'\"]") and escape(to) or to).."'>";
		end
		return start;
	end

	-- Methods of stanzas that are others here. All that edits the children is built on the two that do.
	local own = {};
	function own:top_tag()
		return start_is_whole() and start_tag() or stanza_mt.top_tag(self);
	end
	function own:add_direct_child(child)
		open();
		edited = true;
		return stanza_mt.add_direct_child(self, child);
	end
	function own:maptags(callback)
		open();
		edited = true;
		return stanza_mt.maptags(self, callback);
	end
	setmetatable(own, {
		__index = function (_, key)
			if key == "tags" or type(key) == "number" then
				if children_are_whole then return nil; end
				open();
				return rawget(stanza, key);
			end
			return stanza_mt[key];
		end;
	});

	setmetatable(attr, {
		__newindex = function (t, key, value)
			if key ~= "to" then edited = true; end
			rawset(t, key, value);
		end;
	});
	setmetatable(stanza, {
		__metatable = stanza_mt; -- to whoever asks, this is a stanza
		__name = stanza_mt.__name;
		__index = own;
		__newindex = function (t, key, value)
			open();
			if value ~= nil then edited = true; end
			rawset(t, key, value);
		end;
		__len = function (t)
			open();
			return rawlen(t);
		end;
		__tostring = function (t)
			if is_whole() then
				return start_tag()..inside;
			end
			open();
			return stanza_mt.__tostring(t);
		end;
	});
	return stanza, is_whole;
end

-- Whether two stanzas say the same.
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

-- What might be done to a stanza on its way.
local edits = {
	function () end;
	function (stanza) stanza:tag("extra", { xmlns = "urn:x" }):text("<"):up(); end;
	function (stanza) stanza:maptags(function (tag) return tag.name ~= "b" and tag or nil; end); end;
	function (stanza) stanza:remove_children("a", "urn:a"); end;
	function (stanza) stanza:get_child("a", "urn:a"):tag("c"); end;
	function (stanza) stanza:get_child("a", "urn:a").attr.new = "&"; end;
	function (stanza) stanza:get_child("a", "urn:a").attr.old = "&"; end;
	function (stanza) stanza:get_child("b")[1] = "other"; end;
	function (stanza) table.insert(stanza:get_child("b"), "more"); end;
	function (stanza) table.remove(stanza, 1); table.remove(stanza.tags, 1); end;
	function (stanza) table.insert(stanza, "text"); end;
	function (stanza) stanza.attr.type = nil; end;
	function (stanza) stanza.attr.xmlns = "jabber:client"; end;
	function (stanza) stanza.attr.to = nil; end;
	function (stanza) stanza.attr = { to = "other" }; end;
	function (stanza) stanza.name = "presence"; end;
};

-- Whether a shared stanza does here, with the stanzas of this Prosody and the tables of this Lua, what a plain one
-- does.
local function works_here()
	local original = st.stanza("message", { from = "a'b@c/d", type = "headline", ["urn:p\1q"] = "<" })
		:tag("a", { xmlns = "urn:a", old = "1" }):tag("b"):text("&"):up():text("t"):tag("d", { xmlns = "" }):up():up()
		:tag("b"):text("'>"):up();
	for _, to in ipairs({ "e@f/g", "e@f/<'\"&>" }) do
		for _, edit in ipairs(edits) do
			local stanza, is_whole = share(original);
			local expected = plain(original, to);
			stanza.attr.to = to;
			edit(stanza);
			edit(expected);
			local text = tostring(expected);
			if not st.is_stanza(stanza)
			or not same(parse(tostring(stanza)), parse(text))
			or not same(parse(stanza:top_tag():sub(1, -2).."/>"), parse(expected:top_tag():sub(1, -2).."/>"))
			or not same(clone(stanza), expected)
			or not same(st.deserialize(st.preserialize(stanza)), expected)
			or not same(parse(tostring(stanza)), parse(text)) -- looked at from all sides, it still is the same
			or is_whole() ~= same(expected, plain(original, to)) then
				return false;
			end
		end
	end
	return true;
end

local wanted = module:get_option_boolean("mep_share_stanzas", true);
local ok, result = pcall(works_here);
local can_share = wanted and ok and result;
if wanted and not can_share then
	module:log("info", "Messages are rendered for each recipient: stanzas can't be shared here (%s)", result);
end

-- The copies of a message: a function that gives the one for a recipient, to be sent before the next is asked for.
-- Whoever is not connected here gets a plain one: it may be queued or stored.
local function copies(original)
	local stanza, is_whole;
	return function (to)
		if not can_share or not full_sessions[to] then
			return plain(original, to);
		end
		if not stanza or not is_whole() then
			stanza, is_whole = share(original);
		end
		stanza.attr.to = to;
		return stanza;
	end;
end

return { copies = copies, can_share = can_share };
