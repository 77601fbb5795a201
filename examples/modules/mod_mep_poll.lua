-- Polls, for rooms with mod_mep.
--
-- Everyone with voice starts a poll by publishing to "urn:mod_mep:poll:0" at their own address, and votes in the same
-- way at "urn:mod_mep:vote:0". The room publishes each poll with its votes at "urn:mod_mep:polls:0", until its author
-- retracts it, or a moderator does there.
-- The payloads are JSON containers (XEP-0335):
--
--   poll   {"question":"Tea?","options":["yes","no"]}
--   vote   {"poll":"alice","option":1}
--   polls  {"question":"Tea?","options":["yes","no"],"votes":[3,1]}

local mep = module:depends "mep";
local jid_bare = require "util.jid".bare;

local poll, vote, polls = "urn:mod_mep:poll:0", "urn:mod_mep:vote:0", "urn:mod_mep:polls:0";

-- What each account voted, by room and poll: with another nick, it has no second vote.
local votes = setmetatable({}, { __mode = "k" });

local function is_poll(data)
	return type(data) == "table" and type(data.question) == "string" and type(data.options) == "table"
		and #data.options >= 2;
end

-- Returns a poll that stands. What moderators publish there need not be one.
local function find(room, id)
	local items = type(id) == "string" and mep.items(room.jid, polls, { ids = { id } });
	local data = items and items[1] and items[1].data;
	return is_poll(data) and data or nil;
end

local function begin(room, id)
	local standing = {};
	for _, item in ipairs(mep.items(room.jid, polls) or {}) do
		standing[item.id] = votes[room] and votes[room][item.id];
	end
	standing[id] = {};
	votes[room] = standing;
end

local function show(room, id, asked)
	local counts = {};
	for i = 1, #asked.options do counts[i] = 0; end
	for _, option in pairs(votes[room][id]) do counts[option] = counts[option] + 1; end
	local shown = { question = asked.question, options = asked.options, votes = counts };
	return mep.publish(room.jid, polls, shown, { id = id, config = { max_items = 16 } });
end

local function refuse(text)
	return { type = "modify", condition = "bad-request", text = text };
end

module:hook("mep-before-publish", function (event)
	local data = event.data;
	if event.node == poll and not is_poll(data) then
		return refuse("a poll has a question, and two options or more");
	elseif event.node == vote then
		local asked = type(data) == "table" and find(event.room, data.poll);
		if not asked then return refuse("there is no such poll"); end
		if not asked.options[data.option] then return refuse("the poll has no such option"); end
	end
end);

mep.subscribe(module, { occupants = true }, function (event)
	local room, data = event.room, event.data;
	if event.node == poll and event.what == "published" then
		begin(room, event.nick);
		show(room, event.nick, data);
	elseif event.node == poll and (event.what == "retracted" or event.what == "deleted" or event.what == "purged") then
		mep.retract(room.jid, polls, { event.nick });
	elseif event.node == vote and event.what == "published" then
		local asked = find(room, data.poll);
		if not asked then return; end
		if not (votes[room] and votes[room][data.poll]) then begin(room, data.poll); end
		votes[room][data.poll][jid_bare(event.actor.jid)] = data.option;
		show(room, data.poll, asked);
	end
end);
