module:set_global();

module:hook("server-started", function () module:log("info", "ready"); end, -1000);

-- However the process that started this server ends, its end of our stdin closes: the server is not to outlive it.
--
-- What it writes there ends the server as SIGTERM does. COMPAT 0.12 handles a signal inside whatever it interrupts, which
-- may be the end of a session that is then ended twice.
require "net.server".watchfd(0, function ()
	if not io.read() then os.exit(1); end
	prosody.main_thread:run(function ()
		prosody.unlock_globals();
		prosody.shutdown("The tests are done");
		prosody.lock_globals();
	end);
end);
