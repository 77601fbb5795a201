-- Storage outages: logs one line when an outage begins and one when it ends, and makes failed operations wait longer
-- and longer before they are tried again.
--
-- Each stored entry has a name here, as one file may be broken while others are fine; reading and writing are tracked
-- apart. Failures without a success in between are one outage, as their cause is the disk or the database.

local time_now = require "util.time".now;

-- Seconds until the next try, by number of failures. The first is zero, as a connection may just have been lost.
local delays = { 0, 1, 2, 4, 8, 16, 32, 60 };

-- Counts failures in `failures.read` and `failures.write`. Calls `on_change()` when an outage begins or ends. `now` is
-- for tests.
local function new(failures, on_change, now)
	now = now or time_now;
	local outages = {};
	-- What fails, by name: how often in a row (`times`), when to try again (`retry_at`), and its `outage`.
	local failing = {};
	-- The outage that began last.
	local latest;

	local function key_of(name, is_write)
		return (is_write and "write " or "read ")..name;
	end

	-- Returns whether an operation failed so recently that it is not tried yet.
	function outages.rests(name, is_write)
		if not latest then return false; end
		local entry = failing[key_of(name, is_write)];
		return entry ~= nil and now() < entry.retry_at;
	end

	local function begin(is_write, what, problem)
		latest = { is_write = is_write, since = now(), failures = 0, text = ("%s: %s"):format(what, problem) };
		module:log("error", "Storage fails: %s; retrying at intervals of up to %d seconds", latest.text, delays[#delays]);
		return latest;
	end

	-- Takes note of a failure; `what` describes it in words.
	function outages.failed(name, is_write, what, problem)
		local operation = is_write and "write" or "read";
		failures[operation] = failures[operation] + 1;
		local key = key_of(name, is_write);
		local entry = failing[key] or { times = 0 };
		failing[key] = entry;
		local is_new = not entry.outage or entry.outage.is_over;
		if not is_new then
			module:log("debug", "Storage still fails: %s: %s", what, problem);
		elseif latest and not latest.is_over and not latest.is_specific then
			entry.outage = latest;
			module:log("debug", "Storage also fails here: %s: %s", what, problem);
		else
			entry.outage = begin(is_write, what, problem);
		end
		entry.outage.failures = entry.outage.failures + 1;
		entry.times = entry.times + 1;
		entry.retry_at = now() + delays[math.min(entry.times, #delays)];
		if is_new then on_change(); end
	end

	-- Takes note of a success. A successful read does not end an outage of writing.
	function outages.worked(name, is_write)
		if not latest then return; end
		if is_write or not latest.is_write then
			latest.is_specific = true;
		end
		local key = key_of(name, is_write);
		local entry = failing[key];
		if not entry then return; end
		failing[key] = nil;
		local outage = entry.outage;
		if not outage.is_over and (is_write or not outage.is_write) then
			outage.is_over = true;
			module:log("info", "Storage works again, after %d seconds and %d failures",
				math.ceil(now() - outage.since), outage.failures);
		end
		if next(failing) == nil then latest = nil; end
		on_change();
	end

	-- Returns the description of the oldest outage, or nil if there is no outage.
	function outages.current()
		local oldest;
		for _, entry in pairs(failing) do
			local outage = entry.outage;
			if not outage.is_over and (not oldest or outage.since < oldest.since) then oldest = outage; end
		end
		return oldest and oldest.text;
	end

	return outages;
end

return { new = new };
