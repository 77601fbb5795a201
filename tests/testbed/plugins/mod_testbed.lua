module:set_global();

module:hook("server-started", function () module:log("info", "ready"); end, -1000);

-- However the process that started this server ends, its end of our stdin closes: the server is not to outlive it.
require "net.server".watchfd(0, function () os.exit(1); end);
