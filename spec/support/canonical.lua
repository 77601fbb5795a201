-- A stanza's meaning, for comparing: full namespaces, adjacent texts joined.

-- As in XML, an element that names no namespace has the `inherited` one.
local function canonical(stanza, inherited)
	local ns = stanza.attr.xmlns or inherited;
	local result = { name = stanza.name, ns = ns, attr = {} };
	for key, value in pairs(stanza.attr) do
		if key ~= "xmlns" then
			result.attr[key] = value;
		end
	end
	for _, child in ipairs(stanza) do
		local last = #result;
		if type(child) == "table" then
			table.insert(result, canonical(child, ns));
		elseif type(result[last]) == "string" then
			result[last] = result[last]..child;
		else
			table.insert(result, child);
		end
	end
	return result;
end

return canonical;
