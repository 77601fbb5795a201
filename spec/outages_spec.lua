-- A storage outage is logged once when it begins and once when it ends, with longer and longer waits in between.

local glue = require "support.glue";

describe("Storage that fails", function ()
	local module, outages, watch;

	before_each(function ()
		module = glue.new_module();
		outages, watch = glue.new_outages(module);
	end);

	local function fail(name, is_write, problem)
		outages.failed(name, is_write, "could not do it for "..name, problem or "the disk is full");
	end

	-- The lines that an admin reads, without debug.
	local function lines()
		local list = {};
		for _, line in ipairs(module.logged) do
			if line.level ~= "debug" then table.insert(list, line.level..": "..line.text:match("^[^;,]*")); end
		end
		return list;
	end

	it("is tried again at once, and then after longer and longer, up to a minute", function ()
		local waits = {};
		for at = 1, 9 do
			fail("a", true);
			local from = watch.time;
			while outages.rests("a", true) do watch.time = watch.time + 1; end
			waits[at] = watch.time - from;
		end
		assert.same({ 0, 1, 2, 4, 8, 16, 32, 60, 60 }, waits);
		outages.worked("a", true);
		assert.is_false(outages.rests("a", true));
		fail("a", true);
		assert.is_false(outages.rests("a", true), "it begins anew");
	end);

	it("rests for what failed, and for nothing else", function ()
		fail("a", true);
		fail("a", true);
		assert.is_true(outages.rests("a", true));
		assert.is_false(outages.rests("a", false));
		assert.is_false(outages.rests("b", true));
	end);

	it("is one line for all that fails with it, and one when it is over", function ()
		for _ = 1, 3 do
			for _, name in ipairs({ "a", "b", "c" }) do
				fail(name, true);
				fail(name, false);
			end
		end
		assert.same({ "error: Storage fails: could not do it for a: the disk is full" }, lines());
		watch.time = watch.time + 5;
		for _, name in ipairs({ "a", "b", "c" }) do
			outages.worked(name, false);
		end
		assert.equal(1, #lines(), "what can be read is not written");
		for _, name in ipairs({ "a", "b", "c" }) do
			outages.worked(name, true);
		end
		assert.equal("info: Storage works again", lines()[2]);
		assert.equal(2, #lines());
		assert.matches("after 5 seconds and 18 failures", module.logged[#module.logged].text);
		assert.same({ read = 9, write = 9 }, watch.failures);
	end);

	it("in one place, while it works in others, is a line for each such place", function ()
		fail("a", true, "no such file");
		outages.worked("b", true);
		watch.time = watch.time + 1;
		fail("c", true, "no such disk");
		fail("a", true, "no such file");
		fail("c", true, "no such disk");
		assert.same({
			"error: Storage fails: could not do it for a: no such file",
			"error: Storage fails: could not do it for c: no such disk",
		}, lines());
		assert.equal("could not do it for a: no such file", outages.current());
		outages.worked("a", true);
		assert.equal("could not do it for c: no such disk", outages.current());
		outages.worked("c", true);
		assert.is_nil(outages.current());
		assert.equal(4, #lines());
	end);

	it("again after it worked is said again", function ()
		for _ = 1, 2 do
			fail("a", false);
			outages.worked("a", false);
		end
		assert.equal(4, #lines());
		assert.equal(4, watch.changes);
	end);
end);
