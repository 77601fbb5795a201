-- Tells a web service of changes of rooms' nodes, after the fact: docs/room-api.md. What can't be delivered is tried
-- again and then given up; the rooms never wait.

local array = require "util.array";
local hmac_sha256 = require "util.hashes".hmac_sha256;
local http = require "net.http";
local json = require "util.json";
local new_id = require "util.id".medium;
local st = require "util.stanza";
local time_now = require "util.time".now;

-- How many events may wait. Further ones are dropped.
local max_waiting = 1000;

-- Seconds before an event is tried again, by the number of failures. After the last, it is given up.
local delays = { 1, 2, 4, 8, 16, 32, 60, 60, 60, 60 };

local function is_text(value)
	return type(value) == "string" and value ~= "";
end

-- Returns the configured service, or nil. Logs a warning if it is wrong.
local function read()
	local set = module:get_option("mep_webhook");
	if set == nil then return nil; end
	local wrong;
	if type(set) ~= "table" or not is_text(set.url) or not set.url:match("^https?://") then
		wrong = "needs a url that begins with http:// or https://";
	elseif not is_text(set.secret) then
		wrong = "needs a secret, which signs what is sent";
	elseif set.nodes ~= nil and type(set.nodes) ~= "table" then
		wrong = "has nodes that are not a list of names";
	elseif set.format ~= nil and set.format ~= "json" and set.format ~= "xml" then
		wrong = "has a format other than \"json\" and \"xml\"";
	end
	if wrong then
		module:log("warn", "mep_webhook %s; nothing is sent", wrong);
		return nil;
	end
	local nodes;
	for _, node in ipairs(set.nodes or {}) do
		nodes = nodes or {};
		nodes[node] = true;
	end
	return { url = set.url; secret = set.secret; nodes = set.nodes and (nodes or {}); format = set.format or "json" };
end

local function body_of(what, event, format)
	if format == "xml" then
		local xml = st.stanza("event", {
			xmlns = "urn:mod_mep:event"; what = what; room = event.room.jid; nick = event.nick; node = event.node; id = event.id;
		});
		if event.payload then xml:add_child(event.payload); end
		for _, id in ipairs(event.ids or {}) do xml:tag("retract", { id = id }):up(); end
		return tostring(xml), "application/xml";
	end
	return json.encode({
		event = what; room = event.room.jid; nick = event.nick; node = event.node; id = event.id;
		ids = event.ids and array(event.ids); json = event.data; at = math.floor(time_now());
		payload = event.data == nil and event.payload and tostring(event.payload) or nil;
	}), "application/json";
end

local function new()
	local hook = {};
	local service;
	-- Those that wait, the oldest first; one is under way at a time, so they arrive in order.
	local queue, first, last = {}, 1, 0;
	local is_busy, dropped, is_failing = false, 0, false;
	local is_hooked, is_unloaded = false, false;
	local deliver;

	local function done(delivery, problem)
		is_busy = false;
		if is_unloaded then return; end
		local delay = problem and delays[delivery.tries];
		if delay then
			if not is_failing then
				is_failing = true;
				module:log("warn", "The webhook fails: %s; trying again", problem);
			end
			is_busy = true;
			module:add_timer(delay, function ()
				is_busy = false;
				deliver();
			end);
			return;
		elseif problem then
			dropped = dropped + 1;
			module:log("warn", "The webhook's event %s is given up after %d tries: %s", delivery.id, delivery.tries, problem);
		elseif is_failing then
			is_failing = false;
			module:log("info", "The webhook works again; %d events were dropped", dropped);
			dropped = 0;
		end
		queue[first], first = nil, first + 1;
		deliver();
	end

	function deliver()
		local delivery = queue[first];
		if is_busy or not delivery then return; end
		if not service then
			queue, first, last = {}, 1, 0;
			return;
		end
		is_busy = true;
		delivery.tries = delivery.tries + 1;
		local ok, err = pcall(http.request, service.url, {
			method = "POST"; body = delivery.body;
			headers = {
				["Content-Type"] = delivery.content_type; ["X-Mep-Event"] = delivery.what; ["X-Mep-Delivery"] = delivery.id;
				["X-Mep-Signature"] = "sha256="..hmac_sha256(service.secret, delivery.body, true);
			};
		}, function (_, code)
			done(delivery, (code < 200 or code >= 300) and ("the answer is %d"):format(code) or nil);
		end);
		if not ok then done(delivery, tostring(err)); end
	end

	local function on_change(what)
		return function (event)
			if not service or service.nodes and not service.nodes[event.node] then return; end
			if last - first + 1 >= max_waiting then
				dropped = dropped + 1;
				return;
			end
			local body, content_type = body_of(what, event, service.format);
			last = last + 1;
			queue[last] = { id = new_id(); what = what; body = body; content_type = content_type; tries = 0 };
			deliver();
		end;
	end

	-- To be called when the options have been read.
	function hook.set_options()
		service = read();
		if not service or is_hooked then return; end
		is_hooked = true;
		for _, what in ipairs({ "published"; "retracted"; "purged"; "created"; "configured"; "deleted" }) do
			module:hook("mep-"..what, on_change(what), -1);
		end
	end

	function hook.unload()
		is_unloaded = true;
	end

	return hook;
end

return { new = new };
