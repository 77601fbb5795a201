-- Stored nodes of a registered occupant are given to that occupant only. A failed write leaves memory unchanged.

local glue = require "support.glue";
local new_stores = require "support.stores".new;

local jid, alice, bob = "den@rooms.example", "alice@people.example", "bob@people.example";

describe("What registered occupants publish", function ()
	local stores, module, core, told, room, registered, watch;

	-- A stand-in for the core that holds the records of occupants, by nick.
	local function call_core(method, room_jid, nick, records)
		assert.equal(jid, room_jid);
		if method == "put_back" then core[nick] = records; end
		return core[nick];
	end

	local function drive(method, _, nick, records)
		assert.equal("bring_back", method);
		table.insert(told, nick);
		core[nick] = records;
	end

	local function new_room()
		local new = { jid = jid, nicks = {}, occupants = {} };
		function new:get_registered_nick(account) return self.nicks[account]; end
		function new:get_affiliation(account) return self.banned == account and "outcast" or "member"; end
		function new:get_occupant_by_nick(nick) return self.occupants[nick]; end
		function new:each_affiliation()
			local account, nick;
			return function ()
				account, nick = next(self.nicks, account);
				return account, "member", { reserved_nickname = nick };
			end;
		end
		return new;
	end

	local function occupant(account, nick)
		local new = { bare_jid = account, nick = jid.."/"..nick };
		room.occupants[new.nick] = new;
		return new;
	end

	local function records(text)
		return { { node = "urn:mood", head = { made = 1 }, items = { { id = "1", payload = text } } } };
	end

	local function text_at(nick)
		local first = core[jid.."/"..nick][1];
		return first and first.items[1].payload;
	end

	-- What the glue and the core do with a publish.
	local function publish(who, text)
		local is_stored, read_only = registered.is_stored(room, who.nick);
		if read_only then return false; end
		core[who.nick] = records(text);
		local effect = { kind = "keep", room = jid, occupant = who.nick, nodes = core[who.nick] };
		if not is_stored or registered.keep(effect) then return true; end
		registered.revert(effect);
		return false;
	end

	local function enter(who)
		core[who.nick] = {};
		registered.on_join(room, who);
	end

	local function leave(who)
		registered.leave(room, who);
		core[who.nick] = nil;
	end

	local function set_options(options)
		local all = { keep_registered = true, max_registered = 1000, max_registered_size = 262144 };
		for name, value in pairs(options or {}) do all[name] = value; end
		return registered.set_options(all);
	end

	local function info(of)
		return { jid = of.jid };
	end

	local function start(options)
		module = glue.new_module();
		module.stores = stores;
		local outages;
		outages, watch = glue.new_outages(module);
		registered = glue.load("registered", module).new(call_core, drive, info, outages, function ()
			return room;
		end);
		set_options(options);
	end

	local function errors()
		local list = {};
		for _, line in ipairs(module.logged) do
			if line.level ~= "debug" then table.insert(list, line.level..": "..line.text); end
		end
		return table.concat(list, "\n");
	end

	local function break_storage()
		function stores.read() error("the database is gone", 0); end
		function stores.write() return nil, "the disk is full"; end
	end

	local function mend_storage()
		stores.read, stores.write = nil, nil;
		watch.time = watch.time + 3600;
	end

	local function set_affiliation(account, affiliation, before)
		module.hooks["muc-set-affiliation"].handler {
			room = room, jid = account, affiliation = affiliation, previous_data = { reserved_nickname = before },
		};
	end

	before_each(function ()
		stores, core, told, room = new_stores(), {}, {}, new_room();
		room.nicks[bob] = "Bob";
		start();
	end);

	it("is there again when they are, once", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		assert.is_true(publish(who, "happy"));
		leave(who);
		enter(who);
		registered.on_join(room, who);
		assert.same({ who.nick }, told);
		assert.equal("happy", text_at("Bob"));
		start(); -- the same after a restart
		enter(who);
		assert.equal("happy", text_at("Bob"));
	end);

	it("is not kept where the option does not say so", function ()
		start({ keep_registered = false });
		local who = occupant(bob, "Bob");
		enter(who);
		assert.is_true(publish(who, "happy"));
		leave(who);
		assert.is_true(stores:is_empty());
		set_affiliation(bob, "outcast");
		registered.forget_room(room);
		assert.equal(0, stores.writes);
	end);

	it("is kept from when the option says so, and is there again for those who are there", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		assert.is_false(set_options(), "as before");
		assert.is_false(set_options({ keep_registered = false }));
		local writes = stores.writes;
		publish(who, "sad");
		leave(who);
		assert.equal(writes, stores.writes);
		enter(who);
		assert.same({}, told);
		assert.is_true(set_options());
		registered.on_join(room, who);
		assert.same({ who.nick }, told);
		assert.equal("happy", text_at("Bob"));
	end);

	it("stays stored where a limit is lowered, until there is something to store", function ()
		room.nicks[alice] = "Alice";
		local one, other = occupant(bob, "Bob"), occupant(alice, "Alice");
		for _, who in ipairs({ one, other }) do
			enter(who);
			publish(who, "happy");
		end
		set_options({ max_registered = 0, max_registered_size = 10000 });
		publish(one, "sad");
		leave(one);
		enter(one);
		assert.equal("sad", text_at("Bob"));
		set_options({ max_registered_size = 0 });
		leave(one);
		enter(one);
		assert.equal("sad", text_at("Bob"), "nothing has changed");
		publish(one, "glad");
		leave(one);
		enter(one);
		assert.is_nil(core[one.nick][1]);
	end);

	it("is not given to other occupants, nor to its publisher at another nick", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		leave(who);
		room.nicks = { [alice] = "Bob", [bob] = "Robert" };
		enter(occupant(alice, "Bob"));
		enter(occupant(bob, "Robert"));
		assert.same({}, told);
	end);

	for reason, change in pairs({
		["is unregistered"] = function () room.nicks[bob] = nil; set_affiliation(bob, "member", "Bob"); end;
		["has another nick"] = function () room.nicks[bob] = "Robert"; set_affiliation(bob, "member", "Bob"); end;
		["is registered by a module"] = function ()
			module.hooks["muc-set-affiliation-data/reserved_nickname"].handler { room = room, jid = bob };
		end;
		["is banned"] = function () room.banned = bob; set_affiliation(bob, "outcast", "Bob"); end;
		["loses the room"] = function () registered.forget_room(room); end;
	}) do
		it("is dropped when one "..reason, function ()
			local who = occupant(bob, "Bob");
			enter(who);
			publish(who, "happy");
			change();
			assert.is_true(stores:is_empty());
		end);
	end

	it("stays where an affiliation changes and the registration does not", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		set_affiliation(bob, "admin", "Bob");
		assert.is_false(stores:is_empty());
	end);

	it("is not in the next room of that name, even if it was not removed: a new registration starts empty", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		room = new_room();
		room.nicks[bob] = "Bob";
		set_affiliation(bob, "member");
		enter(occupant(bob, "Bob"));
		assert.same({}, told);
		assert.is_true(stores:is_empty());
	end);

	it("is what it was where a change could not be kept, even if nothing can be read", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		break_storage();
		assert.is_false(publish(who, "sad"));
		assert.equal("happy", text_at("Bob"));
		assert.matches("^error: Storage fails: could not store the nodes of a registered .*the disk is full", errors());
		mend_storage();
		assert.is_true(publish(who, "glad"));
	end);

	it("does not go where it was published before the registration, and the first change after it fails", function ()
		room.nicks[bob] = nil;
		local who = occupant(bob, "Bob");
		enter(who);
		assert.is_true(publish(who, "early"));
		room.nicks[bob] = "Bob";
		break_storage();
		assert.is_false(publish(who, "late"));
		assert.equal("early", text_at("Bob"));
	end);

	it("is stored once the registration is known, also what was published before", function ()
		room.nicks[bob] = nil;
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "early");
		room.nicks[bob] = "Bob";
		registered.on_join(room, who); -- by a presence that mod_muc broadcasts before it says that there is a registration
		set_affiliation(bob, "member");
		leave(who);
		enter(who);
		assert.equal("early", text_at("Bob"));
	end);

	it("is not overwritten while it can't be read", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		leave(who);
		break_storage();
		enter(who);
		assert.is_false(publish(who, "sad"));
		mend_storage();
		registered.on_join(room, who);
		assert.equal("happy", text_at("Bob"));
	end);

	it("is left alone, with its publisher's nodes, while storage is not tried", function ()
		local who = occupant(bob, "Bob");
		break_storage();
		enter(who);
		local snapshots, core_at = 0, core[who.nick];
		core[who.nick] = nil;
		setmetatable(core, { __index = function () snapshots = snapshots + 1; return core_at; end });
		for _ = 1, 10 do
			local _, read_only = registered.is_stored(room, who.nick);
			assert.is_true(read_only);
		end
		assert.equal(1, snapshots, "the first retry comes at once, and the others wait");
	end);

	it("is stored later where that failed when the registration became known", function ()
		room.nicks[bob] = nil;
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "early");
		room.nicks[bob] = "Bob";
		function stores.write() return nil, "the disk is full"; end
		registered.on_join(room, who);
		mend_storage();
		leave(who);
		enter(who);
		assert.equal("early", text_at("Bob"));
	end);

	it("costs storage nothing where nothing changes", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		local asked = 0;
		local function count() asked = asked + 1; end
		stores.read, stores.write = count, count;
		for _ = 1, 10 do
			assert.is_true(registered.is_stored(room, who.nick));
		end
		leave(who);
		assert.equal(0, asked);
	end);

	it("causes just a line in the log if storage throws", function ()
		local who = occupant(bob, "Bob");
		enter(who);
		publish(who, "happy");
		break_storage();
		leave(who);
		enter(who);
		room.nicks[bob] = nil;
		set_affiliation(bob, "none", "Bob");
		assert.matches("^error: Storage fails: could not load [^\n]*$", errors());
	end);

	it("has bounds", function ()
		start({ max_registered = 1, max_registered_size = 500 });
		local who = occupant(bob, "Bob");
		enter(who);
		assert.is_true(publish(who, "happy"));
		assert.is_false(stores:is_empty());
		assert.is_true(publish(who, ("x"):rep(500)));
		assert.is_true(stores:is_empty());
		room.nicks[alice] = "Alice";
		local other = occupant(alice, "Alice");
		enter(other);
		assert.is_true(publish(other, "happy"));
		assert.is_true(stores:is_empty(), "there are two by now");
	end);
end);
