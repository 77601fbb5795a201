-- Loads the files of lua/, each with a stand-in for Prosody's module API.

local lua = require "support.lua";
local library = require "support.prosody".load();

local glue = {};

local module = {};
module.__index = module;

-- Makes a module with the `options` of its host and those of the global section. It records what it sends and logs, its
-- hooks and its timers. `handlers` are those that others have hooked on its host, `rooms` what mod_muc has there.
function glue.new_module(options, global_options)
	local new = { host = "rooms.example", sent = {}, logged = {}, timers = {}, hooks = {} };
	new.options = setmetatable(options or {}, { __index = global_options });
	new.handlers, new.rooms = {}, {};
	new.hosts = { [new.host] = {
		events = { get_handlers = function (event) return new.handlers[event]; end };
		modules = { muc = { get_room_from_jid = function (jid) return new.rooms[jid]; end } };
	} };
	new.config = { [new.host] = new.options, ["*"] = global_options };
	return setmetatable(new, module);
end

function module:get_option(name)
	return self.options[name];
end

-- Like Prosody, runs the file again for each caller.
function module:require(name)
	return glue.load(name, self);
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
	local args = lua.pack(...);
	for i = 1, args.n do args[i] = tostring(args[i]); end
	table.insert(self.logged, { level = level, text = format:format(lua.unpack(args, 1, args.n)) });
end

-- Needs `stores`, a stand-in from `support.stores`.
function module:open_store(name, kind)
	return self.stores:open(name, kind);
end

function module:add_timer(delay, callback)
	local timer = { delay = delay, callback = callback };
	function timer.stop() timer.is_stopped = true; end
	table.insert(self.timers, timer);
	return timer;
end

function module:hook(event, handler, priority)
	self.hooks[event] = { handler = handler, priority = priority or 0 };
end

-- The Prosody libraries that files may require, with the module's configuration.
local function new_require(fake_module, load)
	return function (name)
		if name == "core.configmanager" then
			return { getconfig = function () return fake_module.config; end };
		elseif name == "core.statsmanager" then
			return { get_metric_registry = function () end };
		end
		return load(name);
	end;
end

-- The returned metric records the values that it is set to, by label.
function module:metric(kind, name, unit, _, labels)
	local metric = { kind = kind, unit = unit, has_label = labels[1] ~= nil, values = {} };
	function metric.with_labels(_, label)
		return { set = function (_, value) metric.values[label or ""] = value; end };
	end
	self.metrics = self.metrics or {};
	self.metrics[name] = metric;
	return metric;
end

-- Runs the file at `path` with these globals in addition to Lua's own.
function glue.run(path, globals)
	return lua.loadfile(path, setmetatable(globals, { __index = _G }))();
end

-- `with` can set another version of Prosody's libraries (`library`), the local sessions (`full_sessions`), Prosody's
-- `paths`, and the `folder` of the files.
function glue.load(name, fake_module, with)
	with = with or fake_module.surroundings or {};
	fake_module.surroundings = with;
	return glue.run((with.folder or "lua").."/"..name..".lib.lua", {
		module = fake_module;
		require = new_require(fake_module, (with.library or library).require);
		prosody = { hosts = fake_module.hosts; full_sessions = with.full_sessions or {}, paths = with.paths };
	});
end

-- Makes an outage tracker, with its counts in `failures` and a clock that only moves by `time`.
function glue.new_outages(fake_module)
	local watch = { failures = { read = 0, write = 0 }, time = 1000, changes = 0 };
	local function on_change() watch.changes = watch.changes + 1; end
	local outages = glue.load("outages", fake_module).new(watch.failures, on_change, function () return watch.time; end);
	return outages, watch;
end

return glue;
