-- Polls, for rooms with mod_mep.
--
-- Whoever has voice starts a poll by publishing to "urn:example:poll" at their own address, and votes in the same way
-- at "urn:example:vote". The room publishes each poll with its votes at "urn:example:polls".
-- The payloads are JSON containers (XEP-0335):
--
--   poll   {"question":"Tea?","options":["yes","no"]}
--   vote   {"poll":"alice","option":1}
--   polls  {"question":"Tea?","options":["yes","no"],"votes":[3,1]}

local mep = module:depends "mep";

local poll, vote, polls = "urn:example:poll", "urn:example:vote", "urn:example:polls";

-- What everyone voted, by room, poll and nick.
local votes = setmetatable({}, { __mode = "k" });

local function votes_of(room, id)
	votes[room] = votes[room] or {};
	votes[room][id] = votes[room][id] or {};
	return votes[room][id];
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
	if event.what ~= "published" or event.node ~= poll and event.node ~= vote then return; end
	if event.node == poll then
		votes_of(room, event.nick);
		show(room, event.nick, data);
	else
		votes_of(room, data.poll)[event.nick] = data.option;
		show(room, data.poll, mep.items(room.jid, polls, { ids = { data.poll } })[1].data);
	end
end);
