-- What occupants listen to, out of their status and into their tune, for rooms with mod_mep.
--
-- Music players set a status such as "♪ Verdi - Macbeth". In a room, every change of it goes to everyone. This module
-- takes such a status out of the presence and publishes it as the occupant's tune (XEP-0118), which goes to those who
-- want it. When the status is something else again, the tune is retracted.

local mep = module:depends "mep";
local st = require "util.stanza";

local tune = "http://jabber.org/protocol/tune";

-- Lua patterns with the artist and the title, or the title alone. The first that matches counts.
local patterns = module:get_option_array("now_playing_patterns", {
	"^♪%s*(.-) [-] (.+)$", "^♫%s*(.-) [-] (.+)$", "^🎵%s*(.-) [-] (.+)$", "^🎶%s*(.-) [-] (.+)$",
	"^♪%s*(.-) – (.+)$", "^♫%s*(.-) – (.+)$", "^🎵%s*(.-) – (.+)$", "^🎶%s*(.-) – (.+)$",
	"^[Nn]ow [Pp]laying:?%s+(.-) [-] (.+)$", "^[Ll]istening to:?%s+(.-) [-] (.+)$",
	"^%[np%]%s*(.-) [-] (.+)$", "^np:%s*(.-) [-] (.+)$",
	"^♪%s*(.+)$", "^♫%s*(.+)$", "^🎵%s*(.+)$", "^🎶%s*(.+)$",
});
-- Longer statuses are texts. Patterns take time by the square of this.
local max_status = 256;

for i = #patterns, 1, -1 do
	if not pcall(string.find, "", patterns[i]) then
		module:log("warn", "now_playing_patterns: ignoring %q, which is not a Lua pattern", tostring(patterns[i]));
		table.remove(patterns, i);
	end
end

-- The tunes of those who are still joining, by their presence.
local joining = setmetatable({}, { __mode = "k" });

local function read(status)
	if not status or #status > max_status then return; end
	for _, pattern in ipairs(patterns) do
		local artist, title = status:match(pattern);
		if artist and not title then artist, title = nil, artist; end
		if title then return { artist = artist ~= "" and artist or nil; title = title }; end
	end
end

local function publish(occupant, heard)
	local payload = st.stanza("tune", { xmlns = tune });
	if heard.artist then payload:text_tag("artist", heard.artist); end
	payload:text_tag("title", heard.title);
	local ok, err = mep.publish(occupant.nick, tune, payload, { id = "now-playing" });
	if not ok then
		module:log("debug", "Could not publish what %s listens to: %s", occupant.nick, err);
	end
end

-- After the handlers that may refuse the presence.
module:hook("muc-occupant-pre-join", function (event)
	local heard = event.occupant.role ~= "visitor" and read(event.stanza:get_child_text("status"));
	if not heard then return; end
	event.stanza:remove_children("status");
	joining[event.stanza] = heard;
end, -1000);

module:hook("muc-occupant-session-new", function (event)
	local heard = joining[event.stanza];
	if heard then publish(event.occupant, heard); end
end, -1000);

module:hook("muc-occupant-pre-change", function (event)
	local stanza, occupant = event.stanza, event.orig_occupant;
	local heard = occupant.role ~= "visitor" and read(stanza:get_child_text("status"));
	if heard then
		stanza:remove_children("status");
		publish(occupant, heard);
	else
		mep.retract(occupant.nick, tune, { "now-playing" }); -- which most don't have
	end
end, -1000);
