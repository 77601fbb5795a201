-- Keeps what was learned of capabilities, so that a restart asks nobody anew: the verified sets, on 64 shelves, one
-- entry each in the store "mep_caps". It is a cache: where storage fails, clients are asked, and nothing else is lost.

local attempt = module:require "attempt";

local shelves, problem = module:open_store("mep_caps");

-- The format of the entries; one of another is as good as none.
local format = 1;

-- Seconds from the first change to the writing of all that changed by then.
local delay = 5;

local function name_of(number)
	return ("shelf-%02d"):format(number);
end

local function try(method, ...)
	-- A driver may have no such store at all
	if not shelves then return nil, problem; end
	return attempt(shelves[method], shelves, ...);
end

-- `outages` notes what of the storage fails.
local function new(outages)
	local capabilities = { delay = delay };

	local function failed(is_write, verb, err)
		outages.failed("capabilities", is_write, ("could not %s the known capabilities"):format(verb), err);
	end

	-- Gives the core what was kept. Where that can't be read, clients are asked.
	function capabilities.recall(core)
		for number = 0, 63 do
			local shelf, err = try("get", name_of(number));
			if not shelf and err then
				return failed(false, "read", err);
			end
			if type(shelf) == "table" and shelf.format == format and type(shelf.sets) == "table" then
				core:recall(shelf.sets);
			end
		end
		outages.worked("capabilities", false);
	end

	-- What could not be written, by the number of its shelf: it is tried again with what is learned next.
	local unwritten = {};

	-- Keeps what changed since the last time.
	function capabilities.keep(core)
		for _, shelf in ipairs(core:learned()) do
			unwritten[shelf.number] = shelf.sets;
		end
		if outages.rests("capabilities", true) then return; end
		for number, sets in pairs(unwritten) do
			local entry = sets[1] and { format = format; sets = sets } or nil;
			local ok, err = try("set", name_of(number), entry);
			if not ok then
				return failed(true, "keep", err);
			end
			outages.worked("capabilities", true);
			unwritten[number] = nil;
		end
	end

	return capabilities;
end

return { new = new };
