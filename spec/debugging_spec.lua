-- The core explains deliveries only while a log takes lines at `debug`.

local glue = require "support.glue";

describe("Lines at debug", function ()
	local module, is_logged, told, debugging;

	before_each(function ()
		module = glue.new_module();
		told, is_logged = {}, false;
		local log = module.log;
		-- Like Prosody, formats only lines that a log takes.
		function module:log(...)
			if is_logged then log(self, ...); end
		end
		debugging = glue.load("debugging", module).new(function (is_read) table.insert(told, is_read); end);
	end);

	it("are logged if a log takes them, and the core is told when that changes", function ()
		debugging.note("den@rooms/alice", "joins");
		assert.same({}, told);
		is_logged = true;
		debugging.note("den@rooms/alice", "joins");
		debugging.note("den@rooms/bob", "joins");
		assert.same({ true }, told);
		assert.same({
			{ level = "debug", text = "den@rooms/alice joins" },
			{ level = "debug", text = "den@rooms/bob joins" },
		}, module.logged);
		is_logged = false;
		debugging.note("den@rooms/alice", "joins");
		assert.same({ true, false }, told);
	end);

	it("are announced to a new core again", function ()
		is_logged = true;
		debugging.note("a", "b");
		debugging.reset();
		debugging.note("a", "b");
		assert.same({ true, true }, told);
	end);
end);
