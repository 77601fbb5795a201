-- Random payloads, the same for the same seed.

local unicode = require "support.lua".unicode;

local names = { "a", "b", "größe", "x-1.y_2", "日本", "xmlns1", "name", "attr", "tags" };
local namespaces = { "urn:a", "urn:b", "", "jabber:client", "http://jabber.org/protocol/pubsub", "urn:größe" };
local attributes = { "b", "né", "xml:lang", "xml:space", "urn:p\1b", "urn:q\1b", "name", "type", "id", "last_add" };
local texts = { "", " ", "text", "\n\t", "<&>\"'", unicode "1F469 200D 1F4BB", ("long "):rep(50), "1" };

local function one_of(list)
	return list[math.random(#list)];
end

-- Adds an element to `parent`, with children down to `depth` levels.
local function grow(parent, depth, xmlns)
	local attr = { xmlns = xmlns };
	for _ = 1, math.random(0, 3) do
		attr[one_of(attributes)] = one_of(texts);
	end
	parent:tag(one_of(names), attr);
	for _ = 1, depth > 1 and math.random(0, 4) or 0 do
		if math.random(3) == 1 then
			parent:text(one_of(texts));
		else
			grow(parent, depth - 1, math.random(3) == 1 and one_of(namespaces) or nil);
		end
	end
	return parent:up();
end

return { grow = grow };
