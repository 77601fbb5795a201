-- Calls the core and carries out the effects that it returns. If the core fails, a new one takes its place.

local random_bytes = require "util.random".bytes;
local st = require "util.stanza";
local time_now = require "util.time".now;

local new_capabilities = module:require "capabilities".new;
local new_keeper = module:require "kept";

-- `lib` is what the core's file exports; `run_effects(batch)` carries out effects; `outages` takes note of storage
-- failures; failures of the core are counted in `failures.core`; `kept_state` is the keeper's state before a reload.
--
-- In the result, `core` is the core and `kept` keeps its rooms' nodes. Both are replaced if the core fails.
local function new(lib, run_effects, outages, failures, kept_state)
	local calls = {};
	local capabilities = new_capabilities(outages, lib.caps_shards);
	-- The configured values, as the core takes them.
	local options;
	-- Lets other modules know: see `observers.lib.lua`.
	local observers;
	-- Stores the nodes of occupants: see `start`.
	local occupants;
	-- Called for a new core: see `start`.
	local reset, restore;
	local rebuild;

	-- COMPAT 0.12 runs signal handlers at once, even inside a call of the core, which must not be called again then. Such
	-- a signal means shutdown, so skipping the call does no harm.
	local busy = false;

	-- Calls the core. A failure there is a bug that leaves its state suspect, so a new core is built from the rooms.
	-- Returns nil and the condition of a stanza error if the call fails or is skipped.
	local function call_core(method, ...)
		if busy then return nil, "internal-server-error"; end
		busy = true;
		local core = calls.core;
		local ok, result = pcall(core[method], core, ...);
		busy = false;
		if ok then
			return result;
		end
		failures.core = failures.core + 1;
		module:log("error", "The core failed; rebuilding it from the rooms and storage: %s", result);
		rebuild();
		return nil, "internal-server-error";
	end

	-- Calls a method of the core that acts at a moment: it takes the time and the random octets first.
	local function call_now(method, ...)
		if observers then observers.note(); end
		return call_core(method, time_now(), random_bytes(16), ...);
	end

	calls.call_core, calls.call_now = call_core, call_now;
	-- Stores what the core has learned about capabilities.
	function calls.keep_capabilities()
		if not busy then
			capabilities.keep(calls.core);
		end
	end

	-- Answers come in bursts, so those of the next few seconds are stored together.
	local function on_learned()
		module:add_timer(capabilities.delay, calls.keep_capabilities);
	end

	-- The one timer that wakes the core, and the time that it is set for.
	local wake_timer, wake_at;
	local on_wake;

	-- Sets it to the core's next deadline, unless it is set to that or earlier: waking the core too early does no harm.
	-- To be called after each call that can change the deadline.
	local function set_timer()
		local deadline = not busy and calls.core:next_deadline();
		if not deadline or wake_at and wake_at <= deadline then return; end
		if wake_timer then wake_timer:stop(); end
		wake_at = deadline;
		wake_timer = module:add_timer(math.max(0, deadline - time_now()), on_wake);
	end

	calls.set_timer = set_timer;

	-- Carries out the effects of a call; the parameters are the fields of a batch in effects.lib.lua.
	-- `actor` made the request, if it was one.
	local function carry_out(list, origin, on_failure, actor)
		local kept = calls.kept;
		run_effects({
			effects = list;
			origin = origin;
			keep = function (effect)
				if not effect.occupant then return kept.keep(effect); end
				return kept == calls.kept and occupants.keep(effect); -- else the core was rebuilt
			end;
			revert = function (effect)
				if not effect.occupant then
					kept.revert(effect.room);
				elseif kept == calls.kept then
					occupants.revert(effect);
				end
			end;
			on_failure = on_failure;
			on_learned = on_learned;
			tell = function (effect)
				if observers then observers.tell(effect, actor); end
			end;
		});
		set_timer();
	end
	calls.carry_out = carry_out;

	-- To be called before `start`.
	function calls.set_observers(them)
		observers = them;
	end

	local function not_sent(messages)
		call_core("not_sent", messages);
	end

	-- Like `call_now`, and carries out the effects. Returns true if there is a list of them, which may be empty.
	local function drive(method, ...)
		local list = call_now(method, ...);
		if list then
			carry_out(list, nil, not_sent);
			return true;
		end
	end
	calls.drive = drive;

	calls.kept = new_keeper(call_core, drive, outages, kept_state);

	function on_wake()
		wake_timer, wake_at = nil, nil;
		drive("wake");
	end

	local rebuilding = false;
	function rebuild()
		calls.core = lib.new(st.stanza_mt, options);
		capabilities.recall(calls.core);
		calls.kept = new_keeper(call_core, drive, outages, calls.kept.retire());
		reset();
		if rebuilding then return; end -- a core failed while it was told about the rooms: this one is told the rest
		rebuilding = true;
		restore();
		rebuilding = false;
	end

	-- To be called before `start`, and when the configuration has changed.
	function calls.set_options(new_options)
		options = new_options;
		if calls.core then
			call_now("set_options", options);
			set_timer();
		end
	end

	-- Starts with the core from before a reload, or with a new one. `on_new_core()` is called for each new core, which
	-- knows no rooms yet; then `restore_rooms()` tells it who is in which room. `keeper` has `keep` and `revert`, which
	-- store the nodes of an occupant and undo the change in memory if that failed; they take the effect.
	function calls.start(saved_core, keeper, on_new_core, restore_rooms)
		occupants, reset, restore = keeper, on_new_core, restore_rooms;
		if not saved_core then return rebuild(); end
		calls.core = saved_core;
		saved_core:configure(time_now(), random_bytes(16), st.stanza_mt, options);
		saved_core:explain(false); -- until debugging.note finds a reader
		saved_core:observe(false); -- until observers.note finds one
		set_timer();
	end

	return calls;
end

return { new = new };
