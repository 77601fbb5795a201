-- Sees to it that the nodes of persistent rooms are in memory what they are in storage. Storage is the truth: what can
-- not be kept is not so, and while it can't be told what is kept, a room's own nodes are not served.

local attempt = module:require "attempt";
local storage = module:require "storage";

local function try(method, ...)
	return attempt(storage[method], ...);
end

-- Makes what mod_mep works with, for one core: `ask(method, ...)` calls it; `outages` notes what of the storage fails;
-- `state` is what another one had.
return function (ask, outages, state)
	state = state or { loaded = {}, condemned = {} };
	-- Rooms whose nodes the core has, as they are in storage.
	local loaded = state.loaded;
	-- Rooms that were destroyed and could not be removed: the next of that name gets nothing of them.
	local condemned = state.condemned;
	-- Rooms that a later release has written to.
	local closed = {};
	local retired = false;

	-- Calls the storage, unless it has failed there just now: then nothing is tried, and nothing said.
	local function try_for(room_jid, method, verb, ...)
		local is_write = method ~= "load";
		if outages.rests(room_jid, is_write) then return nil, "it failed a moment ago"; end
		local result, problem, later = try(method, ...);
		if result then
			outages.worked(room_jid, is_write);
		elseif later then
			closed[room_jid] = true;
			module:log("warn", "The nodes of %s were %s: they are left alone, and not served, until that runs again",
				room_jid, problem);
		else
			outages.failed(room_jid, is_write, ("could not %s the nodes of %s"):format(verb, room_jid), problem);
		end
		return result, problem;
	end

	local function load(room_jid)
		local records = try_for(room_jid, "load", "load", room_jid);
		if not records then return false; end
		local _, failed = ask("load", room_jid, records);
		loaded[room_jid] = not failed or nil;
		return not failed;
	end

	local function forget(room_jid)
		loaded[room_jid], closed[room_jid] = nil, nil;
		local ok = try_for(room_jid, "forget", "remove", room_jid);
		condemned[room_jid] = not ok or nil;
		return ok;
	end

	-- Whether a room's own nodes can be served. Called before the core is asked anything of a room, and when the room
	-- became persistent, or temporary: what it has published does, too.
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
		local held = ask("snapshot", room_jid);
		if not held or not held[1] then
			return held and load(room_jid);
		end
		-- It was temporary before: what is in memory is all there is.
		if not try_for(room_jid, "keep_all", "keep", room_jid, held) then return false; end
		local _, failed = ask("kept", room_jid);
		loaded[room_jid] = not failed or nil;
		return not failed;
	end

	-- Keeps what became of a node; that of a room that is temporary by now is not to be kept.
	local function keep(change)
		if retired then return nil, "the core started anew"; end
		if not loaded[change.room] then return true; end
		return try_for(change.room, "keep", "keep", change);
	end

	-- Whether nothing is written of a room's nodes for now, as that failed a moment ago.
	local function rests(room_jid)
		return outages.rests(room_jid, true);
	end

	-- Something could not be kept: memory is what storage is again, or nothing until that can be told.
	local function revert(room_jid)
		if retired then return; end
		loaded[room_jid] = nil;
		if not load(room_jid) then
			ask("load", room_jid, {});
		end
	end

	-- The core is no more: nothing that it asks for is done. Returns what the next keeper goes on with.
	local function retire()
		retired = true;
		return { loaded = {}, condemned = condemned };
	end

	return {
		ensure = ensure; keep = keep; revert = revert; forget = forget; rests = rests; retire = retire; state = state;
	};
end;
