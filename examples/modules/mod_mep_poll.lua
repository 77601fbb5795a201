-- Polls, for rooms with mod_mep.
--
-- Whoever has voice starts a poll by publishing to "urn:mod_mep:poll:0" at their own address, and votes in the same way
-- at "urn:mod_mep:vote:0". The room publishes each poll with its votes at "urn:mod_mep:polls:0", until it is retracted.
-- The payloads are JSON containers (XEP-0335):
--
--   poll   {"question":"Tea?","options":["yes","no"]}
--   vote   {"poll":"alice","option":1}
--   polls  {"question":"Tea?","options":["yes","no"],"votes":[3,1]}

local mep = module:depends "mep";

local poll, vote, polls = "urn:mod_mep:poll:0", "urn:mod_mep:vote:0", "urn:mod_mep:polls:0";

-- What everyone voted, by room, poll and nick.
local votes = setmetatable({}, { __mode = "k" });

local function votes_of(room, id)
	return votes[room] and votes[room][id] or {};
end

local function begin(room, id, counted)
	votes[room] = votes[room] or {};
	votes[room][id] = counted;
end

local function show(room, id, asked)
	local counts = {};
	for i = 1, #asked.options do counts[i] = 0; end
	for _, option in pairs(votes_of(room, id)) do counts[option] = counts[option] + 1; end
	local shown = { question = asked.question, options = asked.options, votes = counts };
	return mep.publish(room.jid, polls, shown, { id = id, config = { max_items = 16 } });
end

local function refuse(text)
	return { type = "modify", condition = "bad-request", text = text };
end

module:hook("mep-before-publish", function (event)
	local data = event.data;
	if event.node == poll then
		local is_poll = type(data) == "table" and type(data.question) == "string" and type(data.options) == "table";
		if not is_poll or #data.options < 2 then return refuse("a poll has a question, and two options or more"); end
	elseif event.node == vote then
		local asked = type(data) == "table" and type(data.poll) == "string"
			and mep.items(event.room.jid, polls, { ids = { data.poll } });
		if not asked or not asked[1] then return refuse("there is no such poll"); end
		if not asked[1].data.options[data.option] then return refuse("the poll has no such option"); end
	end
end);

mep.subscribe(module, { occupants = true }, function (event)
	local room, data = event.room, event.data;
	if event.node == poll and (event.what == "retracted" or event.what == "deleted" or event.what == "purged") then
		begin(room, event.nick, nil);
		mep.retract(room.jid, polls, { event.nick });
	elseif event.what ~= "published" then
		return;
	elseif event.node == poll then
		begin(room, event.nick, {});
		show(room, event.nick, data);
	elseif event.node == vote then
		local counted = votes_of(room, data.poll);
		counted[event.nick] = data.option;
		begin(room, data.poll, counted);
		show(room, data.poll, mep.items(room.jid, polls, { ids = { data.poll } })[1].data);
	end
end);
