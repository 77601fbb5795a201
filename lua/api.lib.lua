-- What other modules of the host can do at the nodes of rooms and occupants: docs/room-api.md. Each function makes the
-- request that a client would make, and returns what is in the reply; nil and a `util.error` object if it is refused.

local errors = require "util.error";
local jid_bare = require "util.jid".bare;
local rsm = require "util.rsm";
local st = require "util.stanza";

local observers = module:require "observers";

local xmlns_data = "jabber:x:data";

local function new_error(error_type, condition, text)
	return errors.new({ type = error_type; condition = condition; text = text });
end

-- Returns a form with these fields: values are text, numbers, booleans, or lists of text. Names without a `#` are
-- XEP-0060's.
local function form(form_type, fields)
	local names = {};
	for name in pairs(fields) do table.insert(names, name); end
	table.sort(names);
	local x = st.stanza("x", { xmlns = xmlns_data, type = "submit" });
	x:tag("field", { var = "FORM_TYPE", type = "hidden" }):text_tag("value", form_type):up();
	for _, name in ipairs(names) do
		local value = fields[name];
		x:tag("field", { var = name:find("#", 1, true) and name or "pubsub#"..name });
		for _, text in ipairs(type(value) == "table" and value or { value }) do
			x:text_tag("value", type(text) == "boolean" and (text and "1" or "0") or tostring(text));
		end
		x:up();
	end
	return x;
end

-- Returns the fields of a form, as text or lists of text.
local function read_form(x)
	local fields = {};
	for field in x:childtags("field") do
		local values = {};
		for value in field:childtags("value") do table.insert(values, value:get_text()); end
		local name = field.attr.var;
		if name and name ~= "FORM_TYPE" then
			fields[name:gsub("^pubsub#", "")] = field.attr.type:match("multi$") and values or values[1] or "";
		end
	end
	return fields;
end

