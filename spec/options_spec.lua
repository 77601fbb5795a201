-- The options: what is wrong is named in the log and has its default, and the core takes all that is left.

local core = require "support.core";
local glue = require "support.glue";
local prosody = require "support.prosody";

local st = prosody.load("13.0").st;

-- The whole numbers, with the least that each may be.
local integers = {
	max_payload_size = 1, max_payload_depth = 8, max_payload_parts = 100, max_items = 1, max_nodes = 0, max_room_nodes = 0,
	max_subscriptions = 0, max_subscribers = 0, max_affiliations = 0, max_last_items = 0,
	max_last_items_size = 0, last_items_batch = 1, publish_burst = 1,
	publish_rate = 0, caps_cache_size = 1, caps_timeout = 1,
};

-- What the core calls otherwise.
local keys = { max_payload_depth = "max_depth", max_payload_parts = "max_parts" };

describe("The options", function ()
	-- What the core is made with, and the module that it was read from.
	local function read(options)
		local module = glue.new_module(options);
		return glue.load("options", module).for_core(), module;
	end

	it("are the core's own where nothing is set", function ()
		local options, module = read({});
		assert.same({}, options);
		assert.same({}, module.logged);
		core.lib.new(st.stanza_mt, options);
	end);

	it("that are numbers are taken from the least on, also from words", function ()
		for name, least in pairs(integers) do
			for _, value in ipairs({ least, least + 0.0, tostring(least), 1000 }) do
				local options, module = read({ ["mep_"..name] = value });
				assert.same({ [keys[name] or name] = math.floor(tonumber(value)) }, options);
				assert.same({}, module.logged);
				core.lib.new(st.stanza_mt, options);
			end
		end
	end);

	it("that are no such numbers are named in the log and left out", function ()
		for name, least in pairs(integers) do
			for _, value in ipairs({ least - 1, least + 0.5, "many", "", true, {}, math.huge, 0/0, 2^40 }) do
				local options, module = read({ ["mep_"..name] = value });
				assert.same({}, options);
				assert.equal(1, #module.logged);
				assert.equal("warn", module.logged[1].level);
				assert.match("mep_"..name, module.logged[1].text, 1, true);
			end
		end
	end);

	it("that are one of several words are that or nothing", function ()
		for _, word in ipairs({ "headline", "normal", "groupchat" }) do
			assert.equal(word, read({ mep_notification_type = word }).notification_type);
		end
		local options, module = read({ mep_notification_type = "chat" });
		assert.is_nil(options.notification_type);
		assert.match("mep_notification_type is \"chat\"", module.logged[1].text, 1, true);
	end);

	it("name the reserved nodes, in a list or alone", function ()
		local nodes = read({ mep_reserved_nodes = { "urn:a", "urn:b", "urn:a" } }).reserved_nodes;
		table.sort(nodes);
		assert.same({ "urn:a", "urn:b" }, nodes);
		assert.same({ "urn:a" }, read({ mep_reserved_nodes = "urn:a" }).reserved_nodes);
		assert.same({}, read({ mep_reserved_nodes = {} }).reserved_nodes);
	end);

	it("make no error of what is no node among the reserved ones", function ()
		local options = read({ mep_reserved_nodes = { "urn:a", {}, true } });
		core.lib.new(st.stanza_mt, options);
		assert.same({ "urn:a" }, options.reserved_nodes);
	end);

	it("say who publishes as the room", function ()
		local function publishers(value)
			return glue.load("options", glue.new_module({ mep_room_publishers = value })).room_publishers();
		end
		for _, word in ipairs({ "owners", "admins", "moderators", "participants" }) do
			assert.equal(word, publishers(word));
		end
		assert.equal("admins", publishers(nil));
		assert.equal("admins", publishers("everybody"));
	end);
end);
