-- Calls what asks the storage for something. What a driver throws is an error like one that it returns.
--
-- Again where that fails, so it must be something that can be done twice. COMPAT a statement of LuaDBI's for SQLite
-- that failed fails the next time too, without being tried: so it is this request that it fails, and not the next one.

-- Returns what `f(...)` does; nothing and an error where that fails. What it says to be `later` is not tried again.
return function (f, ...)
	local ok, result, err, later;
	for _ = 1, 2 do
		ok, result, err, later = pcall(f, ...);
		if ok and (result or not err or later) then return result, err, later; end
	end
	return nil, ok and err or result;
end
