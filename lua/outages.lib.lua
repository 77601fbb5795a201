-- Storage that fails: an admin reads one line when it begins and one when it is over, and what fails is tried again
-- later and later, not with each request.
--
-- Each thing that is stored has a name here: one file may be broken while the others are fine, and what can be read
-- need not be what can be written. Failures with no success in between are one outage: what they have in common is the
-- disk, or the database.

local time_now = require "util.time".now;

-- Seconds until something is tried again: at once after the first failure, which may have been a lost connection.
local delays = { 0, 1, 2, 4, 8, 16, 32, 60 };

-- `failures` is where they are counted, as `read` and `write`; `on_change()` is called when an outage begins or ends.
-- `now` is for tests.
local function new(failures, on_change, now)
	now = now or time_now;
	local outages = {};
	-- What fails, by its name: how often in a row, when it is tried again, and the outage that it is part of.
	local failing = {};
	-- The outage that began last.
	local latest;

	local function key_of(name, is_write)
		return (is_write and "write " or "read ")..name;
	end

	-- Whether something failed so recently that it is not tried again yet.
	function outages.rests(name, is_write)
		if not latest then return false; end
		local entry = failing[key_of(name, is_write)];
		return entry ~= nil and now() < entry.retry_at;
	end

	local function begin(is_write, what, problem)
		latest = { is_write = is_write, since = now(), failures = 0, text = ("%s: %s"):format(what, problem) };
		module:log("error", "Storage fails: %s; it is tried again after up to %d seconds", latest.text, delays[#delays]);
		return latest;
	end

	-- Notes that something failed; `what` says in words what could not be done.
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
			module:log("debug", "Storage fails here, too: %s: %s", what, problem);
		else
			entry.outage = begin(is_write, what, problem);
		end
		entry.outage.failures = entry.outage.failures + 1;
		entry.times = entry.times + 1;
		entry.retry_at = now() + delays[math.min(entry.times, #delays)];
		if is_new then on_change(); end
	end

	-- Notes that something worked. That something can be read does not mean that it can be written.
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

	-- What fails, in words: that of the outage that began first. Nothing where all is well.
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
