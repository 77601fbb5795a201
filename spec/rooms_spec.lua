-- The facts that the core gets about rooms, and the field in a room's configuration.

local core = require "support.core";
local glue = require "support.glue";
local prosody = require "support.prosody";

-- Loads the file as the module does, with the options' defaults.
local function load_rooms(module)
	local rooms = glue.load("rooms", module).new(core.lib.publishers);
	rooms.set_options((core.lib.read_options({})));
	return rooms;
end

-- A room with two occupants: an owner with two clients, and a visitor that the room hides.
local function new_room()
	local alice = {
		nick = "room@rooms.example/Alice", bare_jid = "alice@people.example", role = "moderator",
		sessions = { ["alice@people.example/1"] = { "presence" }, ["alice@people.example/2"] = { "presence" } },
	};
	local bob = {
		nick = "room@rooms.example/Bob", bare_jid = "bob@people.example", role = "visitor",
		sessions = { ["bob@people.example/1"] = { "presence" } },
	};
	local room = { jid = "room@rooms.example", _data = {}, alice = alice, bob = bob };
	-- mod_muc takes full and bare JIDs here
	function room:get_affiliation(jid) -- luacheck: ignore 212/self
		local bare = jid:match("^[^/]*");
		return ({ ["alice@people.example"] = "owner", ["banned@people.example"] = "outcast" })[bare];
	end
	function room:get_presence_broadcast() -- luacheck: ignore 212/self
		return { moderator = true, participant = true, visitor = false };
	end
	function room:get_persistent()
		return self._data.persistent;
	end
	function room:get_members_only()
		return self._data.members_only;
	end
	function room:get_whois()
		return self._data.whois or "moderators";
	end
	function room:is_anonymous_for(jid)
		return self:get_whois() ~= "anyone" and jid:match("^[^/]*") ~= "alice@people.example";
	end
	function room:get_occupant_id(occupant) -- luacheck: ignore 212/self
		return "id of "..occupant.bare_jid;
	end
	function room:get_occupant_by_real_jid(jid) -- luacheck: ignore 212/self
		for _, occupant in ipairs({ alice, bob }) do
			if occupant.sessions[jid] then return occupant; end
		end
	end
	function room:get_occupant_by_nick(nick) -- luacheck: ignore 212/self
		return ({ [alice.nick] = alice, [bob.nick] = bob })[nick];
	end
	function room:each_occupant() -- luacheck: ignore 212/self
		return pairs({ [alice.nick] = alice, [bob.nick] = bob });
	end
	return room;
end

