-- Calls a storage function, and treats what a driver throws like an error that it returns.
--
-- If the call fails it is made once more, so it must be safe to repeat. COMPAT once a statement of LuaDBI's for SQLite
-- has failed, its next execution fails too without being tried; the second call here takes that failure.

-- Returns what `f(...)` returns, or nil and an error. If the third result (`later`) is true, the call is not repeated.
return function (f, ...)
	local ok, result, err, later;
	for _ = 1, 2 do
		ok, result, err, later = pcall(f, ...);
		if ok and (result or not err or later) then return result, err, later; end
	end
	return nil, ok and err or result;
end
