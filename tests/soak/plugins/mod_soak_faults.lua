-- Storage that fails now and then: as long as the file `soak_faults` has a word in it, one call in `soak_fault_in` of the
-- stores of rooms' nodes fails as the word says: "return" gives nil and a reason, "throw" raises an error.

local datamanager = require "core.storagemanager".olddm;
local path = module:get_option_string "soak_faults";
local every = module:get_option_number("soak_fault_in", 3);

local function word()
	local file = io.open(path);
	local text = file and file:read "*l";
	if file then file:close(); end
	return text;
end

for _, name in ipairs { "load", "store" } do
	local original = datamanager[name];
	datamanager[name] = function (user, host, store, ...)
		if store and store:match "^mep" and math.random(every) == 1 then
			local how = word();
			if how == "throw" then error("the disk is on fire"); end
			if how == "return" then return nil, "the disk is full"; end
		end
		return original(user, host, store, ...);
	end;
end