-- `call_now`, `call_core` and `carry_out` are those of calls.lib.lua, `copy` makes a stanza of a rendered reply;
-- `get_room(jid)` returns a room; `ask(room, target, actor, stanza)` has the core answer a request.
local function new(xmlns, rooms, get_room, ask, carry_out, call_core, copy)
	local api = {};

	-- Makes a request, and returns its reply.
	local function request(kind, address, query, as)
		local room = get_room(jid_bare(address));
		local target = rooms.is_usable(room) and rooms.target(room, address);
		if not target then return nil, new_error("cancel", "item-not-found", "no such room or occupant"); end
		local actor = rooms.room_actor(room);
		if as then
			actor = rooms.occupant_actor(room, as);
			if not actor then return nil, new_error("cancel", "item-not-found", "no such occupant"); end
		end
		local stanza = st.iq({ type = kind, id = "mep", from = actor.jid, to = address }):add_child(query);
		local list, failed = ask(room, target, actor, stanza);
		if not list then
			return nil, new_error(failed and "wait" or "cancel", failed or "item-not-found");
		end
		local reply;
		local function find_reply(effects)
			for _, effect in ipairs(effects) do
				if effect.kind == "reply" then
					reply = effect.stanza or copy(effect);
				end
			end
		end
		find_reply(list);
		carry_out(list, { send = function () return true; end }, function (unsent)
			find_reply(call_core("not_stored", stanza, unsent) or {});
		end, actor);
		if not reply or reply.attr.type == "error" then
			return nil, reply and errors.from_stanza(reply, { address = address }, "mod_mep")
				or new_error("wait", "internal-server-error");
		end
		return reply;
	end

	local function change(address, query, as)
		local reply, err = request("set", address, query, as);
		return reply and true, err;
	end

	local function pubsub(name, attr)
		return st.stanza("pubsub", { xmlns = xmlns.pubsub }):tag(name, attr);
	end

	local function owner(name, attr)
		return st.stanza("pubsub", { xmlns = xmlns.pubsub_owner }):tag(name, attr);
	end

	-- Publishes an item. `payload` is a stanza, or a table that goes as JSON. Of `options`, `id` is the item's, `config`
	-- what the node must be configured to, or is if it is new, and `as` the occupant who publishes, by nick or address;
	-- else the room does. Returns the item's id.
	function api.publish(address, node, payload, options)
		options = options or {};
		local query = pubsub("publish", { node = node }):tag("item", { id = options.id });
		if payload ~= nil then query:add_child(observers.encode(payload)); end
		query:up():up();
		if options.config then
			query:tag("publish-options"):add_child(form(xmlns.pubsub.."#publish-options", options.config)):up();
		end
		local reply, err = request("set", address, query, options.as);
		if not reply then return nil, err; end
		local publish = reply:get_child("pubsub", xmlns.pubsub):get_child("publish");
		local item = publish and publish:get_child("item");
		return item and item.attr.id or true;
	end

	-- Retracts an item, or a list of them. Subscribers are told unless `options.notify` is false.
	function api.retract(address, node, ids, options)
		options = options or {};
		local notify = options.notify ~= false and "true" or "false";
		local query = pubsub("retract", { node = node, notify = notify });
		for _, id in ipairs(type(ids) == "table" and ids or { ids }) do
			query:tag("item", { id = id }):up();
		end
		return change(address, query, options.as);
	end

	-- Returns the items of a node, the oldest first: a list of `{ id, payload, data, publisher }`. Of `options`, `ids` are
	-- those wanted, `max` is the number of the newest, `page` is what `util.rsm` makes of a page (XEP-0059), and `as` the
	-- occupant who asks. With a page, the last results say what it has: `{ first, last, count }`.
	function api.items(address, node, options)
		options = options or {};
		local query = pubsub("items", { node = node, max_items = options.max and ("%d"):format(options.max) });
		for _, id in ipairs(options.ids or {}) do
			query:tag("item", { id = id }):up();
		end
		if options.page then
			query:up():add_child(rsm.generate(options.page));
		end
		local reply, err = request("get", address, query, options.as);
		if not reply then return nil, err; end
		local list, found = {}, rsm.get(reply:get_child("pubsub", xmlns.pubsub));
		for item in reply:get_child("pubsub", xmlns.pubsub):get_child("items"):childtags("item") do
			local payload = item.tags[1];
			table.insert(list, {
				id = item.attr.id; publisher = item.attr.publisher; payload = payload; data = observers.decode(payload);
			});
		end
		return list, nil, found;
	end

	-- Returns the nodes of an address: a list of `{ node, name }`.
	function api.nodes(address, options)
		local reply, err = request("get", address, st.stanza("query", { xmlns = xmlns.disco_items }), options and options.as);
		if not reply then return nil, err; end
		local list = {};
		for item in reply:get_child("query", xmlns.disco_items):childtags("item") do
			if item.attr.node then
				table.insert(list, { node = item.attr.node; name = item.attr.name });
			end
		end
		return list;
	end

	-- Creates a node, with a generated name if `node` is nil. Returns its name.
	function api.create(address, node, config, options)
		local query = pubsub("create", { node = node }):up();
		if config then
			query:tag("configure"):add_child(form(xmlns.pubsub.."#node_config", config)):up();
		end
		local reply, err = request("set", address, query, options and options.as);
		if not reply then return nil, err; end
		local create = reply:get_child("pubsub", xmlns.pubsub);
		create = create and create:get_child("create");
		return create and create.attr.node or node;
	end

	-- Returns a node's configuration, by the names of the fields, or changes it.
	function api.configure(address, node, config, options)
		local as = options and options.as;
		if config then
			local query = owner("configure", { node = node }):add_child(form(xmlns.pubsub.."#node_config", config));
			return change(address, query, as);
		end
		local reply, err = request("get", address, owner("configure", { node = node }), as);
		if not reply then return nil, err; end
		return read_form(reply:get_child("pubsub", xmlns.pubsub_owner):get_child("configure"):get_child("x", xmlns_data));
	end

	-- Removes all items of a node.
	function api.purge(address, node, options)
		return change(address, owner("purge", { node = node }), options and options.as);
	end

	-- Deletes a node.
	function api.delete(address, node, options)
		return change(address, owner("delete", { node = node }), options and options.as);
	end

	-- Returns the explicit subscriptions to a node: a list of `{ jid, subscription }`.
	function api.subscriptions(address, node)
		local reply, err = request("get", address, owner("subscriptions", { node = node }));
		if not reply then return nil, err; end
		local list = {};
		local found = reply:get_child("pubsub", xmlns.pubsub_owner):get_child("subscriptions");
		for entry in found:childtags("subscription") do
			table.insert(list, { jid = entry.attr.jid; subscription = entry.attr.subscription });
		end
		return list;
	end

	-- Returns what each room of this host holds: a list of `{ room, occupants, nodes, items, octets }`.
	function api.rooms()
		return call_core("holdings");
	end

	-- Returns who is in a room, and is told of events at a node: a list of `{ occupant, client, why_not }`, by session.
	function api.audience(address, node)
		local list = call_core("audience", jid_bare(address), address, node);
		if not list then return nil, new_error("cancel", "item-not-found", "no such node"); end
		return list;
	end

	api.subscribe, api.encode, api.decode = observers.subscribe, observers.encode, observers.decode;

	return api;
end

return { new = new };
