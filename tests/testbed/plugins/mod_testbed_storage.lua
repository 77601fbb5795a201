-- While this is loaded, nothing can be written to this module's stores of the embedded storage.

local files = require "core.storagemanager".olddm;
local store = files.store;

function files.store(user, host, name, ...)
	if name == "mep" or name == "mep_nodes" then
		return nil, "the disk is full";
	end
	return store(user, host, name, ...);
end

function module.unload()
	files.store = store;
end
