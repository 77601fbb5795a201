-- In-memory stores with the interface of a storage driver, which fail on demand.

local lua = require "support.lua";
local serialize = require "support.prosody".load().require "util.serialization".serialize;

local stores = {};
stores.__index = stores;

-- `has_files`: the map stores are like those that storagemanager builds on keyval stores.
-- Counts `writes`; for the write with the number `fail_at`, calls `failure()` instead.
function stores.new(has_files)
	return setmetatable({ data = {}, writes = 0, has_files = has_files }, stores);
end

local function copy(value)
	return value and lua.load("return "..serialize(value))();
end

function stores:write(store, user, data)
	self.writes = self.writes + 1;
	if self.writes == self.fail_at then
		return self.failure();
	end
	self.data[store] = self.data[store] or {};
	self.data[store][user] = data and next(data) ~= nil and copy(data) or nil;
	return true;
end

function stores:read(store, user)
	return copy(self.data[store] and self.data[store][user]);
end

-- Returns whether anything is stored.
function stores:is_empty()
	for _, users in pairs(self.data) do
		if next(users) ~= nil then return false; end
	end
	return true;
end

function stores:open(name, kind)
	local driver = self;
	local store = { remove = {}, keyval_store = self.has_files and kind == "map" and {} or nil };
	if kind ~= "map" then
		function store.get(_, user) return driver:read(name, user); end
		function store.set(_, user, data) return driver:write(name, user, data); end
		return store;
	end
	function store.get(_, user, key)
		local data = driver:read(name, user);
		return data and data[key];
	end
	function store.set_keys(_, user, changes)
		local data = driver:read(name, user) or {};
		for key, value in pairs(changes) do
			if value == store.remove then value = nil; end
			data[key] = value;
		end
		return driver:write(name, user, data);
	end
	function store.set(_, user, key, value)
		if value == nil then value = store.remove; end
		return store:set_keys(user, { [key] = value });
	end
	return store;
end

return stores;
