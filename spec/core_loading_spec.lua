-- The core is found wherever the module may have been installed, and where it is not, what was tried is told.

local core = require "support.core";
local glue = require "support.glue";

local so = "target/module/mod_mep/mep_core.so";

describe("The core", function ()
	local dir, cpath;

	local function copy(from, to)
		local source, target = assert(io.open(from, "rb")), assert(io.open(to, "wb"));
		assert(target:write(source:read("a")));
		source:close();
		target:close();
	end

	before_each(function ()
		dir = os.tmpname();
		assert(os.remove(dir));
		assert(os.execute("mkdir -p '"..dir.."/module' '"..dir.."/tree/lib/lua/5.4'"));
		copy("lua/core.lib.lua", dir.."/module/core.lib.lua");
		-- Busted has the built core on its path, and what was loaded once is not looked for again
		cpath, package.cpath = package.cpath, dir.."/none/?.so";
		package.loaded.mep_core = nil;
	end);

	after_each(function ()
		package.cpath = cpath;
		package.loaded.mep_core, package.preload.mep_core = nil, nil;
		os.execute("rm -r '"..dir.."'");
	end);

	local function load(paths)
		local glue_side = glue.run(dir.."/module/core.lib.lua", { prosody = { paths = paths or {} } });
		return glue_side.load();
	end

	local function assert_is_core(found, err)
		assert.is_nil(err);
		assert.equal(core.lib.version, found.version);
		assert.is_function(found.new);
	end

	it("is found beside the module's own source", function ()
		copy(so, dir.."/module/mep_core.so");
		assert_is_core(load());
	end);

	it("is found in the tree of Prosody's installer", function ()
		copy(so, dir.."/tree/lib/lua/5.4/mep_core.so");
		assert_is_core(load({ installer = dir.."/tree" }));
	end);

	it("is found by require", function ()
		copy(so, dir.."/mep_core.so");
		package.cpath = dir.."/?.so";
		assert_is_core(load({ installer = dir.."/tree" }));
	end);

	it("beside the module goes before others", function ()
		copy(so, dir.."/module/mep_core.so");
		for _, path in ipairs({ dir.."/tree/lib/lua/5.4/mep_core.so", dir.."/mep_core.so" }) do
			local file = assert(io.open(path, "w"));
			file:write("no library");
			file:close();
		end
		package.preload.mep_core = function () return { version = "another" }; end;
		assert_is_core(load({ installer = dir.."/tree" }));
	end);

	it("in the installer's tree goes before what require finds", function ()
		copy(so, dir.."/tree/lib/lua/5.4/mep_core.so");
		package.preload.mep_core = function () return { version = "another" }; end;
		assert_is_core(load({ installer = dir.."/tree" }));
	end);

	it("that can't be loaded from one place is taken from the next", function ()
		local file = assert(io.open(dir.."/module/mep_core.so", "w"));
		file:write("no library");
		file:close();
		copy(so, dir.."/tree/lib/lua/5.4/mep_core.so");
		assert_is_core(load({ installer = dir.."/tree" }));
	end);

	it("that is nowhere is told of, with all places", function ()
		local found, err = load({ installer = dir.."/tree" });
		assert.is_nil(found);
		local places = { "/module/mep_core.so", "/tree/lib/lua/5.4/mep_core.so", "/none/mep_core.so" };
		for _, place in ipairs(places) do
			assert.match(dir..place, err, 1, true);
		end
	end);

	it("that is nowhere is told of without an installer too", function ()
		local found, err = load();
		assert.is_nil(found);
		assert.match(dir.."/module/mep_core.so", err, 1, true);
		assert.not_match("/lib/lua/5.4", err:gsub("/usr[^\n]*", ""), 1, true);
	end);

	it("that is broken is told of, with what is wrong", function ()
		local file = assert(io.open(dir.."/module/mep_core.so", "w"));
		file:write("no library");
		file:close();
		local _, err = load();
		assert.match("/module/mep_core.so: [^\n]+", err);
		package.preload.mep_core = function () error("made for another Lua"); end;
		_, err = load();
		assert.match("made for another Lua", err, 1, true);
	end);
end);
