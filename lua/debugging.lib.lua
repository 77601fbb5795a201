-- Finds out whether any log takes lines at `debug`. Only then does the core work out which sessions are not notified of
-- an event, and why.
--
-- Prosody does not tell, but it formats a line only if a log takes it. So an argument's `__tostring` tells.

local was_read = false;

-- Stands in for an address in a log line.
local address = setmetatable({ is = "" }, {
	__tostring = function (self)
		was_read = true;
		return self.is;
	end;
});

-- Calls `on_change(is_read)` when that changes. At first nothing is read.
local function new(on_change)
	local is_read = false;
	local debugging = {};

	-- Logs what an occupant does, and finds out whether the line is read.
	function debugging.note(occupant, what)
		was_read, address.is = false, occupant;
		module:log("debug", "%s %s", address, what);
		if was_read ~= is_read then
			is_read = was_read;
			on_change(is_read);
		end
	end

	-- Called for a new core, which does not explain anything yet.
	function debugging.reset()
		is_read = false;
	end

	return debugging;
end

return { new = new };
