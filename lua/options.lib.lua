-- The options, read and checked. One that is wrong is named in the log, and its default used: a slip in the
-- configuration must not leave the rooms without a service.

local function wrong(name, value, expected)
	module:log("warn", "%s is %q, which is not %s: its default is used", name, tostring(value), expected);
end

local function integer(name, least)
	local value = module:get_option(name);
	if value == nil then return nil; end
	local number = tonumber(value);
	if not number or number < least or number > 2^31 or number % 1 ~= 0 then
		wrong(name, value, ("a whole number from %d"):format(least));
		return nil;
	end
	return math.floor(number);
end

local function choice(name, allowed)
	local value = module:get_option_string(name);
	if value == nil then return nil; end
	for _, known in ipairs(allowed) do
		if value == known then return value; end
	end
	wrong(name, value, "one of "..table.concat(allowed, ", "));
	return nil;
end

local function list(name)
	local set = module:get_option_set(name);
	if not set then return nil; end
	local values = {};
	for value in set do
		if type(value) == "string" then
			table.insert(values, value);
		else
			wrong(name, value, "a list of names");
		end
	end
	return values;
end

-- What the core is made with. What is nil has the core's default.
local function for_core()
	return {
		max_payload_size = integer("mep_max_payload_size", 1);
		max_depth = integer("mep_max_payload_depth", 8);
		max_parts = integer("mep_max_payload_parts", 100);
		max_items = integer("mep_max_items", 1);
		max_nodes = integer("mep_max_nodes", 0);
		max_room_nodes = integer("mep_max_room_nodes", 0);
		max_subscriptions = integer("mep_max_subscriptions", 0);
		max_subscribers = integer("mep_max_subscribers", 0);
		max_affiliations = integer("mep_max_affiliations", 0);
		max_last_items = integer("mep_max_last_items", 0);
		max_last_items_size = integer("mep_max_last_items_size", 0);
		last_items_batch = integer("mep_last_items_batch", 1);
		publish_burst = integer("mep_publish_burst", 1);
		publish_rate = integer("mep_publish_rate", 0);
		caps_cache_size = integer("mep_caps_cache_size", 1);
		caps_timeout = integer("mep_caps_timeout", 1);
		notification_type = choice("mep_notification_type", { "headline", "normal", "groupchat" });
		reserved_nodes = list("mep_reserved_nodes");
		subscription_only_nodes = list("mep_subscription_only_nodes");
		node_config = module:get_option("mep_node_config");
	};
end

-- Who publishes as the room where its own configuration does not say.
local function room_publishers()
	return choice("mep_room_publishers", { "owners", "admins", "moderators", "participants" }) or "admins";
end

return {
	for_core = for_core;
	room_publishers = room_publishers;
	integer = integer;
	wrong = wrong;
};
