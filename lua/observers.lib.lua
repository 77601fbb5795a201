-- Lets other modules of the host know of requests before they are answered, of changes of nodes after them, and of what
-- sessions want: events, which they hook like any others. docs/room-api.md describes them.

local error_of = require "util.error".new;
local json = require "util.json";
local jid_resource = require "util.jid".resource;
local st = require "util.stanza";

local xmlns_json = "urn:xmpp:json:0";

local hosts = prosody.hosts;

-- The events after a change: "mep-" and what changed.
local after = { "created"; "configured"; "published"; "retracted"; "purged"; "deleted"; "interested" };

local function handlers_of(name)
	local handlers = hosts[module.host].events.get_handlers(name);
	return handlers and handlers[1];
end

-- Returns the value in a JSON container (XEP-0335), or nil.
local function decode(payload)
	if not payload or payload.name ~= "json" or payload.attr.xmlns ~= xmlns_json then return nil; end
	local ok, value = pcall(json.decode, payload:get_text());
	return ok and value or nil;
end

-- Returns a payload as a stanza: a table is put into a JSON container.
local function encode(payload)
	if payload == nil or st.is_stanza(payload) then return payload; end
	return st.stanza("json", { xmlns = xmlns_json }):text(json.encode(payload));
end

-- Returns a copy of a publish request with another payload.
local function with_payload(stanza, payload)
	local copy = st.clone(stanza);
	local publish = copy.tags[1]:get_child("publish");
	local item = publish and publish:get_child("item");
	if not item then return stanza; end
	item:maptags(function () return nil; end);
	item:add_child(payload);
	return copy;
end

-- `call_core(method, ...)` calls the core; `get_room(jid)` returns a room.
local function new(call_core, get_room)
	local observers = {};
	local observes = false;

	-- To be called before the core is: it makes effects for other modules only if there are such.
	function observers.note()
		local wanted = false;
		for _, what in ipairs(after) do
			if handlers_of("mep-"..what) then
				wanted = true;
				break;
			end
		end
		if wanted ~= observes then
			observes = wanted;
			call_core("observe", wanted);
		end
	end

	-- Called for a new core, which observes nothing yet.
	function observers.reset()
		observes = false;
	end

	-- Asks other modules about a request. Returns it as it is to be answered; nil and an error if one refuses it.
	function observers.before(room, actor, stanza)
		if not observers.asked() then return stanza; end
		local wish = call_core("peek", stanza);
		local name = wish and "mep-before-"..wish.what;
		if not name or not handlers_of(name) then return stanza; end
		local publish = wish.what == "publish" and stanza.tags[1]:get_child("publish");
		local item = publish and publish:get_child("item");
		local payload = item and item.tags[1];
		local event = {
			room = room; address = stanza.attr.to; nick = jid_resource(stanza.attr.to);
			node = wish.node; id = wish.id; ids = wish.ids; payload = payload; data = decode(payload);
			actor = actor; stanza = stanza;
		};
		local answer = module:fire_event(name, event);
		if answer == false then
			return nil, error_of({ type = "cancel"; condition = "not-allowed" });
		elseif answer ~= nil and answer ~= true then
			return nil, error_of(answer);
		elseif item and event.payload ~= payload then
			return with_payload(stanza, encode(event.payload));
		end
		return stanza;
	end

	local questions = { "publish"; "retract"; "items"; "create"; "configure"; "purge"; "delete" };

	-- Returns whether another module wants to be asked about any request.
	function observers.asked()
		for _, what in ipairs(questions) do
			if handlers_of("mep-before-"..what) then return true; end
		end
		return false;
	end

	-- Called with each change before other modules are; set by mod_mep.
	function observers.on_face() end

	-- Tells other modules what an effect says. `actor` made the request, if it was one.
	function observers.tell(effect, actor)
		local room = get_room(effect.room);
		if not room then return; end
		if effect.kind == "changed" then observers.on_face(effect); end
		if effect.kind == "interested" then
			module:fire_event("mep-interested", {
				room = room; nick = jid_resource(effect.occupant); session = effect.session;
				gained = effect.gained; lost = effect.lost;
			});
			return;
		end
		module:fire_event("mep-"..effect.what, {
			room = room; address = effect.address; nick = jid_resource(effect.address); node = effect.node;
			what = effect.what; id = effect.id; ids = effect.ids;
			payload = effect.payload; data = decode(effect.payload); actor = actor;
		});
	end

	return observers;
end

-- Calls `handler(event)` after each change of the nodes that `where` describes, until the module `other` is unloaded.
local function subscribe(other, where, handler)
	local function on_change(event)
		if (not where.node or where.node == event.node)
			and (not where.room or where.room == event.room.jid)
			and (where.occupants == nil or where.occupants == (event.nick ~= nil)) then
			handler(event);
		end
	end
	for _, what in ipairs(after) do
		if what ~= "interested" then other:hook("mep-"..what, on_change); end
	end
end

return { new = new, subscribe = subscribe, encode = encode, decode = decode };
