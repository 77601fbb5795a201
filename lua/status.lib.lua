-- What an admin can see: counts, as metrics and by the shell.

local gauges = {
	{ "rooms", "Rooms that something is known of" };
	{ "occupants", "Occupants" };
	{ "sessions", "Sessions in rooms" };
	{ "nodes", "Nodes, of rooms and occupants" };
	{ "subscriptions", "Explicit subscriptions" };
	{ "known", "Verified sets of capabilities" };
	{ "asking", "Questions for capabilities in flight" };
	{ "pending", "Last items that are still to be sent" };
};

local counters = {
	{ "asked", "Questions for capabilities" };
	{ "answered", "Answers that came" };
	{ "mismatched", "Answers that had not the hash that was claimed" };
	{ "refused", "Errors instead of answers, and answers that were ill-formed" };
	{ "timed_out", "Questions whose time was over" };
	{ "evicted", "Verified sets that had to go, for want of room" };
};

local metrics = {};
for _, kind in ipairs({ { "gauge", gauges }, { "counter", counters } }) do
	for _, row in ipairs(kind[2]) do
		metrics[row[1]] = module:metric(kind[1], row[1], "", row[2], {}):with_labels();
	end
end

-- All of it, by name.
local function of(core)
	local all = core:counts();
	for name, count in pairs(core:counters()) do
		all[name] = count;
	end
	return all;
end

-- Called right before metrics are collected.
local function measure(core)
	local all = of(core);
	for name, metric in pairs(metrics) do
		metric:set(all[name]);
	end
end

-- As lines for people.
local function lines(all)
	local list = {};
	for _, rows in ipairs({ gauges, counters }) do
		for _, row in ipairs(rows) do
			table.insert(list, ("%-13s %8d  %s"):format(row[1], all[row[1]], row[2]));
		end
	end
	return list;
end

return { of = of, measure = measure, lines = lines };
