-- The commands `mep:…` of Prosody's shell, for all hosts that have the module.

local jid_host = require "util.jid".host;
local json = require "util.json";
local parse_xml = require "util.xml".parse;

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

-- Calls `f(host, mep)` for one host or all of them. Returns how many there are; nil and a text if there are none.
local function each_host(wanted, f)
	local found = 0;
	for _, host in ipairs(sorted_hosts()) do
		if wanted == nil or wanted == host then
			found = found + 1;
			f(host, hosts[host].modules.mep);
		end
	end
	if found == 0 then
		return nil, wanted and "mod_mep is not loaded on "..tostring(wanted) or "mod_mep is not loaded on any host";
	end
	return found;
end

local function counted(number, what)
	return ("%d %s%s"):format(number, what, number == 1 and "" or "s");
end

-- Prints rows below a header, in columns that are as wide as what is in them.
local function print_table(self, header, rows)
	local widths = {};
	table.insert(rows, 1, header);
	for _, row in ipairs(rows) do
		for at, text in ipairs(row) do
			row[at] = tostring(text):gsub("%c", " ");
			widths[at] = math.max(widths[at] or 0, #row[at]);
		end
	end
	for _, row in ipairs(rows) do
		local cells = {};
		for at, text in ipairs(row) do cells[at] = text..(" "):rep(widths[at] - #text); end
		self.session.print((table.concat(cells, "  "):gsub(" +$", "")));
	end
	return #rows - 1;
end

local commands = {};

commands.status = {
	desc = "Show status and statistics of mod_mep on a host, or on all hosts";
	args = { { name = "host", type = "string" } };
	run = function (self, wanted)
		local found, err = each_host(wanted, function (_, mep)
			for _, line in ipairs(mep.module.report()) do
				self.session.print(line);
			end
		end);
		return found and true, err or counted(found, "host");
	end;
};

commands.rooms = {
	desc = "List the rooms with nodes, and what they hold";
	args = { { name = "host", type = "string" } };
	run = function (self, wanted)
		local rows = {};
		local found, err = each_host(wanted, function (_, mep)
			for _, it in ipairs(mep.rooms() or {}) do
				table.insert(rows, { it.room, it.occupants, it.nodes, it.items, it.octets });
			end
		end);
		if not found then return nil, err; end
		return true, counted(print_table(self, { "room", "occupants", "nodes", "items", "octets" }, rows), "room");
	end;
};

-- Adds a command about an address; `run(self, mep, address, ...)` returns a text, or nil and an error.
local function about(name, desc, args, run)
	table.insert(args, 1, { name = "address", type = "string" });
	commands[name] = {
		desc = desc;
		args = args;
		run = function (self, address, ...)
			for at, arg in ipairs(args) do
				if type((select(at, address, ...))) ~= "string" and not arg.optional then
					return nil, ("mep:%s needs the %s as a text"):format(name, arg.name);
				end
			end
			local host = hosts[jid_host(address) or ""];
			local mep = host and host.modules and host.modules.mep;
			if not mep or not mep.publish then return nil, "mod_mep is not loaded on the host of "..address; end
			local text, err = run(self, mep, address, ...);
			if text then return true, text; end
			return nil, type(err) == "table" and ("%s: %s"):format(err.condition, err.text or "refused") or err;
		end;
	};
end

local node = { name = "node", type = "string" };

about("nodes", "List the nodes of a room, or of an occupant (room/nick)", {}, function (self, mep, address)
	local nodes, err = mep.nodes(address);
	if not nodes then return nil, err; end
	local rows = {};
	for _, it in ipairs(nodes) do
		local items = mep.items(address, it.node);
		local config = mep.configure(address, it.node) or {};
		table.insert(rows, { it.node, items and #items or "-", config.access_model or "-", it.name or "" });
	end
	return counted(print_table(self, { "node", "items", "access", "title" }, rows), "node");
end);

about("items", "List the items of a node", { node }, function (self, mep, address, name)
	local items, err = mep.items(address, name);
	if not items then return nil, err; end
	local rows = {};
	for _, it in ipairs(items) do
		table.insert(rows, { it.id, tostring(it.payload or ""):sub(1, 100) });
	end
	return counted(print_table(self, { "id", "payload" }, rows), "item");
end);

about("audience", "List who is told of events at a node, and why others are not", {
	node;
}, function (self, mep, address, name)
	local list, err = mep.audience(address, name);
	if not list then return nil, err; end
	local rows, told = {}, 0;
	for _, it in ipairs(list) do
		if not it.why_not then told = told + 1; end
		table.insert(rows, { it.occupant, it.client == "" and "-" or it.client, it.why_not and "no: "..it.why_not or "yes" });
	end
	print_table(self, { "occupant", "client", "told" }, rows);
	return ("%d of %s told"):format(told, counted(#list, "session"));
end);

about("subscriptions", "List the explicit subscriptions to a node", { node }, function (self, mep, address, name)
	local list, err = mep.subscriptions(address, name);
	if not list then return nil, err; end
	local rows = {};
	for _, it in ipairs(list) do table.insert(rows, { it.jid, it.subscription }); end
	return counted(print_table(self, { "jid", "subscription" }, rows), "subscription");
end);

about("publish", "Publish XML, or JSON in a container, as the room or for an occupant", {
	node; { name = "payload", type = "string" }; { name = "id", type = "string", optional = true };
}, function (_, mep, address, name, text, id)
	local is_xml = text:match("^%s*<");
	local ok, payload = pcall(is_xml and parse_xml or json.decode, text);
	if not ok or payload == nil or payload == false and is_xml then return nil, "the payload is neither XML nor JSON"; end
	local published, err = mep.publish(address, name, payload, { id = id });
	return published and "published "..tostring(published), err;
end);

about("retract", "Retract an item", { node, { name = "id", type = "string" } }, function (_, mep, address, name, id)
	local ok, err = mep.retract(address, name, id);
	return ok and "retracted", err;
end);

about("delete", "Delete a node", { node }, function (_, mep, address, name)
	local ok, err = mep.delete(address, name);
	return ok and "deleted", err;
end);

local items = {};

local function show()
	for name, command in pairs(commands) do
		-- The shell looks for commands on virtual hosts and in the global module context, not on components
		items[name] = {
			section = "mep";
			section_desc = "MUC Eventing Protocol (XEP-0316)";
			name = name;
			desc = command.desc;
			args = command.args;
			handler = command.run;
		};
		shell:add_item("shell-command", items[name]);
	end
end

local function hide()
	for _, item in pairs(items) do shell:remove_item("shell-command", item); end
end

-- COMPAT 0.12 has no shell commands in modules, but shares the table that its shell finds commands in
if not module.on_ready then
	local known = module:shared "/*/admin_shell/env";

	function show()
		known.mep = {};
		for name, command in pairs(commands) do known.mep[name] = command.run; end
	end

	function hide()
		known.mep = nil;
	end
end

-- The shell takes one command of a name, and 13.0.7 warns about a second. So the module of one host offers them, and
-- when that is unloaded, the module of another host takes over.
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
