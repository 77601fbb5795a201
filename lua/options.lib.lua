-- Reads the options from the configuration. The core validates them: src/settings/.

local getconfig = require "core.configmanager".getconfig;

-- Returns all values that this host or the global section sets under names that begin with `prefix`.
local function all_set(prefix)
	local config, set = getconfig(), {};
	for _, section in ipairs({ "*", module.host }) do
		for name in pairs(rawget(config, section) or {}) do
			if name:sub(1, #prefix) == prefix then
				set[name] = module:get_option(name);
			end
		end
	end
	return set;
end

-- Returns the configured values, as the core takes them, and the options that the glue needs itself. Logs a warning for
-- each wrong value.
local function read(core_lib)
	local set = all_set(core_lib.option_prefix);
	local own, problems = core_lib.read_options(set);
	for _, problem in ipairs(problems) do
		module:log("warn", "%s", problem);
	end
	return set, own;
end

return { read = read };
