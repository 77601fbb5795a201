-- Errors that come back for events are swallowed; all other messages pass.

local core = require "support.core";
local glue = require "support.glue";
local st = require "support.prosody".load().st;

local id = "mep-Abcdefghijklmnop_-09";

describe("A message to a room or an occupant", function ()
	local module, told;

	before_each(function ()
		module, told = glue.new_module(), {};
		glue.load("bounces", module).hook(core.lib.is_message_id, function (...) table.insert(told, { ... }); end);
	end);

	local function is_swallowed(attr, condition)
		local stanza = st.message(attr);
		if condition then
			stanza:tag("error", { type = "cancel" })
				:tag(condition, { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up():up();
		end
		local results = {};
		for _, event in ipairs({ "message/full", "message/bare" }) do
			assert.is_true(module.hooks[event].priority > -2);
			table.insert(results, module.hooks[event].handler({ stanza = stanza }) or false);
		end
		assert.equal(results[1], results[2]);
		return results[1];
	end

	it("is swallowed if it is an error for an event", function ()
		for _, condition in ipairs({ "service-unavailable", "item-not-found", "undefined-condition", "of-my-own" }) do
			assert.is_true(is_swallowed({ type = "error", id = id }, condition));
		end
		assert.is_true(is_swallowed({ type = "error", id = id }), "it need not even say which");
	end);

	it("is told to the core if it is an error for an event", function ()
		is_swallowed({ type = "error", id = id, from = "a@b/c", to = "room@rooms.example/nick" }, "gone");
		is_swallowed({ type = "error", id = id, from = "a@b/c", to = "room@rooms.example" });
		assert.same({ "bounce", "room@rooms.example", "room@rooms.example/nick", "a@b/c", "gone" }, told[1]);
		assert.same({ "bounce", "room@rooms.example", "room@rooms.example", "a@b/c", "" }, told[3]);
		told = {};
		is_swallowed({ type = "error", id = "other", from = "a@b/c", to = "room@rooms.example" }, "gone");
		assert.same({}, told);
	end);

	it("passes if it means that the recipient is absent", function ()
		for _, condition in ipairs({
			"gone", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout",
		}) do
			assert.is_false(is_swallowed({ type = "error", id = id }, condition));
		end
	end);

	it("passes if it is an error for another sender's message", function ()
		for _, other in ipairs({
			"mep-", "mep-1", "mep-0b5b0b1e-5c66-4b1c-9d0a-2d6a7a3c4f11", id.."x", "x"..id, id:sub(1, -2), id:sub(1, -2).."\n",
			id:gsub("A", "+"), "other",
		}) do
			assert.is_false(is_swallowed({ type = "error", id = other }, "service-unavailable"), other);
		end
		assert.is_false(is_swallowed({ type = "error" }, "service-unavailable"), "of something without an id");
	end);

	it("passes if it is not an error", function ()
		for _, kind in ipairs({ "normal", "chat", "groupchat", "headline" }) do
			assert.is_false(is_swallowed({ type = kind, id = id }));
		end
		assert.is_false(is_swallowed({ id = id }));
	end);

	it("is recognised by the id that the core gives its events", function ()
		local room = core.new_room(st);
		room:enter_wanting("bob", "urn:a");
		room:enter("alice");
		local seen = 0;
		for _, effect in ipairs(room:request("alice", room:publish_iq("alice", "urn:a"):tag("a", { xmlns = "urn:a" }))) do
			if effect.kind == "tell" then
				seen = seen + 1;
				assert.is_true(is_swallowed({ type = "error", id = effect[2] }, "service-unavailable"));
			end
		end
		assert.equal(1, seen);
	end);
end);
