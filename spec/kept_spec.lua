-- Memory equals storage or is empty: nothing is served that is not stored, and stored nodes are not overwritten unread.

local glue = require "support.glue";
local new_stores = require "support.stores".new;

local jid = "den@rooms.example";

describe("What is kept", function ()
	local stores, module, core, kept, room, outages, watch, left_out, told;

	-- A stand-in for the core that holds the records of rooms.
	local function call_core(method, room_jid, records)
		if method == "snapshot" then return core[room_jid] or {}; end
		if method == "kept" then return; end
		if method == "loaded" then
			table.insert(told, room_jid);
			return true;
		end
		if method == "set_aside" then
			core[room_jid] = nil;
			return;
		end
		assert.equal("load", method);
		core[room_jid] = records;
		return left_out;
	end

	local function record(node, text)
		return {
			room = jid, node = node, head = { made = 1, config = {}, affiliations = {} },
			items = { { id = "1", at = 1, number = 1, payload = text or "old" } },
		};
	end

	local function start(state)
		outages, watch = glue.new_outages(module);
		kept = glue.load("kept", module)(call_core, call_core, outages, state);
	end

	-- Makes the next `times` writes fail.
	local function refuse(times)
		local write = stores.write;
		function stores:write(...)
			times = times - 1;
			if times < 0 then self.write = write; end
			if times >= 0 then return nil, "the disk is full"; end
			return write(self, ...);
		end
	end

	-- While `f` runs, no entry can be read.
	local function without_reading(f)
		local read = stores.read;
		function stores.read() error("the database is gone", 0); end
		f();
		stores.read = read;
	end

	local function shown()
		local nodes = {};
		for _, held in ipairs(core[jid] or {}) do
			table.insert(nodes, held.node.."="..held.items[1].payload);
		end
		table.sort(nodes);
		return table.concat(nodes, " ");
	end

	before_each(function ()
		stores = new_stores();
		module = glue.new_module();
		module.stores = stores;
		core, left_out, told = {}, nil, {};
		room = { jid = jid, persistent = true };
		function room:get_persistent() return self.persistent; end
		start();
		assert.is_true(kept.ensure(room));
		assert.is_true(kept.keep(record("urn:a")));
		core = {};
		start();
	end);

	it("is loaded once, before anything is served", function ()
		assert.is_true(kept.ensure(room));
		assert.equal("urn:a=old", shown());
		core = {};
		assert.is_true(kept.ensure(room));
		assert.equal("", shown());
		start(kept.state);
		assert.is_true(kept.ensure(room));
		assert.equal("", shown(), "a module that was reloaded has the same core");
	end);

	it("is told of in the log where an item of it is left out", function ()
		left_out = 0;
		assert.is_true(kept.ensure(room));
		assert.same({}, module.logged);
		core, left_out = {}, 2;
		start();
		assert.is_true(kept.ensure(room));
		assert.same({ { level = "warn", text = "2 items of nodes of den@rooms.example are left out: in storage they are "
			.."damaged, or exceed the limits" } }, module.logged);
	end);

	it("is not served, nor written over, while it can't be loaded", function ()
		without_reading(function ()
			assert.is_falsy(kept.ensure(room));
			assert.is_falsy(kept.ensure(room));
		end);
		assert.equal("", shown());
		assert.match("could not load the nodes of den@rooms.example: the database is gone", module.logged[1].text, 1, true);
		assert.equal("error", module.logged[1].level);
		watch.time = watch.time + 1;
		assert.is_true(kept.ensure(room));
		assert.equal("urn:a=old", shown());
	end);

	describe("in a room of more than a mebibyte", function ()
		-- Lets the timers run once.
		local function turn()
			local timers = module.timers;
			module.timers = {};
			for _, timer in ipairs(timers) do
				local delay = timer.callback();
				if delay then module:add_timer(delay, timer.callback); end
			end
			return #timers;
		end

		before_each(function ()
			kept.ensure(room);
			for number = 1, 5 do
				assert.is_true(kept.keep(record("urn:large:"..number, ("x"):rep(2^19))));
			end
			core = {};
			start();
			module.timers, told = {}, {};
		end);

		it("is loaded in slices, and then told to who came meanwhile", function ()
			assert.is_false(kept.ensure(room));
			assert.equal("", shown());
			local turns = 0;
			while turn() > 0 do
				turns = turns + 1;
				if module.timers[1] then
					assert.is_false(kept.ensure(room), "a slice is read at a time, whoever asks");
					assert.same({}, told);
				end
			end
			assert.is_true(turns >= 3, turns);
			assert.same({ jid }, told);
			assert.is_true(kept.ensure(room));
			assert.equal(6, #core[jid]);
			assert.same({}, module.logged);
		end);

		it("is not served if a slice can't be read, and is read anew later", function ()
			assert.is_false(kept.ensure(room));
			without_reading(turn);
			assert.equal(0, turn());
			assert.equal("", shown());
			assert.match("could not load the nodes", module.logged[1].text, 1, true);
			watch.time = watch.time + 1;
			assert.is_false(kept.ensure(room));
			while turn() > 0 do end
			assert.is_true(kept.ensure(room));
			assert.equal(6, #core[jid]);
		end);

		it("is gone with a room that is destroyed, or made temporary, meanwhile", function ()
			assert.is_false(kept.ensure(room));
			kept.forget(jid);
			turn();
			assert.equal(0, turn());
			assert.is_true(kept.ensure(room));
			assert.equal("", shown());
			for number = 1, 5 do
				assert.is_true(kept.keep(record("urn:large:"..number, ("x"):rep(2^19))));
			end
			start();
			assert.is_false(kept.ensure(room));
			room.persistent = false;
			assert.is_true(kept.ensure(room));
			assert.is_true(stores:is_empty());
		end);

		it("is loaded at once where a change could not be kept", function ()
			assert.is_false(kept.ensure(room));
			while turn() > 0 do end
			told, core = {}, {};
			kept.revert(jid);
			assert.equal(6, #core[jid]);
			assert.same({}, told, "they have them");
		end);
	end);

	it("is tried to be kept once more", function ()
		kept.ensure(room);
		refuse(1);
		assert.is_true(kept.keep(record("urn:a", "new")));
		refuse(2);
		local ok, err = kept.keep(record("urn:a", "newer"));
		assert.is_nil(ok);
		assert.equal("the disk is full", err);
	end);

	it("is in memory again what it is in storage, where it could not be kept", function ()
		kept.ensure(room);
		core[jid] = { record("urn:a", "new") };
		kept.revert(jid);
		assert.equal("urn:a=old", shown());
		assert.is_true(kept.keep(record("urn:b")));
	end);

	it("is not served where that can't be told either", function ()
		kept.ensure(room);
		core[jid] = { record("urn:a", "new") };
		without_reading(function ()
			kept.revert(jid);
			assert.equal("", shown());
			assert.is_falsy(kept.ensure(room));
		end);
		watch.time = watch.time + 1;
		assert.is_true(kept.ensure(room));
		assert.equal("urn:a=old", shown());
	end);

	it("goes with its room, and the next of that name waits until it has gone", function ()
		kept.ensure(room);
		refuse(1000);
		assert.is_falsy(kept.forget(jid));
		core = {};
		assert.is_falsy(kept.ensure(room));
		start(kept.retire());
		assert.is_falsy(kept.ensure(room));
		refuse(0);
		stores.write = nil;
		watch.time = watch.time + 60;
		assert.is_true(kept.ensure(room));
		assert.equal("", shown());
		assert.is_true(stores:is_empty());
	end);

	it("is all that a room has when it becomes persistent, and nothing when it becomes temporary", function ()
		kept.ensure(room);
		room.persistent = false;
		assert.is_true(kept.ensure(room));
		assert.is_true(stores:is_empty());
		assert.is_true(kept.keep(record("urn:c")), "there is nothing to be kept");
		assert.is_true(stores:is_empty());
		core[jid] = { record("urn:b") };
		room.persistent = true;
		refuse(2);
		assert.is_falsy(kept.ensure(room), "it can't be kept");
		assert.is_true(kept.ensure(room));
		core = {};
		start();
		assert.is_true(kept.ensure(room));
		assert.equal("urn:b=old", shown());
	end);

	it("is not asked for by a core that is no more", function ()
		kept.ensure(room);
		core[jid] = { record("urn:a", "new") };
		kept.retire();
		assert.is_nil((kept.keep(record("urn:a", "new"))));
		kept.revert(jid);
		assert.equal("urn:a=new", shown());
	end);

	it("is not tried again for a while when it failed twice, and that is one line in the log", function ()
		kept.ensure(room);
		local tries = 0;
		function stores.write()
			tries = tries + 1;
			return nil, "the disk is full";
		end
		for _ = 1, 5 do
			assert.is_nil((kept.keep(record("urn:a", "new"))));
		end
		assert.equal(4, tries, "two times two");
		assert.is_true(kept.rests(jid));
		watch.time = watch.time + 1;
		assert.is_false(kept.rests(jid));
		stores.write = nil;
		assert.is_true(kept.keep(record("urn:a", "new")));
		local lines = {};
		for _, line in ipairs(module.logged) do
			if line.level ~= "debug" then table.insert(lines, line.level..": "..line.text); end
		end
		assert.equal(2, #lines);
		assert.match("error: Storage fails: could not store the nodes of den@rooms.example: the disk", lines[1], 1, true);
		assert.match("info: Storage works again", lines[2], 1, true);
	end);

	it("of a later release is left alone, which is said once", function ()
		stores.data.mep.den["node-later"] = { format = 4 };
		for _ = 1, 3 do assert.is_falsy(kept.ensure(room)); end
		assert.equal(1, #module.logged);
		assert.equal("warn", module.logged[1].level);
		assert.match("written by a later release", module.logged[1].text, 1, true);
	end);
end);
