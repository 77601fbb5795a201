-- Finds and loads the core, the shared object with the protocol logic, and checks that all files are of one build.
--
-- A core of another build would misunderstand calls. A partly copied core is worse: the system maps pages that the file
-- doesn't have, and kills the server. So each file is compared with its digest in build.lib.lua before it is used.

local sha256 = require "util.hashes".sha256;

local paths = prosody.paths;

local file_name = "mep_core.so";
local open_function = "luaopen_mep_core";

local own_dir = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or ".";

-- Returns build.lib.lua as it is on disk now, or nil and an error if it can't be read.
local function installed_build()
	local ok, result = pcall(module.require, module, "build");
	if ok and type(result) == "table" and type(result.files) == "table" then
		return result;
	end
	return nil, ok and "it is incomplete" or tostring(result);
end

local build, no_build = installed_build();

-- Returns nil, an error and whether the file is missing, if it can't be read.
local function digest_of(path)
	local file, err, code = io.open(path, "rb");
	if not file then return nil, err, code == 2; end
	local content;
	content, err = file:read("*a");
	file:close();
	if not content then return nil, path..": "..tostring(err); end
	return sha256(content, true);
end

-- Returns a sentence on what is wrong with a file of a build and whether the file merely differs, or nil if it is fine.
local function problem_with(path, expected)
	local digest, err, is_missing = digest_of(path);
	if is_missing then
		return path.." is missing";
	elseif not digest then
		return ("%s; the user that Prosody runs as must be able to read it"):format(err);
	elseif digest ~= expected then
		return ("%s does not match this build: it was copied only partly, or changed"):format(path), true;
	end
end

-- Calls `f(path, digest)` for each Lua file of a build, sorted by name.
local function each_lua_file(of, f)
	local names = {};
	for name in pairs(of.files) do
		if name ~= file_name then table.insert(names, name); end
	end
	table.sort(names);
	for _, name in ipairs(names) do
		f(own_dir.."/"..name, of.files[name]);
	end
end

local function running_lua()
	return rawget(_G, "jit") and "jit" or _VERSION:match("%d+%.%d+");
end

local function lua_called(name)
	return name == "jit" and "LuaJIT" or "Lua "..name;
end

-- LuaJIT and Lua 5.1 load each other's builds.
local function family(name)
	return name == "jit" and "5.1" or name;
end

-- COMPAT Prosody's installer adds its tree to package.path only (0.12 and 13.0), so `require` finds no core there
local function candidates()
	local found = {};
	local function add(folder)
		table.insert(found, folder.."/"..file_name);
	end
	add(own_dir);
	local tree, version = own_dir:match("^(.*)/share/lua/([%d.]+)/mod_mep$"); -- a LuaRocks tree
	if tree then add(tree.."/lib/lua/"..version); end
	if paths.installer then
		add(paths.installer.."/lib/lua/".._VERSION:match("%d+%.%d+"));
	end
	return found;
end

-- The path that the core was loaded from.
local loaded_from;

local function load_from(path)
	local problem, is_other = problem_with(path, build.files[file_name]);
	if problem then
		return nil, problem..(is_other and "; install the module again" or "");
	end
	local open, err = package.loadlib(path, open_function);
	if not open then
		return nil, ("the system refuses to load %s, which may have been built for another system: %s"):format(path, err);
	end
	return open("mep_core", path);
end

-- Loads the core. Returns its exports, or nil and a sentence for the admin.
local function load()
	if not build then
		return nil, "build.lib.lua, which `make module` makes, can't be read: "..no_build;
	end
	local lua = running_lua();
	if family(build.lua) ~= family(lua) then
		return nil, ("it was built for %s, but this Prosody runs on %s: build it with `make module LUA=%s`")
			:format(lua_called(build.lua), lua_called(lua), lua == "jit" and "luajit" or "lua"..lua);
	end
	local unusable;
	each_lua_file(build, function (path, expected)
		local problem, is_other = problem_with(path, expected);
		if is_other then
			module:log("warn", "%s", problem);
		else
			unusable = unusable or problem;
		end
	end);
	if unusable then return nil, unusable; end

	local tried = {};
	local function checked(core, path)
		if core.build ~= build.build then
			return nil, ("the core of another build (%s) is in memory; restart Prosody"):format(tostring(core.version));
		end
		loaded_from = path;
		return core;
	end
	for _, path in ipairs(candidates()) do
		local core, problem = load_from(path);
		if core then return checked(core, path); end
		table.insert(tried, problem);
	end
	local ok, core = pcall(require, "mep_core");
	if ok then return checked(core); end
	table.insert(tried, tostring(core));
	return nil, "its core could not be loaded:\n"..table.concat(tried, "\n");
end

-- Returns a sentence on why the installed files can't replace the running module, or nil if they can.
local function obstacle_to_reload()
	local installed, err = installed_build();
	if not installed then
		return "build.lib.lua can't be read: "..err;
	elseif installed.build ~= build.build then
		return ("mod_mep %s (build %s) is installed, but %s (build %s) is running, and a reload can't replace its core; "
			.."restart Prosody"):format(installed.version, installed.build, build.version, build.build);
	end
	local problem = loaded_from and problem_with(loaded_from, installed.files[file_name]);
	each_lua_file(installed, function (path, expected)
		problem = problem or problem_with(path, expected);
	end);
	return problem and problem.."; install the module again, or restart Prosody if that is on purpose";
end

return {
	build = build;
	load = load;
	obstacle_to_reload = obstacle_to_reload;
};
