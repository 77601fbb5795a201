-- Stores verified capability sets, so that a restart need not query clients again: shards, with an entry each in the
-- store "mep_caps". It is a cache: if storage fails, clients are queried again and nothing else is lost.

local attempt = module:require "attempt";

local store, problem = module:open_store("mep_caps");

-- The format of the entries. Entries in another format are ignored.
local format = 1;

-- Seconds from the first change until all changes are written.
local delay = 5;

-- The name in the store is that of the first versions.
local function name_of(number)
	return ("shelf-%02d"):format(number);
end

local function try(method, ...)
	-- The driver may have failed to open the store
	if not store then return nil, problem; end
	return attempt(store[method], store, ...);
end

-- `outages` takes note of storage failures; `shards` is the number of shards.
local function new(outages, shards)
	local capabilities = { delay = delay };

	local function failed(is_write, verb, err)
		outages.failed("capabilities", is_write, ("could not %s the known capabilities"):format(verb), err);
	end

	-- Gives the stored sets to the core. If they can't be read, clients are queried.
	function capabilities.recall(core)
		for number = 0, shards - 1 do
			local shard, err = try("get", name_of(number));
			if not shard and err then
				return failed(false, "read", err);
			end
			if type(shard) == "table" and shard.format == format and type(shard.sets) == "table" then
				core:recall(shard.sets);
			end
		end
		outages.worked("capabilities", false);
	end

	-- Shards still to be written, by number. What fails is tried again after the next change.
	local unwritten = {};

	-- Stores the shards that have changed since the last call.
	function capabilities.keep(core)
		for _, shard in ipairs(core:learned()) do
			unwritten[shard.number] = shard.sets;
		end
		if outages.rests("capabilities", true) then return; end
		for number, sets in pairs(unwritten) do
			local entry = sets[1] and { format = format; sets = sets } or nil;
			local ok, err = try("set", name_of(number), entry);
			if not ok then
				return failed(true, "store", err);
			end
			outages.worked("capabilities", true);
			unwritten[number] = nil;
		end
	end

	return capabilities;
end

return { new = new };
