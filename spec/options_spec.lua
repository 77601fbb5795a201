-- Options are read, wrong values are named in the log, and the README lists all options.

local core = require "support.core";
local glue = require "support.glue";

-- The rows of the README's table, by name: default and description.
local function read_readme()
	local rows = {};
	for line in io.lines("README.md") do
		local name, default, text = line:match("^| `(mep_[a-z_]+)` | (.-) | (.+) |$");
		if name then rows[name] = { default = default, text = text }; end
	end
	return rows;
end

describe("The options", function ()
	-- Returns the configured values, the options for the glue, and the module that read them.
	local function read(here, everywhere)
		local module = glue.new_module(here, everywhere);
		local set, own = glue.load("options", module).read(core.lib);
		return set, own, module;
	end

	local function logged(here, everywhere)
		local _, _, module = read(here, everywhere);
		local lines = {};
		for i, line in ipairs(module.logged) do
			assert.equal("warn", line.level);
			lines[i] = line.text;
		end
		return lines;
	end

	it("are the core's own where nothing is set", function ()
		local set, own, module = read({ muc_room_default_persistent = true });
		assert.same({}, set);
		assert.same({
			room_publishers = "admins"; share_stanzas = true; keep_registered = false;
			max_registered = 1000; max_registered_size = 262144; http_burst = 2500; http_rate = 100;
		}, own);
		assert.same({}, module.logged);
	end);

	it("are those of the host, and else of all hosts", function ()
		local set, own = read({ mep_max_items = 5, mep_keep_registered = true },
			{ mep_max_items = 6, mep_max_nodes = 7, mep_room_publishers = "owners" });
		assert.same({
			mep_max_items = 5; mep_keep_registered = true; mep_max_nodes = 7; mep_room_publishers = "owners";
		}, set);
		assert.is_true(own.keep_registered);
		assert.equal("owners", own.room_publishers);
	end);

	it("that are wrong are named in the log", function ()
		assert.same({
			[[mep_max_payload_depth is 100000, but must be a whole number from 8 to 512; using the default, 64]];
		}, logged({ mep_max_payload_depth = 100000 }));
		assert.same({
			[[mep_max_items is not a number, but must be a whole number from 1 to 100000; using the default, 256]];
		}, logged({ mep_max_items = 0/0 }));
		assert.same({
			[[mep_reserved_nodes: ignoring the entry 1, which is not a node name]];
			[[mep_reserved_nodes has no valid entry; using the default of 14 entries]];
		}, logged({ mep_reserved_nodes = { 1 } }));
		assert.same({
			[[mep_reserved_nodes: ignoring the entry a text that is not UTF-8, which is not a node name]];
		}, logged({ mep_reserved_nodes = { "urn:a", "\255" } }));
		assert.same({
			[[mep_node_config: ignoring the key 1, which is not a node name]];
		}, logged({ mep_node_config = { { max_items = 1 } } }));
		assert.same({
			[[mep_node_config: node "urn:a": ignoring the field "title": it is a table, ]]
				..[[but must be a text of at most 1023 octets]];
		}, logged({ mep_node_config = { ["urn:a"] = { title = { "A" } } } }));
	end);

	it("are never taken for formats by the log", function ()
		assert.same({
			[[mep_notification_type is "%s%d", but must be one of "headline", "normal", "groupchat"; ]]
				..[[using the default, "headline"]];
		}, logged({ mep_notification_type = "%s%d" }));
	end);

	it("that do not exist are named with the nearest that does, wherever they are set", function ()
		assert.same({ "mep_max_item is not an option of mod_mep; did you mean mep_max_items?" },
			logged({ mep_max_item = 1 }));
		assert.same({ "mep_reserved_node is not an option of mod_mep; did you mean mep_reserved_nodes?" },
			logged({}, { mep_reserved_node = {}, mepitems = 1 }));
	end);

	describe("in the README", function ()
		local rows = read_readme();

		it("are those that there are", function ()
			local names = {};
			for _, option in ipairs(core.lib.options) do
				names[option.name] = true;
				assert.is_table(rows[option.name], option.name.." is missing");
			end
			for name in pairs(rows) do
				assert.is_true(names[name], name.." is not an option");
			end
		end);

		it("have the defaults and the ranges that they have", function ()
			for _, option in ipairs(core.lib.options) do
				local row = rows[option.name];
				if option.default ~= nil then
					local default = type(option.default) == "string" and ("%q"):format(option.default) or tostring(option.default);
					assert.equal("`"..default.."`", row.default, option.name);
				end
				if option.most then
					assert.match(("(%d to %d)"):format(option.least, option.most), row.text, 1, true, option.name);
				end
			end
		end);
	end);
end);
