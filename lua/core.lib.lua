-- Finds and loads the core, the shared object that holds the logic.

local paths = prosody.paths;

local name = "mep_core";

-- COMPAT Prosody's installer puts its tree on package.path alone (0.12 and 13.0), so the core is looked for by path
local function candidates()
	local found = {};
	local own = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$");
	if own then
		table.insert(found, own.."/"..name..".so");
	end
	if paths.installer then
		local version = _VERSION:match("%d+%.%d+");
		table.insert(found, paths.installer.."/lib/lua/"..version.."/"..name..".so");
	end
	return found;
end

local function load()
	local tried = {};
	for _, path in ipairs(candidates()) do
		local open, err = package.loadlib(path, "luaopen_"..name);
		if open then
			return open(name, path);
		end
		table.insert(tried, tostring(err));
	end
	local ok, core = pcall(require, name);
	if ok then
		return core;
	end
	table.insert(tried, tostring(core));
	return nil, table.concat(tried, "\n");
end

return { load = load };
