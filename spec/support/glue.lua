-- The files of lua/, each loaded with a stand-in for what Prosody gives a module.

local library = require "support.prosody".load("13.0");
local set = library.require "util.set";

local glue = {};

local module = {};
module.__index = module;

-- A module of which `options` are set. What it sends, logs, hooks and wants to be called for later is kept in it.
function glue.new_module(options)
	return setmetatable({ options = options or {}, sent = {}, logged = {}, timers = {}, hooks = {} }, module);
end

function module:get_option(name)
	return self.options[name];
end

-- Prosody takes a single value for a set of one.
function module:get_option_set(name)
	local value = self.options[name];
	if value == nil then return nil; end
	return set.new(type(value) == "table" and value or { value });
end

-- Like Prosody, runs the file anew for each who asks.
function module:require(name)
	return glue.load(name, self);
end

function module:get_option_string(name, default)
	local value = self.options[name];
	return value == nil and default or value;
end

function module:get_option_boolean(name, default)
	local value = self.options[name];
	if value == nil then return default; end
	return value;
end

function module:send(stanza)
	table.insert(self.sent, { stanza = stanza, to = stanza.attr and stanza.attr.to });
end

function module:log(level, format, ...)
	local args = table.pack(...);
	for i = 1, args.n do args[i] = tostring(args[i]); end
	table.insert(self.logged, { level = level, text = format:format(table.unpack(args, 1, args.n)) });
end

-- Set `stores` to a stand-in of `support.stores` first.
function module:open_store(name, kind)
	return self.stores:open(name, kind);
end

function module:add_timer(delay, callback)
	table.insert(self.timers, { delay = delay, callback = callback });
end

function module:hook(event, handler, priority)
	self.hooks[event] = { handler = handler, priority = priority or 0 };
end

-- Runs one of the files, at `path`, with these globals besides Lua's own.
function glue.run(path, globals)
	return assert(loadfile(path, "t", setmetatable(globals, { __index = _G })))();
end

-- `with` may have another version of Prosody's libraries (`library`), who is connected (`full_sessions`), where Prosody
-- has its trees (`paths`), and the `folder` that the files are in.
function glue.load(name, fake_module, with)
	with = with or fake_module.surroundings or {};
	fake_module.surroundings = with;
	return glue.run((with.folder or "lua").."/"..name..".lib.lua", {
		module = fake_module;
		require = (with.library or library).require;
		prosody = { full_sessions = with.full_sessions or {}, paths = with.paths };
	});
end

return glue;
