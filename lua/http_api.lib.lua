-- The nodes of rooms over HTTP: docs/room-api.md. Off until there is a token. What a request asks for is done by
-- api.lib.lua, as the room.

local array = require "util.array";
local equals = require "util.hashes".equals;
local json = require "util.json";
local new_throttle = require "util.throttle".create;
local sha256 = require "util.hashes".sha256;
local st = require "util.stanza";
local parse_xml = require "util.xml".parse;
local is_utf8 = require "util.encodings".utf8.valid;
local formdecode, urldecode, urlencode = require "util.http".formdecode, require "util.http".urldecode,
	require "util.http".urlencode;

-- How many streams of events there may be, and octets that one may lag behind.
local max_streams, max_lag = 100, 2^18;

-- Seconds between two signs of life on a stream.
local heartbeat = 30;

-- The largest page of a list.
local max_page = 100;

-- The shortest token: about what no one guesses.
local min_token = 16;

local statuses = {
	["bad-request"] = 400; ["jid-malformed"] = 400; ["not-acceptable"] = 400; ["unexpected-request"] = 400;
	["forbidden"] = 403; ["not-allowed"] = 403; ["not-authorized"] = 403; ["registration-required"] = 403;
	["item-not-found"] = 404; ["gone"] = 404;
	["conflict"] = 409;
	["feature-not-implemented"] = 501;
	["internal-server-error"] = 503;
};

local function status_of(err)
	local tag = err.extra and err.extra.tag;
	local name = tag and tag.name;
	if name == "payload-too-big" or name == "max-items-exceeded" or name == "max-nodes-exceeded" then return 413; end
	if name == "precondition-not-met" then return 409; end
	if err.condition == "conflict" and name == "precondition-not-met" then return 409; end
	if err.condition == "resource-constraint" or err.condition == "policy-violation" then
		return err.type == "wait" and 429 or 413;
	end
	return statuses[err.condition] or 400;
end

-- Compares in a time that does not depend on where they differ, nor on the length of the stored one.
local function is_same(a, b)
	a, b = sha256(a), sha256(b);
	if equals then return equals(a, b); end
	-- COMPAT hashes without `equals`: of hashes, a comparison tells nothing about the token
	return a == b;
end

