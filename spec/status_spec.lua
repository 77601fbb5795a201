-- Every number that the core counts is a metric and a line of the report, and there are no others.

local core = require "support.core";
local glue = require "support.glue";
local st = require "support.prosody".load().st;

describe("The statistics", function ()
	local module, status, host;
	local failures = { core = 1, read = 2, write = 3 };

	before_each(function ()
		module = glue.new_module();
		status = glue.load("status", module);
		host = core.new_room(st).host;
	end);

	local function kinds_of(metrics)
		local kinds = {};
		for name, metric in pairs(metrics) do kinds[name] = metric.kind; end
		return kinds;
	end

	it("have the names that the core gives them, and are gauges or counters as there", function ()
		local expected = { storage_failures = "counter", core_failures = "counter" };
		for name in pairs(host:counts()) do expected[name] = "gauge"; end
		for name in pairs(host:counters()) do expected[name] = "counter"; end
		assert.same(expected, kinds_of(module.metrics));
	end);

	it("are measured, each with its labels", function ()
		status.measure(host, failures);
		for name, count in pairs(status.of(host, failures)) do
			local metric = module.metrics[name];
			assert.equal(type(count) == "table", metric.has_label, name);
			assert.same(type(count) == "table" and count or { [""] = count }, metric.values, name);
		end
		assert.same({ read = 2, write = 3 }, module.metrics.storage_failures.values);
		assert.same({ [""] = 1 }, module.metrics.core_failures.values);
		assert.equal(0, module.metrics.refusals.values["bad-request"]);
	end);

	it("are a line of text each", function ()
		local lines = table.concat(status.lines(status.of(host, failures)), "\n");
		for name in pairs(module.metrics) do
			assert.matches("\n?  "..name.." +%d+  %S", lines);
		end
		assert.matches("  storage_failures +5  [^\n]*: write 3, read 2", lines);
	end);
end);