describe("Of a room, the core is told", function ()
	local room, rooms;

	before_each(function ()
		room = new_room();
		rooms = load_rooms(glue.new_module());
	end);

	it("what an occupant's presence says", function ()
		assert.same({
			nick = room.alice.nick, role = "moderator", affiliation = "owner", visible = true,
			occupant_id = "id of alice@people.example",
		}, rooms.presence(room, room.alice));
		assert.same({
			nick = room.bob.nick, role = "visitor", affiliation = "none", visible = false,
			occupant_id = "id of bob@people.example",
		}, rooms.presence(room, room.bob));
	end);

	it("that an occupant who is leaving has no role, and is not seen", function ()
		room.alice.role = nil;
		local facts = rooms.presence(room, room.alice);
		assert.equal("none", facts.role);
		assert.is_false(facts.visible);
	end);

	it("no occupant-id where the room gives none", function ()
		rooms = load_rooms(glue.new_module({ muc_occupant_id = false }));
		assert.is_nil(rooms.presence(room, room.alice).occupant_id);
	end);

	it("who asks, inside and outside of it", function ()
		assert.same({
			jid = "alice@people.example/2", nick = room.alice.nick, role = "moderator", affiliation = "owner",
			sees_jids = true,
		}, rooms.actor(room, "alice@people.example/2"));
		assert.same({
			jid = "alice@people.example/3", role = "none", affiliation = "owner", sees_jids = true,
		}, rooms.actor(room, "alice@people.example/3"));
		assert.same({
			jid = "banned@people.example/1", role = "none", affiliation = "outcast", sees_jids = false,
		}, rooms.actor(room, "banned@people.example/1"));
	end);

	it("the target of a request: the room, an occupant, or none", function ()
		assert.same({}, rooms.target(room, room.jid));
		assert.same({ nick = room.alice.nick, affiliation = "owner" }, rooms.target(room, room.alice.nick));
		assert.equal("none", rooms.target(room, room.bob.nick).affiliation);
		assert.is_nil(rooms.target(room, room.jid.."/nobody"));
	end);

	it("what it is, and what its subscribers outside are to it", function ()
		local facts = {
			jid = room.jid, publishers = "admins", occupants = "participants", anonymous = true, persistent = false,
			members_only = false, archives = false,
		};
		assert.same(facts, rooms.info(room));
		facts.outsiders = { ["banned@people.example"] = "outcast", ["stranger@people.example"] = "none" };
		assert.same(facts, rooms.info(room, { "banned@people.example", "stranger@people.example" }));
		room._data.members_only = true;
		assert.is_true(rooms.info(room).members_only);
	end);

	it("whether it archives, by the rule of mod_muc_mam", function ()
		local archive = { ["iq-set/bare/urn:xmpp:mam:2:query"] = { function () end } };
		local function archives(options, handlers, enabled)
			local module = glue.new_module(options);
			rooms = load_rooms(module);
			module.handlers = handlers;
			room._data.archiving = enabled;
			return rooms.info(room).archives;
		end
		assert.is_true(archives({}, archive));
		assert.is_false(archives({}, archive, false));
		assert.is_false(archives({ muc_log_by_default = false }, archive));
		assert.is_true(archives({ muc_log_by_default = false }, archive, true));
		assert.is_true(archives({ muc_log_all_rooms = true, muc_log_by_default = false }, archive, false));
		for _, none in ipairs({ {}, { ["iq-set/bare/urn:xmpp:mam:2:query"] = {} } }) do
			assert.is_false(archives({ muc_log_all_rooms = true }, none, true));
		end
	end);

	it("the presences of an account, of a server, or of all", function ()
		local alice, bob = rooms.presence(room, room.alice), rooms.presence(room, room.bob);
		assert.same({ alice }, rooms.presences(room, "alice@people.example"));
		assert.same({}, rooms.presences(room, "nobody@people.example"));
		for _, jid in ipairs({ "people.example", false }) do
			local list = rooms.presences(room, jid);
			table.sort(list, function (a, b) return a.nick < b.nick; end);
			assert.same({ alice, bob }, list);
		end
	end);

	it("that it is not anonymous where everybody sees JIDs", function ()
		room._data.whois = "anyone";
		assert.is_false(rooms.info(room).anonymous);
		assert.is_true(rooms.actor(room, "bob@people.example/1").sees_jids);
	end);

	it("who publishes as the room: its own configuration before the option", function ()
		assert.equal("admins", rooms.info(room).publishers);
		rooms.set_options({ room_publishers = "moderators" });
		assert.equal("moderators", rooms.info(room).publishers);
		room._data.mep_publishers = "owners";
		assert.equal("owners", rooms.info(room).publishers);
	end);

	-- Another version may have stored a value that this core would refuse
	it("the default where what was stored makes no sense", function ()
		room._data.mep_publishers = "everybody";
		assert.equal("admins", rooms.info(room).publishers);
	end);

	it("everybody in it, with their sessions", function ()
		local list = rooms.all_occupants(room);
		table.sort(list, function (a, b) return a[1].nick < b[1].nick; end);
		assert.same({
			{ rooms.presence(room, room.alice), room.alice.sessions },
			{ rooms.presence(room, room.bob), room.bob.sessions },
		}, list);
	end);

	it("nothing where it can't be asked", function ()
		assert.truthy(rooms.is_usable(room));
		assert.falsy(rooms.is_usable(nil));
		assert.falsy(rooms.is_usable(false)); -- what mod_muc returns if a room can't be loaded
		room._data.locked = 1700000000; -- new, and being configured
		assert.truthy(rooms.is_usable(room));
		room._data.locked = math.huge;
		assert.falsy(rooms.is_usable(room));
		room._data.locked = nil;
		room._data.destroyed = true;
		assert.falsy(rooms.is_usable(room));
	end);
end);

