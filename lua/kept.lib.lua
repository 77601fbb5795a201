-- Keeps the nodes of persistent rooms the same in memory and in storage. Storage decides: a change that can't be stored
-- is undone, and while a room's nodes can't be loaded, they are not served.

local attempt = module:require "attempt";
local storage = module:require "storage";

local function try(method, ...)
	return attempt(storage[method], ...);
end

-- Makes a keeper for one core. `call_core(method, ...)` calls the core, `outages` takes note of storage failures, and
-- `state` is the state of the keeper before.
return function (call_core, outages, state)
	state = state or { loaded = {}, condemned = {} };
	-- Rooms whose nodes the core has loaded from storage.
	local loaded = state.loaded;
	-- Destroyed rooms that could not be removed from storage: a new room of that name must not inherit their nodes.
	local condemned = state.condemned;
	-- Rooms that a later release has written to.
	local closed = {};
	local retired = false;

	-- Calls the storage, unless it failed for this room a moment ago.
	local function try_for(room_jid, method, verb, ...)
		local is_write = method ~= "load";
		if outages.rests(room_jid, is_write) then return nil, "it failed a moment ago"; end
		local result, problem, later = try(method, ...);
		if result then
			outages.worked(room_jid, is_write);
		elseif later then
			closed[room_jid] = true;
			module:log("warn", "The nodes of %s were %s; they are neither served nor changed until that release runs again",
				room_jid, problem);
		else
			outages.failed(room_jid, is_write, ("could not %s the nodes of %s"):format(verb, room_jid), problem);
		end
		return result, problem;
	end

	local function load(room_jid)
		local records = try_for(room_jid, "load", "load", room_jid);
		if not records then return false; end
		local left_out, failed = call_core("load", room_jid, records);
		loaded[room_jid] = not failed or nil;
		if left_out and left_out > 0 then
			module:log("warn", "%d items of nodes of %s are left out: in storage they are damaged, or exceed the limits",
				left_out, room_jid);
		end
		return not failed;
	end

	local function forget(room_jid)
		loaded[room_jid], closed[room_jid] = nil, nil;
		local ok = try_for(room_jid, "forget", "remove", room_jid);
		condemned[room_jid] = not ok or nil;
		return ok;
	end

	-- Returns whether a room's own nodes can be served. To be called before the core is called about a room, and when a
	-- room becomes persistent or temporary, as its nodes then do too.
	local function ensure(room)
		local room_jid, persistent = room.jid, room:get_persistent();
		if loaded[room_jid] then
			return persistent or forget(room_jid) or true;
		elseif condemned[room_jid] and not forget(room_jid) then
			return not persistent;
		elseif not persistent then
			return true;
		elseif closed[room_jid] then
			return false;
		end
		local snapshot = call_core("snapshot", room_jid);
		if not snapshot or not snapshot[1] then
			return snapshot and load(room_jid);
		end
		-- The room was temporary, so its nodes are in memory only
		if not try_for(room_jid, "keep_all", "store", room_jid, snapshot) then return false; end
		local _, failed = call_core("kept", room_jid);
		loaded[room_jid] = not failed or nil;
		return not failed;
	end

	-- Stores a change of a node. Changes in rooms that are temporary by now need no storing.
	local function keep(change)
		if retired then return nil, "the core was rebuilt"; end
		if not loaded[change.room] then return true; end
		return try_for(change.room, "keep", "store", change);
	end

	-- Returns whether writing a room's nodes failed a moment ago and is not tried yet.
	local function rests(room_jid)
		return outages.rests(room_jid, true);
	end

	-- Called if a change could not be stored: loads the room again. Until that is possible, its nodes are not served.
	local function revert(room_jid)
		if retired then return; end
		loaded[room_jid] = nil;
		if not load(room_jid) then
			call_core("set_aside", room_jid);
		end
	end

	-- Called when the core is replaced: its effects are ignored from now on. Returns the state for the next keeper.
	local function retire()
		retired = true;
		return { loaded = {}, condemned = condemned };
	end

	return {
		ensure = ensure; keep = keep; revert = revert; forget = forget; rests = rests; retire = retire; state = state;
	};
end;
