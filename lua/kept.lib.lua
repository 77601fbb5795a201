-- Keeps the nodes of persistent rooms the same in memory and in storage. Storage decides: a change that can't be stored
-- is undone, and while a room's nodes are not loaded, they are not served.
--
-- Large rooms are loaded in slices, with turns for others in between. Who comes meanwhile is told the last items
-- afterwards.

local attempt = module:require "attempt";
local storage = module:require "storage";

local function try(method, ...)
	return attempt(storage[method], ...);
end

-- How many octets of a room's nodes are read at once, and then in each slice; the seconds between slices.
local at_once, slice, pause = 2^20, 2^18, 0.01;

-- Makes a keeper for one core. `call_core(method, ...)` calls the core; `drive` carries out its effects, too;
-- `outages` takes note of storage failures, and `state` is the state of the keeper before.
return function (call_core, drive, outages, state)
	state = state or { loaded = {}, condemned = {} };
	-- Rooms whose nodes the core has loaded from storage.
	local loaded = state.loaded;
	-- Destroyed rooms that could not be removed from storage: a new room of that name must not inherit their nodes.
	local condemned = state.condemned;
	-- Rooms that a later release has written to.
	local closed = {};
	-- The readers of rooms whose nodes are being loaded.
	local loading = {};
	local retired = false;

	-- Takes note of what became of a call of the storage. Returns its result and problem.
	local function note(room_jid, is_write, verb, result, problem, later)
		if result or result == false and not is_write then
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

	-- Changes the storage, unless that failed for this room a moment ago.
	local function try_for(room_jid, method, verb, ...)
		if outages.rests(room_jid, true) then return nil, "it failed a moment ago"; end
		return note(room_jid, true, verb, try(method, ...));
	end

	-- Reads what has been stored of a room, or a part of it. Returns the records once all are read.
	local function read(room_jid, reader, octets)
		if outages.rests(room_jid, false) then return nil, "it failed a moment ago"; end
		return note(room_jid, false, "load", attempt(reader, octets));
	end

	-- Hands records to the core. Returns whether it took them.
	local function hand_over(room_jid, records)
		local left_out, failed = call_core("load", room_jid, records);
		loaded[room_jid] = not failed or nil;
		if left_out and left_out > 0 then
			module:log("warn", "%d items of nodes of %s are left out: in storage they are damaged, or exceed the limits",
				left_out, room_jid);
		end
		return not failed;
	end

	-- Hands records to the core. Sessions that joined before are told the last items. Returns whether it took them.
	local function serve(room_jid, records)
		return hand_over(room_jid, records) and drive("loaded", room_jid) or false;
	end

	local function go_on(room_jid, reader)
		if retired or loading[room_jid] ~= reader then return; end
		local records = read(room_jid, reader, slice);
		if records == false then return pause; end
		loading[room_jid] = nil;
		if records then serve(room_jid, records); end
	end

	-- Loads a room's nodes, or begins to. Returns whether they are loaded.
	local function load(room_jid)
		local reader = storage.reader(room_jid);
		local records = read(room_jid, reader, at_once);
		if records then return serve(room_jid, records); end
		if records == false then
			loading[room_jid] = reader;
			module:add_timer(pause, function () return go_on(room_jid, reader); end);
		end
		return false;
	end

	local function forget(room_jid)
		loaded[room_jid], closed[room_jid], loading[room_jid] = nil, nil, nil;
		local ok = try_for(room_jid, "forget", "remove", room_jid);
		condemned[room_jid] = not ok or nil;
		return ok;
	end

	-- Called when the core forgets a room whose nodes stay in storage.
	local function release(room_jid)
		loaded[room_jid], loading[room_jid] = nil, nil;
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
			return not loading[room_jid] or forget(room_jid) or true;
		elseif closed[room_jid] or loading[room_jid] then
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

	-- Called if a change could not be stored: loads the room again, at once, as others may have been told already what
	-- it undoes. Until that is possible, its nodes are not served.
	local function revert(room_jid)
		if retired then return; end
		loaded[room_jid] = nil;
		local records = read(room_jid, storage.reader(room_jid), math.huge);
		if not records or not hand_over(room_jid, records) then
			call_core("set_aside", room_jid);
		end
	end

	-- Called when the core is replaced: its effects are ignored from now on. Returns the state for the next keeper.
	local function retire()
		retired = true;
		return { loaded = {}, condemned = condemned };
	end

	return {
		ensure = ensure; keep = keep; revert = revert; forget = forget; release = release; rests = rests; retire = retire;
		state = state;
	};
end;
