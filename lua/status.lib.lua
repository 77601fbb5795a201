-- What an admin can see of a host: counts, as metrics and in the shell, and the module's status.

local statsmanager = require "core.statsmanager";

-- What is counted, by its name here and in the core, and what that is.
local gauges = {
	{ "rooms", "Rooms that something is known of" };
	{ "occupants", "Occupants" };
	{ "sessions", "Sessions in rooms" };
	{ "nodes", "Nodes, of rooms and occupants" };
	{ "subscriptions", "Explicit subscriptions" };
	{ "pending", "Last items that are still to be sent" };
	{ "caps_known", "Verified sets of capabilities" };
	{ "caps_asking", "Questions for capabilities in flight" };
};

local counters = {
	{ "publishes", "Publishes that were accepted" };
	{ "payload", "Octets of their payloads", unit = "bytes" };
	{ "deliveries", "Messages sent, one for each session that is told; last items are among them" };
	{ "last_items", "Last items sent" };
	{ "refusals", "Requests refused, by the condition of the error", label = "condition" };
	{ "storage_failures", "Calls of the storage that failed, by operation", label = "operation" };
	{ "core_failures", "Failures of the core, each of which is a bug" };
	{ "caps_asked", "Questions for capabilities" };
	{ "caps_answered", "Answers that came" };
	{ "caps_mismatched", "Answers that had not the hash that was claimed" };
	{ "caps_refused", "Errors instead of answers, and answers that were ill-formed" };
	{ "caps_timed_out", "Questions whose time was over" };
	{ "caps_evicted", "Verified sets that had to go, for want of room" };
};

-- All of it, by name: numbers, and tables of numbers by label.
local function of(core, failures)
	local counts, caps, activity = core:counts(), core:counters(), core:activity();
	return {
		rooms = counts.rooms;
		occupants = counts.occupants;
		sessions = counts.sessions;
		nodes = counts.nodes;
		subscriptions = counts.subscriptions;
		pending = counts.pending;
		caps_known = counts.known;
		caps_asking = counts.asking;
		publishes = activity.publishes;
		payload = activity.payload_octets;
		deliveries = activity.deliveries;
		last_items = activity.last_items;
		refusals = activity.refusals;
		storage_failures = { read = failures.read, write = failures.write };
		core_failures = failures.core;
		caps_asked = caps.asked;
		caps_answered = caps.answered;
		caps_mismatched = caps.mismatched;
		caps_refused = caps.refused;
		caps_timed_out = caps.timed_out;
		caps_evicted = caps.evicted;
	};
end

local families = {};
for _, kind in ipairs({ { "gauge", gauges }, { "counter", counters } }) do
	for _, row in ipairs(kind[2]) do
		families[row[1]] = module:metric(kind[1], row[1], row.unit or "", row[2], { row.label });
	end
end

-- Called right before metrics are collected.
local function measure(core, failures)
	for name, count in pairs(of(core, failures)) do
		if type(count) == "table" then
			for label, part in pairs(count) do
				families[name]:with_labels(label):set(part);
			end
		else
			families[name]:with_labels():set(count);
		end
	end
end

-- Prosody goes on to show the metrics of a module that is gone: takes this host's out, and with the last host all.
local function forget()
	local registry = statsmanager.get_metric_registry();
	if not registry then return; end
	local all = registry:get_metric_families();
	for _, item in ipairs(module.items and module.items.metric or {}) do
		local family = item.mf;
		family.data:set(module.host, nil);
		if next(family.data.data) == nil and all[family.family_name] == family then
			all[family.family_name] = nil;
		end
	end
end

-- What is counted of a label, as "forbidden 2, bad-request 1": the most first, and none that is zero.
local function by_label(parts)
	local list, sum = {}, 0;
	for label, count in pairs(parts) do
		sum = sum + count;
		if count > 0 then table.insert(list, { label, count }); end
	end
	table.sort(list, function (a, b)
		if a[2] ~= b[2] then return a[2] > b[2]; end
		return a[1] < b[1];
	end);
	for at, row in ipairs(list) do list[at] = row[1].." "..row[2]; end
	return sum, table.concat(list, ", ");
end

-- As lines for people.
local function lines(all)
	local list = {};
	for _, rows in ipairs({ gauges, counters }) do
		for _, row in ipairs(rows) do
			local count, parts = all[row[1]], "";
			if type(count) == "table" then
				count, parts = by_label(count);
				parts = parts ~= "" and ": "..parts or "";
			end
			table.insert(list, ("  %-16s %10d  %s%s"):format(row[1], count, row[2], parts));
		end
	end
	return list;
end

return { of = of, measure = measure, forget = forget, lines = lines };
