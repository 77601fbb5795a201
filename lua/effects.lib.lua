-- Carries out what the core asks for, in order.
--
-- Sending can lead back into this module: a local session answers, or leaves, while it is being sent to. What that
-- asks for is put at the end, so everybody sees events in the order in which they happened.

local queue, first, last = {}, 1, 0;
local running = false;

local function log_failure(kind, err)
	module:log("error", "Could not carry out a %s: %s", kind, err);
end

local carry_out = {};

function carry_out.reply(effect, origin)
	origin.send(effect.stanza);
end

function carry_out.send(effect)
	module:send(effect.stanza);
end

function carry_out.notify(effect)
	local stanza = effect.stanza;
	local attr = stanza.attr;
	for _, jid in ipairs(effect.to) do
		attr.to = jid;
		local ok, err = pcall(module.send, module, stanza); -- what fails for one is nothing to the others
		if not ok then
			log_failure("notify", err);
		end
	end
end

function carry_out.wake(effect)
	module:add_timer(effect.after, effect.on_wake);
end

-- Runs the list `effects`. `origin` is the session that the request came from; `on_wake` is called when the core
-- wants to be woken.
local function run(effects, origin, on_wake)
	for _, effect in ipairs(effects) do
		last = last + 1;
		effect.origin, effect.on_wake = origin, on_wake;
		queue[last] = effect;
	end
	if running then return; end
	running = true;
	while first <= last do
		local effect = queue[first];
		queue[first] = nil;
		first = first + 1;
		local ok, err = pcall(carry_out[effect.kind], effect, effect.origin);
		if not ok then
			log_failure(effect.kind, err);
		end
	end
	first, last = 1, 0;
	running = false;
end

return { run = run };
