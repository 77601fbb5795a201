-- The glue stores verified capabilities and gives them back to a core. Corrupt entries in storage do no harm.

local core = require "support.core";
local glue = require "support.glue";
local prosody = require "support.prosody";

local st = prosody.load().st;

-- The hash of a client that wants "urn:a": of "urn:a+notify<".
local ver = "0aSnX9CPKzrIHLSUdvHP4icHBK8=";

describe("What is known of capabilities", function ()
	local module, entries, failure;

	before_each(function ()
		module, entries, failure = glue.new_module(), {}, nil;
		function module:open_store(name) -- luacheck: ignore 212/self
			assert.equal("mep_caps", name);
			return {
				get = function (_, key) return entries[key], failure; end;
				set = function (_, key, value)
					if failure then return nil, failure; end
					entries[key] = value;
					return true;
				end;
			};
		end
	end);

	-- A room in which one client has answered the capability query.
	local function learned_room()
		local room = core.new_room(st);
		local asked = room:enter("alice", room:presence_with_caps(ver))[1];
		local effects = room.host:answer(room.now, room.random, room:caps_answer(asked, "urn:a"));
		assert.same({ { kind = "learned", always = true } }, effects);
		return room;
	end

	local function known(host)
		return host:counts().caps_known;
	end

	local function another()
		return core.new_room(st).host;
	end

	local function new_capabilities()
		return glue.load("capabilities", module).new((glue.new_outages(module)), core.lib.caps_shards);
	end

	it("is kept once, and given back", function ()
		local capabilities, room = new_capabilities(), learned_room();
		assert.equal(1, known(room.host));
		capabilities.keep(room.host);
		local name, entry = next(entries);
		assert.matches("^shelf%-%d%d$", name);
		assert.same({ "urn:a" }, entry.sets[1].nodes);
		entries[name] = nil;
		capabilities.keep(room.host);
		assert.is_nil(next(entries), "what did not change is not written again");

		entries[name] = entry;
		local host = another();
		capabilities.recall(host);
		assert.equal(1, known(host));
	end);

	it("is taken from entries that are whole, and from no others", function ()
		local capabilities, room = new_capabilities(), learned_room();
		capabilities.keep(room.host);
		local _, entry = next(entries);
		local good = entry.sets[1];
		entries = {
			["shelf-00"] = { format = 2, sets = { good } };
			["shelf-01"] = "what is this";
			["shelf-02"] = { format = 1 };
			["shelf-03"] = { format = 1; sets = { "x", { method = "caps" }, good } };
			["shelf-04"] = { format = 1; sets = {
				{ method = "magic"; algorithm = "sha-1"; value = "x"; nodes = {} };
				{ method = "caps"; algorithm = "magic"; value = "x"; nodes = {} };
				{ method = "caps"; algorithm = "sha-1"; value = "x"; nodes = { {} } };
			} };
		};
		local host = another();
		capabilities.recall(host);
		assert.equal(1, known(host));
	end);

	it("is a cache: where storage fails, that is said and nothing else happens", function ()
		local capabilities, room = new_capabilities(), learned_room();
		failure = "disk full";
		capabilities.keep(room.host);
		capabilities.recall(another());
		assert.equal("error", module.logged[1].level);
		assert.matches("could not store the known capabilities: disk full", module.logged[1].text);
		assert.equal("debug", module.logged[2].level);
		assert.equal(2, #module.logged);
	end);

	it("is a cache: nor does anything else happen where storage throws, or is not there at all", function ()
		local room = learned_room();
		local function fail() error("the driver is broken", 0); end
		for _, store in ipairs({ { get = fail; set = fail }, false }) do
			function module:open_store() return store or nil; end -- luacheck: ignore 212/self
			local capabilities = new_capabilities();
			capabilities.recall(another());
			capabilities.keep(room.host);
			capabilities.keep(room.host);
		end
		local errors = 0;
		for _, line in ipairs(module.logged) do
			errors = errors + (line.level == "error" and 1 or 0);
		end
		assert.equal(1, errors, "what is learned is there to be kept once");
	end);

	it("is kept the next time where it could not be kept", function ()
		local capabilities, room = new_capabilities(), learned_room();
		failure = "disk full";
		capabilities.keep(room.host);
		failure = nil;
		capabilities.keep(room.host);
		local _, entry = next(entries);
		assert.same({ "urn:a" }, entry.sets[1].nodes);
	end);
end);
