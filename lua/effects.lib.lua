-- Carries out what the core asks for, in order.
--
-- Sending can lead back into this module: a local session answers, or leaves, while it is being sent to. What that
-- asks for is put at the end, so everybody sees events in the order in which they happened.

local shared = module:require "shared";

local queue, first, last = {}, 1, 0;
local running = false;

local function log_failure(kind, err)
	module:log("error", "Could not carry out a %s: %s", kind, err);
end

local carry_out = {};

function carry_out.reply(effect, batch)
	batch.origin.send(effect.stanza);
end

function carry_out.send(effect)
	module:send(effect.stanza);
end

function carry_out.notify(effect)
	local copy_for = shared.copies(effect);
	local send = module.send;
	for _, jid in ipairs(effect.to) do
		local ok, err = pcall(send, module, copy_for(jid)); -- what fails for one is nothing to the others
		if not ok then
			log_failure("notify", err);
		end
	end
end

function carry_out.tell(effect)
	module:send(shared.copy(effect));
end

function carry_out.explain(effect)
	module:log("debug", "%s", effect.text);
end

function carry_out.learned(_, batch)
	batch.on_learned();
end

-- What can't be kept is taken back in memory too. What is queued was worked out before that: it goes the same way.
local function revert(batch, room)
	if batch.reverted and batch.reverted[room] then return; end
	for i = first, last do
		queue[i].reverted = queue[i].reverted or {};
		queue[i].reverted[room] = true;
	end
	batch.revert(room);
end

-- Whether a change could be kept. Storage that fails is logged where it is called.
local function keep(batch, effect)
	if batch.reverted and batch.reverted[effect.room] then return false; end -- what it builds on is no more
	local ok, kept = pcall(batch.keep, effect);
	if not ok then
		log_failure("keep", kept);
	elseif kept then
		return true;
	end
	revert(batch, effect.room);
	return false;
end

-- What is carried out of a dropped batch: neither tells anyone of what could not be stored.
local housekeeping = { learned = true; send = true };

-- What can't be kept must not be told of: the rest of its batch is dropped, but for that.
local function run_batch(batch)
	local dropped, unsent = batch.dropped, 0;
	for _, effect in ipairs(batch.effects) do
		local kind = effect.kind;
		if dropped and not housekeeping[kind] then
			unsent = unsent + (kind == "notify" and #effect.to or kind == "tell" and 1 or 0);
		elseif kind == "keep" then
			dropped = not keep(batch, effect);
		else
			local ok, err = pcall(carry_out[kind], effect, batch);
			if not ok then
				log_failure(kind, err);
			end
		end
	end
	if dropped and batch.on_failure then
		batch.on_failure(unsent);
	end
end

-- Runs a batch: `effects` is the core's list; `origin` the session that the request came from; `keep(effect)`
-- puts something into storage; where that did not work, `revert(room)` takes it back in memory, and
-- `on_failure(unsent)` is called with the number of messages that are not sent, which it also is where all was
-- `dropped` beforehand; `on_learned()` is called when the core has learned what is worth keeping.
local function run(batch)
	last = last + 1;
	queue[last] = batch;
	if running then return; end
	running = true;
	while first <= last do
		local next_batch = queue[first];
		queue[first] = nil;
		first = first + 1;
		local ok, err = pcall(run_batch, next_batch);
		if not ok then
			log_failure("batch", err);
		end
	end
	first, last = 1, 0;
	running = false;
end

return { run = run, shared = shared, set_options = shared.set_options };
