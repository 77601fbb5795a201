-- The command `mep:status()` of Prosody's shell, for one host or all hosts that have the module.

local hosts = prosody.hosts;

local shell = module:context("*");

local function sorted_hosts()
	local list = {};
	for host, session in pairs(hosts) do
		local mep = session.modules and session.modules.mep;
		if mep and mep.module.report then
			table.insert(list, host);
		end
	end
	table.sort(list);
	return list;
end

local function print_status(self, wanted)
	local list = sorted_hosts();
	local found = 0;
	for _, host in ipairs(list) do
		if wanted == nil or wanted == host then
			found = found + 1;
			for _, line in ipairs(hosts[host].modules.mep.module.report()) do
				self.session.print(line);
			end
		end
	end
	if found == 0 then
		return nil, wanted and "mod_mep is not loaded on "..tostring(wanted) or "mod_mep is not loaded on any host";
	end
	return true, found == 1 and "1 host" or found.." hosts";
end

-- The shell looks for commands on virtual hosts and in the global module context, not on components.
local command = {
	section = "mep";
	section_desc = "MUC Eventing Protocol (XEP-0316)";
	name = "status";
	desc = "Show status and statistics of mod_mep on a host, or on all hosts";
	args = { { name = "host", type = "string" } };
	handler = print_status;
};

local function show()
	shell:add_item("shell-command", command);
end

local function hide()
	shell:remove_item("shell-command", command);
end

-- COMPAT 0.12 has no shell commands in modules, but shares the table that its shell finds commands in
if not module.on_ready then
	local commands = module:shared "/*/admin_shell/env";

	function show()
		commands.mep = { status = print_status };
	end

	function hide()
		commands.mep = nil;
	end
end

-- The shell takes one command of a name, and 13.0.7 warns about a second. So the module of one host offers it, and when
-- that is unloaded, the module of another host takes over.
local offered = module:shared "/*/mep/shell_command";

local function offer()
	if offered.by then return; end
	offered.by = module;
	show();
end

local function withdraw()
	if offered.by ~= module then return; end
	hide();
	offered.by = nil;
	for _, host in ipairs(sorted_hosts()) do
		local other = hosts[host].modules.mep.module;
		if other ~= module then other.offer_shell(); end
	end
end

return { offer = offer, withdraw = withdraw };
