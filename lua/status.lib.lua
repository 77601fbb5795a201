-- Statistics of a host, as metrics and for the shell.

local statsmanager = require "core.statsmanager";

-- Each with its name and description. The core counts all but its own failures and those of storage.
local gauges = {
	{ "rooms", "Rooms known to the core" };
	{ "occupants", "Occupants" };
	{ "sessions", "Sessions in rooms" };
	{ "nodes", "Nodes of rooms and occupants" };
	{ "held", "Octets that nodes and their items hold in memory", unit = "bytes" };
	{ "subscriptions", "Explicit subscriptions" };
	{ "pending", "Last items waiting to be sent" };
	{ "caps_known", "Verified capability sets" };
	{ "caps_asking", "Capability queries in flight" };
};

local counters = {
	{ "publishes", "Accepted publishes" };
	{ "payload", "Octets of published payloads", unit = "bytes" };
	{ "deliveries", "Notifications sent, one for each session, including last items" };
	{ "last_items", "Last items sent" };
	{ "refusals", "Refused requests, by error condition", label = "condition" };
	{ "storage_failures", "Failed storage calls, by operation", label = "operation" };
	{ "core_failures", "Failures of the core, each of which is a bug" };
	{ "caps_asked", "Capability queries sent" };
	{ "caps_answered", "Answers to capability queries" };
	{ "caps_mismatched", "Answers that do not match the claimed hash" };
	{ "caps_refused", "Error replies and invalid answers" };
	{ "caps_timed_out", "Capability queries that timed out" };
	{ "caps_evicted", "Capability sets evicted from the full cache" };
};

-- Returns all statistics by name: numbers, or tables of numbers by label.
local function of(core, failures)
	local all = { storage_failures = { read = failures.read, write = failures.write }, core_failures = failures.core };
	for _, part in ipairs({ core:counts(), core:counters() }) do
		for name, count in pairs(part) do all[name] = count; end
	end
	return all;
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

-- Prosody goes on showing the metrics of an unloaded module. Removes those of this host, and the families with the last
-- host.
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

-- Returns the sum, and the parts as text like "forbidden 2, bad-request 1": largest first, without zeros.
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

-- The statistics as lines of text.
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
