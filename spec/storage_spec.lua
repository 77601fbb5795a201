-- What is loaded is what was stored, whole or not at all, whenever storage fails or the server ends.

local glue = require "support.glue";
local make_stores = require "support.stores".new;
local lua = require "support.lua";
local serialize = require "support.prosody".load().require "util.serialization".serialize;

local room = "den@rooms.example";

local function head(title)
	return { made = 1000, config = { ["pubsub#title"] = title }, affiliations = { ["a@b"] = "member" } };
end

local function item(id, number, text)
	return { id = id, at = 2000 + number, number = number, payload = text or id };
end

local function many()
	local items = {};
	for number = 1, 20 do items[number] = item("i"..number, number); end
	return lua.unpack(items);
end

local function many_shown()
	local shown = {};
	for number = 1, 20 do shown[number] = ("i%d=i%d"):format(number, number); end
	return table.concat(shown, " ");
end

local function whole(node, ...)
	return { room = room, node = node, head = head(node), items = { ... } };
end

for _, has_files in ipairs({ false, true }) do
describe(has_files and "Storage in files" or "Storage", function ()
	local stores, module, storage;

	local function new_stores()
		return make_stores(has_files);
	end

	local function open()
		module = glue.new_module();
		module.stores = stores;
		storage = glue.load("storage", module);
	end

	before_each(function ()
		stores = new_stores();
		open();
	end);

	-- Loads a room: one line for each node, with its items in order.
	local function shown(room_jid)
		local records = assert(storage.load(room_jid or room));
		local lines = {};
		for _, record in ipairs(records) do
			table.sort(record.items, function (a, b) return a.number < b.number; end);
			local items = {};
			for i, stored in ipairs(record.items) do
				items[i] = stored.id.."="..(type(stored.payload) == "table" and stored.payload[1] or stored.payload);
			end
			table.insert(lines, ("%s %s: %s"):format(record.node, record.head.config["pubsub#title"], table.concat(items, " ")));
		end
		table.sort(lines);
		return table.concat(lines, "; ");
	end

	local function prepare()
		assert(storage.keep(whole("urn:a")));
		for _, id in ipairs({ "1", "2" }) do
			assert(storage.keep({ room = room, node = "urn:a", put = { item(id, tonumber(id)) }, removed = {}, count = 100 }));
		end
		assert(storage.keep(whole("urn:b", item("1", 1))));
	end

	local changes = {
		["a new node"] = { whole("urn:c", item("1", 1)), "urn:a urn:a: 1=1 2=2; urn:b urn:b: 1=1; urn:c urn:c: 1=1" };
		["a node as a whole"] = { whole("urn:a", item("9", 9)), "urn:a urn:a: 9=9; urn:b urn:b: 1=1" };
		["a node of many items"] = {
			whole("urn:c", many()), "urn:a urn:a: 1=1 2=2; urn:b urn:b: 1=1; urn:c urn:c: "..many_shown();
		};
		["a node without items"] = { whole("urn:a"), "urn:a urn:a: ; urn:b urn:b: 1=1" };
		["an item, and one that it pushes out"] = {
			{ room = room, node = "urn:a", count = 100, put = { item("3", 3) }, removed = { "1" } },
			"urn:a urn:a: 2=2 3=3; urn:b urn:b: 1=1";
		};
		["an item in the place of another"] = {
			{ room = room, node = "urn:a", count = 100, put = { item("1", 3, "new") }, removed = {} },
			"urn:a urn:a: 2=2 1=new; urn:b urn:b: 1=1";
		};
		["an item that is no more"] = {
			{ room = room, node = "urn:a", count = 1, put = {}, removed = { "1" } }, "urn:a urn:a: 2=2; urn:b urn:b: 1=1";
		};
		["a configuration, and what it pushes out"] = {
			{ room = room, node = "urn:a", head = head "new", count = 1, put = {}, removed = { "1" } },
			"urn:a new: 2=2; urn:b urn:b: 1=1";
		};
		["a node that is no more"] = { { room = room, node = "urn:a" }, "urn:b urn:b: 1=1" };
	};

	for name, case in pairs(changes) do
		local change, after = case[1], case[2];
		local before = "urn:a urn:a: 1=1 2=2; urn:b urn:b: 1=1";

		it("keeps "..name, function ()
			prepare();
			assert.equal(before, shown());
			assert.is_true(storage.keep(change));
			assert.equal(after, shown());
			open();
			assert.equal(after, shown());
			assert.is_true(storage.forget(room));
			assert.is_true(stores:is_empty());
		end);

		for _, how in ipairs({ "fails", "ends the server" }) do
			it(("keeps %s or nothing of it, where a write %s"):format(name, how), function ()
				local function failure()
					if how == "fails" then return nil, "the disk is full"; end
					error("the end", 0);
				end
				for write = 1, 100 do
					stores = new_stores();
					open();
					prepare();
					stores.fail_at, stores.failure = stores.writes + write, failure;
					local ran, kept = pcall(storage.keep, change);
					local reached = stores.writes >= stores.fail_at;
					stores.fail_at = nil;
					open();
					local found = shown();
					assert.is_true(found == after or found == before and reached and not (ran and kept), found);
					if how == "fails" and ran and not kept then
						assert.equal(before, found, "an error, and yet it is so");
					end
					assert.equal(found, shown(), "loading changes nothing");
					assert.is_true(storage.keep(whole("urn:c")));
					assert.is_true(storage.forget(room));
					assert.is_true(stores:is_empty(), "nothing is left behind");
					if not reached then return; end
				end
				error("there is no end to its writes");
			end);
		end
	end

	-- Counts the octets that are written from now on.
	local function count_octets()
		local octets, write = 0, stores.write;
		function stores:write(store, user, data)
			octets = octets + #user + (data and #serialize(data) or 0);
			return write(self, store, user, data);
		end
		return function () return octets; end
	end

	if has_files then
		it("writes little for a small item beside large ones", function ()
			assert(storage.keep(whole("urn:a")));
			for number = 1, 16 do
				local put = { item("i"..number, number, ("x"):rep(60000)) };
				assert(storage.keep({ room = room, node = "urn:a", put = put, removed = {}, count = number }));
			end
			local octets = count_octets();
			local change = { room = room, node = "urn:a", put = { item("i17", 17) }, removed = { "i1" }, count = 16 };
			assert(storage.keep(change));
			assert.is_true(octets() < 8192, octets());
			local items = storage.load(room)[1].items;
			assert.equal(16, #items);
		end);
	end

	it("has deleted a node though the driver throws behind that", function ()
		assert(storage.keep(whole("urn:a", many())));
		function stores.failure() error("thrown"); end
		stores.fail_at = stores.writes + 2;
		assert.is_true(storage.keep({ room = room, node = "urn:a" }));
		assert.equal("", shown());
		assert.is_true(stores:is_empty());
	end);

	it("writes little for a publish to a node of many", function ()
		local all = {};
		for number = 1, 500 do all[number] = item("i"..number, number); end
		assert(storage.keep(whole("urn:a", lua.unpack(all))));
		local written, write = {}, stores.write;
		function stores:write(store, user, data)
			local entries = 0;
			for _, entry in pairs(data or {}) do
				entries = entries + (type(entry) == "table" and 1 or 0);
			end
			table.insert(written, data and entries or "removed");
			return write(self, store, user, data);
		end
		local sets = 0;
		local parts_of = stores.open;
		function stores:open(name, kind)
			local store = parts_of(self, name, kind);
			local set_keys = store.set_keys;
			function store.set_keys(_, user, keys)
				for _ in pairs(keys) do sets = sets + 1; end
				return set_keys(store, user, keys);
			end
			return store;
		end
		open();
		local change = { room = room, node = "urn:a", put = { item("i501", 501) }, removed = { "i1" }, count = 500 };
		assert(storage.keep(change));
		if has_files then
			-- Writes: the entries, where each but the head is just a mark; the item, which has no tables; the entries; the
			-- pushed-out item.
			assert.same({ 1, 0, 1, "removed" }, written);
		else
			assert.equal(2, sets);
		end
	end);

	it("has nothing of a room that was destroyed, whichever write was the last", function ()
		for write = 1, 100 do
			stores = new_stores();
			open();
			prepare();
			stores.fail_at, stores.failure = stores.writes + write, function () error("the end", 0); end;
			local ended = not pcall(storage.forget, room);
			open();
			local found = shown();
			assert.is_true(found == "" or write == 1, found);
			assert.is_true(storage.forget(room));
			assert.is_true(stores:is_empty());
			if not ended then return; end
		end
		error("there is no end to its writes");
	end);

	it("keeps rooms apart, and takes any name", function ()
		local names = { "den", "den2", "de", "d%65n", "den\\2fa", "ド", ("x"):rep(1000), "den.dat", "..", "a~" };
		for _, name in ipairs(names) do
			local change = whole(name, item(name, 1));
			change.room = name.."@rooms.example";
			assert(storage.keep(change));
		end
		for _, name in ipairs(names) do
			assert.equal(("%s %s: %s=%s"):format(name, name, name, name), shown(name.."@rooms.example"));
			assert.is_true(storage.forget(name.."@rooms.example"));
			assert.equal("", shown(name.."@rooms.example"));
		end
		assert.is_true(stores:is_empty());
	end);

	it("keeps all of a room, in the place of what there was", function ()
		prepare();
		assert.is_true(storage.keep_all(room, { whole("urn:z", item("1", 1)), whole("urn:b") }));
		assert.equal("urn:b urn:b: ; urn:z urn:z: 1=1", shown());
		assert.is_true(storage.keep_all(room, {}));
		assert.equal("", shown());
		assert.is_true(stores:is_empty());
	end);

	describe("of format 1", function ()
		local function store_old()
			stores.data.mep = { den = { ["node-x"] = {
				format = 1; node = "urn:a"; made = 1000; config = { ["pubsub#title"] = "old" }; affiliations = {};
				items = { { id = "b", at = 1, payload = { name = "p", attr = {}, "B" } }, { id = "a", at = 1, payload = { "A" } } };
			} } };
		end

		it("is brought to this one, once, whenever that is interrupted", function ()
			for write = 1, 100 do
				stores = new_stores();
				store_old();
				open();
				stores.fail_at, stores.failure = write, function () return nil, "the disk is full"; end;
				local loaded, err = storage.load(room);
				local reached = stores.writes >= write;
				assert.equal(reached and "the disk is full" or nil, err);
				assert.equal(reached, not loaded);
				stores.fail_at = nil;
				open();
				assert.equal("urn:a old: b=B a=A", shown());
				local writes = stores.writes;
				assert.equal("urn:a old: b=B a=A", shown());
				assert.equal(writes, stores.writes);
				if not reached then return; end
			end
			error("there is no end to its writes");
		end);
	end);

	describe("of format 2", function ()
		local function store_old()
			prepare();
			for _, entry in pairs(stores.data.mep.den) do entry.format = 2; end
			local function to_table(stored)
				if stored.payload then stored.payload = { name = "p", attr = {}, stored.payload }; end
			end
			for _, parts in pairs(stores.data.mep_nodes) do
				if parts.head then parts.head.format = 2; end
				to_table(parts); -- an item in a file of its own
				for _, entry in pairs(parts) do
					if type(entry) == "table" then to_table(entry); end
				end
			end
		end

		it("is brought to this one by one write, whenever that is interrupted", function ()
			store_old();
			stores.fail_at, stores.failure = stores.writes + 1, function () return nil, "the disk is full"; end;
			assert.same({ nil, "the disk is full" }, { storage.load(room) });
			stores.fail_at = nil;
			open();
			local writes = stores.writes;
			assert.equal("urn:a urn:a: 1=1 2=2; urn:b urn:b: 1=1", shown());
			assert.equal(writes + 1, stores.writes);
			for _, entry in pairs(stores.data.mep.den) do assert.equal(3, entry.format); end
			assert.is_true(storage.keep({ room = room, node = "urn:a", put = { item("2", 3) }, removed = {}, count = 2 }));
			assert.equal("urn:a urn:a: 1=1 2=2; urn:b urn:b: 1=1", shown());
			assert.equal(writes + 2, stores.writes, "the index is written once");
		end);
	end);

	describe("of a later format", function ()
		local function assert_left_alone()
			local before = serialize(stores.data);
			local records, err, later = storage.load(room);
			assert.is_nil(records);
			assert.equal("written by a later release", err);
			assert.is_true(later);
			records, err, later = storage.keep_all(room, { whole("urn:z") });
			assert.is_nil(records);
			assert.is_true(later, err);
			assert.equal(before, serialize(stores.data));
		end

		it("is left alone, in the index", function ()
			prepare();
			stores.data.mep.den["node-new"] = { format = 4 };
			assert_left_alone();
			stores.data.mep.den["node-new"] = "what is this?";
			assert_left_alone();
		end);

		it("goes with its room", function ()
			prepare();
			stores.data.mep.den["node-new"] = { format = 4 };
			assert.is_true(storage.forget(room));
			assert.is_true(stores:is_empty());
		end);
	end);
end);
end
