-- The core is found wherever the module may be installed. If it can't be used, the admin gets a sentence that says why.

local core = require "support.core";
local glue = require "support.glue";
local lua = require "support.lua";

local built = lua.build.."/module/mod_mep";
local running = lua.feature == "luajit" and "jit" or lua.version;
local in_tree = "lib/lua/"..lua.version;

local function read(path)
	local file = assert(io.open(path, "rb"));
	local content = file:read("*a");
	file:close();
	return content;
end

local function write(path, content)
	os.remove(path); -- a mapped file must not change
	local file = assert(io.open(path, "wb"));
	assert(file:write(content));
	file:close();
end

describe("The core", function ()
	local dir, folder, cpath, fake_module;

	before_each(function ()
		dir = os.tmpname();
		assert(os.remove(dir));
		folder = dir.."/modules/mod_mep";
		os.execute(("mkdir -p '%s/modules' '%s/tree/%s' && cp -r '%s' '%s'"):format(dir, dir, in_tree, built, folder));
		fake_module = glue.new_module();
		-- Busted has the built core on its path, and package.loaded may hold it already
		cpath, package.cpath = package.cpath, dir.."/none/?.so";
		package.loaded.mep_core = nil;
	end);

	after_each(function ()
		package.cpath = cpath;
		package.loaded.mep_core, package.preload.mep_core = nil, nil;
		os.execute("chmod -R u+rwX '"..dir.."'; rm -r '"..dir.."'");
	end);

	local function start(paths)
		return glue.load("core", fake_module, { folder = folder, paths = paths or {} });
	end

	local function load(paths)
		return start(paths).load();
	end

	local function move_core(to)
		assert(os.rename(folder.."/mep_core.so", to));
	end

	-- Replaces `pattern` in build.lib.lua.
	local function restamp(pattern, replacement)
		local path = folder.."/build.lib.lua";
		local text, count = read(path):gsub(pattern, replacement);
		assert(count > 0);
		write(path, text);
	end

	local function assert_is_core(found, err)
		assert.is_nil(err);
		assert.equal(core.lib.build, found.build);
		assert.is_function(found.new);
	end

	local function assert_refused(expected, paths)
		local found, err = load(paths);
		assert.is_nil(found);
		assert.match(expected, err, 1, true);
	end

	describe("is found", function ()
		it("beside the module's own source", function ()
			assert_is_core(load());
			assert.same({}, fake_module.logged);
		end);

		it("in the tree of Prosody's installer", function ()
			move_core(dir.."/tree/"..in_tree.."/mep_core.so");
			assert_is_core(load({ installer = dir.."/tree" }));
		end);

		it("in the tree of luarocks that the module is in", function ()
			move_core(dir.."/tree/"..in_tree.."/mep_core.so");
			local share = dir.."/tree/"..in_tree:gsub("^lib", "share");
			assert(os.execute(("mkdir -p '%s' && mv '%s' '%s'"):format(share, folder, share)));
			folder = share.."/mod_mep";
			assert_is_core(load());
		end);

		it("by require", function ()
			move_core(dir.."/mep_core.so");
			package.cpath = dir.."/?.so";
			assert_is_core(load({ installer = dir.."/tree" }));
		end);

		it("beside the module rather than elsewhere", function ()
			write(dir.."/tree/"..in_tree.."/mep_core.so", "no library");
			package.preload.mep_core = function () return { version = "another" }; end;
			assert_is_core(load({ installer = dir.."/tree" }));
		end);

		it("in the next place if the first one's can't be used", function ()
			write(dir.."/tree/"..in_tree.."/mep_core.so", read(folder.."/mep_core.so"));
			write(folder.."/mep_core.so", "no library");
			assert_is_core(load({ installer = dir.."/tree" }));
		end);
	end);

	describe("is refused", function ()
		it("if it is nowhere, with all places", function ()
			assert(os.remove(folder.."/mep_core.so"));
			local found, err = load({ installer = dir.."/tree" });
			assert.is_nil(found);
			for _, place in ipairs({ folder, dir.."/tree/"..in_tree, dir.."/none" }) do
				assert.match(place.."/mep_core.so", err, 1, true);
			end
		end);

		-- The system would map the missing part and crash this process.
		it("if it was copied only in part, before the system maps it", function ()
			local content = read(folder.."/mep_core.so");
			for _, share in ipairs({ 0, 0.1, 0.5, 0.9, 0.9999 }) do
				write(folder.."/mep_core.so", content:sub(1, math.floor(#content * share)));
				assert_refused(folder.."/mep_core.so does not match this build: it was copied only partly");
			end
		end);

		it("if it is for another Lua, with the one to build it for", function ()
			local other = running == "5.3" and "5.2" or "5.3";
			restamp('lua = "[^"]*"', 'lua = "'..other..'"');
			assert_refused(("built for Lua %s, but this Prosody runs on %s: build it with `make module LUA=%s`")
				:format(other, running == "jit" and "LuaJIT" or "Lua "..running, running == "jit" and "luajit" or "lua"..running));
		end);

		it("if the one in memory is of another build", function ()
			restamp('build = "[^"]*"', 'build = "0123456789abcdef"');
			assert_refused(("the core of another build (%s) is in memory; restart Prosody"):format(core.lib.version));
		end);

		it("if a file of the module is missing", function ()
			assert(os.remove(folder.."/effects.lib.lua"));
			assert_refused(folder.."/effects.lib.lua is missing");
		end);

		it("if a file of the module can't be read", function ()
			-- A folder can't be read as a file, not even by root
			assert(os.remove(folder.."/effects.lib.lua"));
			assert(os.execute("mkdir '"..folder.."/effects.lib.lua'"));
			assert_refused("the user that Prosody runs as must be able to read it");
			assert_refused(folder.."/effects.lib.lua: ");
		end);

		it("if the stamp is missing, or cut short", function ()
			local stamp = read(folder.."/build.lib.lua");
			write(folder.."/build.lib.lua", stamp:sub(1, math.floor(#stamp / 2)));
			assert_refused("build.lib.lua, which `make module` makes, can't be read: ");
			write(folder.."/build.lib.lua", "");
			assert_refused("build.lib.lua, which `make module` makes, can't be read: it is incomplete");
			assert(os.remove(folder.."/build.lib.lua"));
			assert_refused("build.lib.lua, which `make module` makes, can't be read: ");
		end);
	end);

	it("starts with a Lua file that an admin has changed, and names it", function ()
		write(folder.."/effects.lib.lua", read(folder.."/effects.lib.lua").."\n-- changed\n");
		assert_is_core(load());
		assert.equal(1, #fake_module.logged);
		assert.equal("warn", fake_module.logged[1].level);
		assert.match(folder.."/effects.lib.lua does not match this build", fake_module.logged[1].text, 1, true);
	end);

	describe("lets what is installed take over", function ()
		local loaded;
		before_each(function ()
			loaded = start();
			assert(loaded.load());
		end);

		local function assert_obstacle(expected)
			assert.match(expected, loaded.obstacle_to_reload(), 1, true);
		end

		it("if it is the same build", function ()
			assert.is_nil(loaded.obstacle_to_reload());
		end);

		it("if only Lua files are new", function ()
			write(folder.."/effects.lib.lua", read(folder.."/effects.lib.lua").."\n-- mended\n");
			assert(os.execute("packaging/stamp.sh '"..folder.."'"));
			assert.is_nil(loaded.obstacle_to_reload());
		end);

		it("but not another build of the core", function ()
			restamp('build = "[^"]*"', 'build = "0123456789abcdef"');
			restamp('version = "[^"]*"', 'version = "9.9.9"');
			assert_obstacle(("mod_mep 9.9.9 (build 0123456789abcdef) is installed, but %s (build %s) is running, and a reload "
				.."can't replace its core; restart Prosody"):format(core.lib.version, core.lib.build));
		end);

		it("but not what is missing, cut short or changed", function ()
			for _, name in ipairs({ "mod_mep.lua", "effects.lib.lua", "mep_core.so" }) do
				local content = read(folder.."/"..name);
				write(folder.."/"..name, content:sub(1, math.floor(#content / 2)));
				assert_obstacle(name.." does not match this build");
				assert(os.remove(folder.."/"..name));
				assert_obstacle(name.." is missing");
				write(folder.."/"..name, content);
			end
			assert(os.remove(folder.."/build.lib.lua"));
			assert_obstacle("build.lib.lua can't be read: ");
		end);
	end);
end);
