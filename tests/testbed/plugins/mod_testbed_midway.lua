-- Steps in once, in the midst of the server's work: when an event of the node `testbed_midway_at` is about to go to a
-- client. `testbed_midway` says how: "halt" stops the process, "reload" reloads mod_mep as soon as the server is idle.

if module:get_host_type() ~= "local" then return; end

local reload = require "core.modulemanager".reload;
local raise = require "util.signal".raise;

local node = module:get_option_string("testbed_midway_at");
local steps = {
	halt = function ()
		module:log("info", "halting");
		raise("SIGSTOP");
	end;
	reload = function ()
		module:add_timer(0, function ()
			assert(reload("rooms.localhost", "mep"));
			module:log("info", "reloaded");
		end);
	end;
};
local step_in = steps[module:get_option_string("testbed_midway", "halt")];

local function look(event)
	if tostring(event.stanza):find("node='"..node.."'", 1, true) then
		module:unhook("message/full", look);
		step_in();
	end
end

if node then module:hook("message/full", look, 1000); end