-- Returns a test for a list of names, of which one may end with `*`; everything passes without a list.
local function matcher(list)
	if list == nil then return function () return true; end; end
	return function (name)
		for _, entry in ipairs(list) do
			local start = entry:match("^(.*)%*$");
			if entry == name or start and name:sub(1, #start) == start then return true; end
		end
		return false;
	end;
end

local function is_list(value)
	if value == nil then return true; end
	if type(value) ~= "table" then return false; end
	for key, entry in pairs(value) do
		if type(key) ~= "number" or type(entry) ~= "string" then return false; end
	end
	return true;
end

-- Returns the tokens of the configuration, by their text. Logs a warning for each that is wrong.
local function read_tokens(limits)
	local tokens, count = {}, 0;
	local function add(option, token, scope)
		if type(token) ~= "string" or #token < min_token then
			module:log("warn", "%s: ignoring a token that is not a text of at least %d octets", option, min_token);
		elseif type(scope) ~= "table" or not is_list(scope.rooms) or not is_list(scope.nodes)
			or scope.access ~= nil and scope.access ~= "read" and scope.access ~= "write" then
			module:log("warn", "%s: ignoring a token whose scope is not { rooms = { … }, nodes = { … }, access = \"read\" or "
				.."\"write\" }", option);
		else
			count = count + 1;
			tokens[token] = {
				sees_room = matcher(scope.rooms); sees_node = matcher(scope.nodes); sees_all = scope.nodes == nil;
				writes = scope.access ~= "read";
				throttle = new_throttle(limits.http_burst, limits.http_burst / math.max(limits.http_rate, 1));
			};
		end
	end
	local token = module:get_option("mep_http_token");
	if token ~= nil then add("mep_http_token", token, {}); end
	local all = module:get_option("mep_http_tokens");
	if all ~= nil and type(all) ~= "table" then
		module:log("warn", "mep_http_tokens is not a table of tokens; ignoring it");
	else
		for text, scope in pairs(all or {}) do add("mep_http_tokens", text, scope); end
	end
	return tokens, count;
end

local function respond(response, status, value, content_type)
	response.status_code = status;
	if value == nil then return response:send(""); end
	response.headers.content_type = content_type or "application/json";
	return response:send(type(value) == "string" and value or json.encode(value));
end

local function fail(response, status, condition, text)
	return respond(response, status, { error = condition; text = text });
end

local function fail_with(response, err)
	local status = status_of(err);
	if status == 429 then response.headers.retry_after = "1"; end
	return fail(response, status, err.condition, err.text);
end

-- Returns whether a text can be in XML.
local function is_text(text)
	return is_utf8(text) and not text:find("[%z\1-\8\11\12\14-\31]") and not text:find("\239\191[\190\191]");
end

local function is_scalar(value)
	local kind = type(value);
	return kind == "string" and is_text(value) or kind == "number" or kind == "boolean";
end

-- Returns the raw segments of a path below the API's own, decoded: one may have encoded slashes, which Prosody decodes
-- in `request.path`. Returns nil if one of them can't be a name.
local function segments(request, path)
	local base = #request.path - #path;
	local raw, list = request.url.path:sub(base + 1), {};
	for segment in raw:gmatch("[^/]+") do
		local name = urldecode(segment);
		if not is_text(name) then return nil; end
		table.insert(list, name);
	end
	return list;
end

-- Returns the parameters of a request, by name; nil if one of them is not a text.
local function parameters(request)
	local query, list = request.url.query, {};
	local pairs_of = query and formdecode(query) or {};
	if type(pairs_of) == "string" then pairs_of = { { name = pairs_of, value = "" } }; end
	for _, pair in ipairs(pairs_of) do
		if not is_text(pair.name) or not is_text(pair.value) then return nil; end
		list[pair.name] = pair.value;
	end
	return list;
end

-- Returns whether this is a table of fields, each with a value or a list of values.
local function is_config(config)
	if type(config) ~= "table" then return false; end
	for name, value in pairs(config) do
		local values = is_scalar(value) and { value } or value;
		if type(name) ~= "string" or not is_text(name) or type(values) ~= "table" then return false; end
		for key, entry in pairs(values) do
			if type(key) ~= "number" or not is_scalar(entry) then return false; end
		end
	end
	return true;
end

-- Returns the payload in a request; nil and a status with a text if it has none that can be read.
local function read_payload(request)
	local kind = (request.headers.content_type or ""):match("^[^; ]*"):lower();
	if kind == "application/json" then
		local ok, value, problem = pcall(json.decode, request.body);
		if not ok or value == nil then return nil, 400, "the body is not JSON: "..tostring(ok and problem or value); end
		if not is_text(request.body) then return nil, 400, "the body has characters that XML can't have"; end
		return st.stanza("json", { xmlns = "urn:xmpp:json:0" }):text(request.body);
	elseif kind == "application/xml" or kind == "text/xml" then
		local ok, payload = pcall(parse_xml, request.body);
		if not ok or not payload then return nil, 400, "the body is not an XML element"; end
		if not payload.attr.xmlns then return nil, 400, "the element has no namespace"; end
		return payload;
	end
	return nil, 415, "the Content-Type is neither application/json nor application/xml";
end

local function item_of(item)
	return {
		id = item.id; publisher = item.publisher; json = item.data;
		payload = item.data == nil and item.payload and tostring(item.payload) or nil;
	};
end

-- `api` is that of api.lib.lua, `room_of(name)` returns the JID of the room with this localpart if it exists.
local function new(api, room_of)
	local http = {};
	local tokens = {};
	local is_served = false;
	-- The open streams, and how many there are.
	local streams, open_streams = {}, 0;

	local function token_of(request)
		local given = (request.headers.authorization or ""):match("^[Bb]earer +(%S+)$");
		local found;
		for text, token in pairs(tokens) do -- all of them, however early one is found
			if is_same(given or "", text) then found = token; end
		end
		return given and found;
	end

	local methods = {};

	local function list_items(response, room, node, query)
		local max = query.max == nil and max_page or query.max:match("^%d%d?%d?$") and tonumber(query.max);
		if not max or max < 1 then
			return fail(response, 400, "bad-request", ("max is not a number from 1 to %d"):format(max_page));
		end
		max = math.min(max, max_page);
		local page = { max = max; after = query.after; before = query.before };
		local items, err, found = api.items(room, node, { page = page });
		if not items then return fail_with(response, err); end
		for at, item in ipairs(items) do items[at] = item_of(item); end
		return respond(response, 200, { items = array(items); count = found.count; last = found.last });
	end

	local function open_stream(request, response, token, room)
		if open_streams >= max_streams then
			return fail(response, 429, "resource-constraint", "there are too many streams");
		end
		response.headers.content_type = "text/event-stream";
		response.headers.cache_control = "no-store";
		response.headers.connection = "close";
		response.persistent = false;
		local stream = { response = response; conn = request.conn; room = room; token = token };
		streams[response], open_streams = stream, open_streams + 1;
		function response.on_destroy()
			if streams[response] then
				streams[response], open_streams = nil, open_streams - 1;
			end
		end
		response:write_headers();
		request.conn:write(": open\n\n");
		return true;
	end

	function methods.GET(request, response, token, room, node, id)
		local query = request.mep_query;
		if not node then
			if (request.headers.accept or ""):find("text/event-stream", 1, true) then
				return open_stream(request, response, token, room);
			end
			local nodes, err = api.nodes(room);
			if not nodes then return fail_with(response, err); end
			local shown = array();
			for _, entry in ipairs(nodes) do
				if token.sees_node(entry.node) then shown:push(entry); end
			end
			return respond(response, 200, { nodes = shown });
		elseif not id and query.config then
			local config, err = api.configure(room, node);
			if not config then return fail_with(response, err); end
			return respond(response, 200, config);
		elseif not id then
			return list_items(response, room, node, query);
		end
		local items, err = api.items(room, node, { ids = { id } });
		if not items then return fail_with(response, err); end
		if not items[1] then return fail(response, 404, "item-not-found", "there is no such item"); end
		local payload = items[1].payload;
		if not payload then return respond(response, 204); end
		if items[1].data ~= nil and not (request.headers.accept or ""):find("xml", 1, true) then
			return respond(response, 200, payload:get_text());
		end
		return respond(response, 200, tostring(payload), "application/xml");
	end

	local function publish(request, response, room, node, id)
		local payload, status, text = read_payload(request);
		if not payload then return fail(response, status, "bad-request", text); end
		local fields = next(request.mep_query) and request.mep_query or nil;
		local published, err = api.publish(room, node, payload, { id = id; config = fields });
		if not published then return fail_with(response, err); end
		if not id then
			response.headers.location = ("%s/%s"):format(request.url.path:gsub("/+$", ""), urlencode(published));
		end
		return respond(response, id and 200 or 201, { id = published });
	end

	function methods.PUT(request, response, _, room, node, id)
		if not node then return fail(response, 405, "not-allowed", "a room can't be put"); end
		if id then return publish(request, response, room, node, id); end
		local ok, config = pcall(json.decode, request.body);
		if not ok or not is_config(config) then
			return fail(response, 400, "bad-request", "the body is not a JSON object with the node's configuration");
		end
		local done, err = api.create(room, node, config);
		if done then return respond(response, 201, { node = node }); end
		if err.condition == "conflict" then
			done, err = api.configure(room, node, config);
			if done then return respond(response, 200, { node = node }); end
		end
		return fail_with(response, err);
	end

	function methods.POST(request, response, _, room, node, id)
		if not node or id then return fail(response, 405, "not-allowed", "items are posted to a node"); end
		return publish(request, response, room, node);
	end

	function methods.DELETE(request, response, _, room, node, id)
		if not node then return fail(response, 405, "not-allowed", "a room can't be deleted"); end
		local ok, err;
		if id then
			ok, err = api.retract(room, node, id);
		elseif request.mep_query.items then
			ok, err = api.purge(room, node);
		else
			ok, err = api.delete(room, node);
		end
		if not ok then return fail_with(response, err); end
		return respond(response, 204);
	end

	local function handle(event, path)
		local request, response = event.request, event.response;
		local token = token_of(request);
		if not token then
			response.headers.www_authenticate = "Bearer realm=\"mep\"";
			return fail(response, 401, "not-authorized", "the request has no valid token");
		elseif not token.throttle:poll(1) then
			response.headers.retry_after = "1";
			return fail(response, 429, "resource-constraint", "too many requests; try again later");
		end
		local parts = segments(request, path);
		request.mep_query = parameters(request);
		if not parts or not request.mep_query then
			return fail(response, 400, "bad-request", "the address has characters that XML can't have");
		end
		local name, node, id = parts[1], parts[2], parts[3];
		local method = request.method == "HEAD" and "GET" or request.method;
		if not name or parts[4] then
			return fail(response, 404, "item-not-found", "the path is /room/node/item");
		elseif not token.sees_room(name) or node and not token.sees_node(node) or method ~= "GET" and not token.writes then
			return fail(response, 403, "forbidden", "the token is not for this");
		end
		local room = room_of(name);
		if not room then return fail(response, 404, "item-not-found", "there is no such room"); end
		return methods[method](request, response, token, room, node, id);
	end

	-- Writes to a stream, and ends it if its reader does not keep up.
	local function write(stream, text)
		local buffer = stream.conn.writebuffer;
		local lag = 0;
		if type(buffer) == "string" then
			lag = #buffer;
		elseif buffer and buffer.length then
			lag = buffer:length();
		else -- COMPAT 0.12 has a list of texts
			for _, part in ipairs(buffer or {}) do lag = lag + #part; end
		end
		if lag > max_lag then
			stream.response:done();
		else
			stream.conn:write(text);
		end
	end

	local function tell_streams(what)
		return function (event)
			if open_streams == 0 or event.nick then return; end
			local shown = item_of(event);
			shown.node, shown.ids = event.node, event.ids and array(event.ids);
			local text = ("event: %s\ndata: %s\n\n"):format(what, json.encode(shown));
			for _, stream in pairs(streams) do
				if stream.room == event.room.jid and stream.token.sees_node(event.node) then write(stream, text); end
			end
		end;
	end

	local function serve()
		is_served = true;
		module:depends("http");
		local route = {};
		for method in pairs(methods) do route[method.." /*"] = handle; end
		module:provides("http", { name = "mep"; default_path = "/mep"; route = route });
		for _, what in ipairs({ "published"; "retracted"; "purged"; "created"; "configured"; "deleted" }) do
			module:hook("mep-"..what, tell_streams(what), -1);
		end
		module:add_timer(heartbeat, function ()
			for _, stream in pairs(streams) do write(stream, ": \n\n"); end
			return heartbeat;
		end);
	end

	-- To be called when the options have been read. `limits` has the `http_burst` of requests of a token and their
	-- `http_rate`.
	function http.set_options(limits)
		local count;
		tokens, count = read_tokens(limits);
		if count > 0 and not is_served then serve(); end
		for _, stream in pairs(streams) do stream.response:done(); end -- they come again, with tokens that are valid
	end

	function http.unload()
		for _, stream in pairs(streams) do stream.response:done(); end
	end

	return http;
end

return { new = new };
