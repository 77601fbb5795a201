-- Stands for a signal that comes while the core of mod_mep works: Prosody 0.12 runs what it leads to right there.

local core = hosts[module.host].modules.mep.module.save().core;

local function shut_down_within_the_core(thread)
	debug.sethook(thread, function ()
		if not pcall(core.counts, core) then -- it is being called
			debug.sethook(thread);
			prosody.main_thread:run(function () prosody.shutdown("A signal came"); end);
		end
	end, "cr");
end

for _, session in pairs(prosody.full_sessions) do
	shut_down_within_the_core(session.thread.thread);
end
