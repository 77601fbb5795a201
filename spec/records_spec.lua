-- The records of nodes: payloads are texts, and those of earlier releases, which were stanza tables, are read.

local canonical = require "support.canonical";
local core = require "support.core";
local prosody = require "support.prosody";

for _, version in ipairs(prosody.versions) do
	local lib = prosody.load(version);
	local st = lib.st;

	describe("With Prosody "..version..", records", function ()
		local room;

		before_each(function () room = core.new_room(st); end);

		-- Loads items with these payloads. Returns the payloads by the items' ids, and how many items were left out.
		local function load(payloads)
			local items = {};
			for i, payload in ipairs(payloads) do
				items[i] = { id = tostring(i), at = 1000, number = i, payload = payload };
			end
			local head = { made = 1, config = { ["pubsub#max_items"] = "16" }, affiliations = {} };
			local left_out = room.host:load(room.jid, { { node = "urn:a", head = head, items = items } });
			local loaded = {};
			for _, item in ipairs(room.host:snapshot(room.jid)[1].items) do
				loaded[item.id] = item.payload;
			end
			return loaded, left_out;
		end

		it("of payloads that are stanza tables are read, and become texts", function ()
			local payload = st.stanza("a", { xmlns = "urn:a", ["urn:p\1b"] = "'", ["xml:lang"] = "de" })
				:text("<"):tag("b", { xmlns = "jabber:client" }):up():tag("c"):reset();
			local loaded, left_out = load({ st.preserialize(payload) });
			assert.equal(0, left_out);
			assert.equal("string", type(loaded["1"]));
			assert.same(canonical(payload, ""), canonical(lib.parse(loaded["1"]), ""));
			local again = load({ loaded["1"] });
			assert.equal(loaded["1"], again["1"]);
		end);

		it("of payloads that are damaged or exceed the limits are left out, and the others are not", function ()
			room.host:set_options(room.now, room.random, { mep_max_payload_depth = 8, mep_max_payload_parts = 100 });
			local good = "<a xmlns='urn:a'>text</a>";
			local deep = st.stanza("a", { xmlns = "urn:a" });
			for _ = 1, 8 do deep:tag("a"); end
			local loaded, left_out = load({
				good, "", "<a xmlns='urn:a'>", "<a xmlns='urn:a'/><b/>", "<a>\0</a>", "\255", 5, {
					name = "a", attr = { xmlns = "http://www.w3.org/XML/1998/namespace" },
				}, "<xml:a/>", tostring(deep:reset()), st.preserialize(deep), ("<a xmlns='urn:a'>"):rep(36000),
				"<a xmlns='urn:a'>"..("<b/>"):rep(100).."</a>", good, nil,
			});
			assert.same({ ["1"] = good, ["14"] = good }, loaded);
			assert.equal(12, left_out);
		end);
	end);
end
