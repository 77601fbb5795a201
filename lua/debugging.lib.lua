-- Whether anything is done with what is logged at `debug`. Only then it is worked out whom an event is not told to, and
-- why.
--
-- Prosody does not say. But it puts a line into words only if a log takes it, so each line tells.

local was_read = false;

-- Stands for an address in a line.
local address = setmetatable({ is = "" }, {
	__tostring = function (self)
		was_read = true;
		return self.is;
	end;
});

-- `on_change(is_read)` is called when that changes; it is not read at first.
local function new(on_change)
	local is_read = false;
	local debugging = {};

	-- Logs that an occupant does something, and finds out whether that is read.
	function debugging.note(occupant, what)
		was_read, address.is = false, occupant;
		module:log("debug", "%s %s", address, what);
		if was_read ~= is_read then
			is_read = was_read;
			on_change(is_read);
		end
	end

	-- There is a new core, which explains nothing.
	function debugging.reset()
		is_read = false;
	end

	return debugging;
end

return { new = new };