for _, version in ipairs(prosody.versions) do
	local lib = prosody.load(version);
	local dataforms = lib.require "util.dataforms";

	describe("With Prosody "..version..", the configuration of a room", function ()
		local room, rooms, module;
		local name = "mep#roomconfig_publishers";

		before_each(function ()
			room = new_room();
			module = glue.new_module();
			rooms = load_rooms(module);
		end);

		-- The field as the owner sees it.
		local function field()
			local form = dataforms.new({ title = "Configuration" });
			module.hooks["muc-config-form"].handler({ room = room, form = form });
			local stanza = form:form();
			return stanza:get_child_with_attr("field", nil, "var", name);
		end

		local function submit(value)
			local event = { room = room, value = value, status_codes = {} };
			module.hooks["muc-config-submitted/"..name].handler(event);
			return event.status_codes;
		end

		it("asks who may publish, with the default chosen", function ()
			local shown = field();
			assert.equal("list-single", shown.attr.type);
			local values = {};
			for option in shown:childtags("option") do
				table.insert(values, option:get_child_text("value"));
				assert.is_string(option.attr.label);
			end
			assert.same(core.lib.publishers, values);
			assert.equal("admins", shown:get_child_text("value"));
		end);

		it("shows what was chosen before", function ()
			for _, value in ipairs(core.lib.publishers) do
				submit(value);
				assert.equal(value, field():get_child_text("value"));
				assert.equal(value, rooms.info(room).publishers);
			end
		end);

		it("is told as changed where it was", function ()
			assert.same({ ["104"] = true }, submit("participants"));
			assert.same({}, submit("participants"));
		end);

		it("need not be stored where it is the default", function ()
			assert.same({}, submit("admins"));
			assert.is_nil(room._data.mep_publishers);
		end);

		it("goes back to the default", function ()
			submit("owners");
			assert.same({ ["104"] = true }, submit("admins"));
			assert.equal("admins", rooms.info(room).publishers);
		end);

		it("says who of the occupants may publish, and whether anything is served at all", function ()
			local function choose(field_name, value)
				local event = { room = room, value = value, status_codes = {} };
				module.hooks["muc-config-submitted/mep#roomconfig_"..field_name].handler(event);
				return event.status_codes;
			end
			for _, value in ipairs({ "members", "moderators", "nobody", "participants" }) do
				assert.same({ ["104"] = true }, choose("occupants", value));
				assert.same({}, choose("occupants", value));
				assert.equal(value, rooms.info(room).occupants);
			end
			assert.same({}, choose("occupants", "everybody"));
			assert.same({}, choose("enabled", true));
			assert.same({ ["104"] = true }, choose("enabled", false));
			assert.is_true(rooms.is_off(room));
			assert.is_falsy(rooms.is_usable(room));
			assert.same({ ["104"] = true }, choose("enabled", true));
			assert.is_false(rooms.is_off(room));
			assert.is_nil(room._data.mep_off);
		end);

		it("takes no other values, and none", function ()
			assert.same({}, submit("everybody"));
			assert.same({}, submit(nil));
			assert.same({}, room._data);
		end);
	end);
end

describe("Who may publish as a room", function ()
	it("is listed by the core, from few to many, with a label for each in the form", function ()
		assert.same({ "owners", "admins", "moderators", "participants" }, core.lib.publishers);
		local labels = glue.load("rooms", glue.new_module()).labels;
		for _, name in ipairs(core.lib.publishers) do
			assert.is_string(labels[name], name);
			labels[name] = nil;
		end
		assert.same({}, labels);
	end);
end);
