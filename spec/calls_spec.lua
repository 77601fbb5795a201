-- A core that fails is replaced, one that works is not called again meanwhile, and one timer wakes it.

local glue = require "support.glue";
local library = require "support.prosody".load();
local new_stores = require "support.stores".new;

local st, time_now = library.st, library.require "util.time".now;

describe("Calls of the core", function ()
	local module, cores, calls, failures, batches, done, occupants;

	-- Makes a stand-in for the core that notes its calls, and whose method `panic` fails.
	local function new_core(metatable, options)
		assert.equal(st.stanza_mt, metatable);
		local core = { number = #cores + 1, options = options };
		setmetatable(core, { __index = function (_, method)
			return function (self, ...)
				assert.equal(core, self);
				table.insert(done, { core = core.number, method = method, ... });
			end;
		end });
		function core.next_deadline() return rawget(core, "deadline"); end
		function core.panic() error("on purpose", 0); end
		function core.learned() return {}; end
		table.insert(cores, core);
		return core;
	end

	-- Returns the calls so far, like "1 wake".
	local function list_done()
		local list = {};
		for at, call in ipairs(done) do list[at] = call.core.." "..call.method; end
		return table.concat(list, ", ");
	end

	local function note(what)
		return function () table.insert(done, { core = calls.core.number, method = what }); end;
	end

	local function start(saved_core, restore)
		calls = glue.load("calls", module).new({ new = new_core, caps_shards = 64 }, function (batch)
			table.insert(batches, batch);
		end, (glue.new_outages(module)), failures);
		calls.set_options("the options");
		occupants = { keep = note("keeps an occupant's"), revert = note("reverts an occupant's") };
		calls.start(saved_core, occupants, note("is new"), restore or note("restores"));
	end

	local function drive_with_deadline(deadline)
		calls.core.deadline = deadline;
		function calls.core.leave() return {}; end
		assert.is_true(calls.drive("leave"));
	end

	before_each(function ()
		module = glue.new_module();
		module.stores = new_stores();
		module.surroundings = { library = library };
		cores, failures, batches, done = {}, { core = 0 }, {}, {};
	end);

	it("begin with a new core that has the options, and is told about the rooms", function ()
		start();
		assert.equal("1 is new, 1 restores", list_done());
		assert.equal("the options", calls.core.options);
	end);

	it("go on after a reload with the core from before", function ()
		local saved_core = new_core(st.stanza_mt);
		saved_core.deadline = time_now() + 5;
		start(saved_core);
		assert.equal(saved_core, calls.core);
		assert.equal("1 configure, 1 explain, 1 observe", list_done());
		assert.same({ st.stanza_mt, "the options" }, { done[1][3], done[1][4] });
		assert.is_false(done[2][1]);
		assert.equal(1, #module.timers);
	end);

	it("hand on their arguments, after the time and 16 random octets where they act at a moment", function ()
		start();
		done = {};
		calls.call_core("ban", "room", "account");
		calls.call_now("leave", "room", "occupant");
		calls.drive("wake");
		assert.same({ core = 1, method = "ban", "room", "account" }, done[1]);
		for at, arguments in ipairs({ { "room", "occupant" }, {} }) do
			local call = done[at + 1];
			assert.is_true(math.abs(call[1] - time_now()) < 60);
			assert.equal(16, #call[2]);
			assert.same(arguments, { call[3], call[4] });
		end
		assert.not_equal(done[2][2], done[3][2]);
	end);

	it("have their effects carried out", function ()
		start();
		local effects = { { kind = "learned", always = true } };
		function calls.core.leave() return effects; end
		assert.is_true(calls.drive("leave"));
		assert.equal(effects, batches[1].effects);
		batches[1].on_learned();
		assert.equal(1, #module.timers);
		batches[1].on_failure(3);
		assert.same({ core = 1, method = "not_sent", 3 }, done[#done]);
		assert.is_nil(calls.drive("answer"));
		assert.equal(1, #batches);
	end);

	it("that fail are counted and logged, and a new core takes over", function ()
		start();
		local kept = calls.kept;
		done = {};
		assert.same({ nil, "internal-server-error" }, { calls.call_core("panic") });
		assert.equal("2 is new, 2 restores", list_done());
		assert.equal(cores[2], calls.core);
		assert.equal("the options", calls.core.options);
		assert.equal(1, failures.core);
		assert.match("^The core failed; .*: on purpose$", module.logged[1].text);
		assert.is_nil(kept.keep({ room = "room" }), "what the first core did is over");
		assert.is_true(calls.kept.keep({ room = "room" }));
	end);

	it("that fail again with each new core end", function ()
		local restored = 0;
		start(nil, function ()
			for _ = 1, 3 do
				restored = restored + 1;
				calls.drive("panic");
			end
		end);
		assert.equal(3, restored);
		assert.equal(4, #cores);
		assert.equal(3, failures.core);
		calls.call_core("ban");
		assert.same({ core = 4, method = "ban" }, done[#done]);
	end);

	it("are skipped while the core works, as after a signal", function ()
		start();
		calls.core.deadline = time_now();
		local results;
		function calls.core.explain()
			results = { calls.call_core("ban") };
			calls.keep_capabilities();
			calls.carry_out({});
		end
		function calls.core.learned() error("it is working"); end
		calls.call_core("explain");
		assert.same({ nil, "internal-server-error" }, results);
		assert.equal(0, failures.core);
		assert.equal("1 is new, 1 restores", list_done());
		assert.equal(0, #module.timers);
	end);

	it("wake it at its next deadline, by one timer", function ()
		start();
		local now = time_now();
		drive_with_deadline(now + 10);
		assert.equal(1, #module.timers);
		assert.is_true(math.abs(module.timers[1].delay - 10) < 1);
		drive_with_deadline(now + 10);
		drive_with_deadline(now + 20);
		assert.equal(1, #module.timers, "it wakes the core early enough");
		drive_with_deadline(now + 5);
		assert.is_true(module.timers[1].is_stopped);
		drive_with_deadline(nil);
		assert.equal(2, #module.timers);
		function calls.core.wake() return {}; end
		calls.core.deadline = now - 1;
		module.timers[2].callback();
		assert.equal(0, module.timers[3].delay, "the deadline has passed");
	end);

	it("store what effects say for the room or an occupant, and nothing for a core that is gone", function ()
		start();
		done = {};
		calls.carry_out({});
		local of_occupant = { kind = "keep", room = "room@muc", occupant = "room@muc/nick", nodes = {} };
		batches[1].keep(of_occupant);
		batches[1].revert(of_occupant);
		assert.is_true(batches[1].keep({ kind = "keep", room = "room@muc" }), "the room is not persistent");
		assert.equal("1 keeps an occupant's, 1 reverts an occupant's", list_done());
		calls.call_core("panic");
		done = {};
		assert.is_falsy(batches[1].keep(of_occupant));
		batches[1].revert(of_occupant);
		assert.equal("", list_done());
	end);

	it("take new options", function ()
		start();
		done = {};
		calls.set_options("others");
		assert.equal("1 set_options", list_done());
		calls.call_core("panic");
		assert.equal("others", calls.core.options);
	end);
end);
