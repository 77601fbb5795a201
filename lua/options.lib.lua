-- The options, as the configuration has them now. What each may be is for the core to say: src/options/table.rs.

local getconfig = require "core.configmanager".getconfig;

-- The values of all that is set for this host, or for all hosts, under a name that could be an option of this module.
local function all_set()
	local config, set = getconfig(), {};
	for _, section in ipairs({ "*", module.host }) do
		for name in pairs(rawget(config, section) or {}) do
			if name:find("^mep_") then
				set[name] = module:get_option(name);
			end
		end
	end
	return set;
end

-- Returns what is set, as the core takes it, and the options that the glue acts on itself. What is wrong goes to the
-- log.
local function read(core_lib)
	local set = all_set();
	local own, problems = core_lib.read_options(set);
	for _, problem in ipairs(problems) do
		module:log("warn", "%s", problem);
	end
	return set, own;
end

return { read = read };
