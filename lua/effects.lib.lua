-- Carries out the core's effects, in order.
--
-- Sending can re-enter this module: a local session may answer or leave while a stanza is delivered to it. Effects that
-- result from this are queued, so all sessions see events in the order in which they happened.

local shared = module:require "shared";

local hosts = prosody.hosts;

local queue, first, last = {}, 1, 0;
local running = false;

local function log_failure(kind, err)
	module:log("error", "Could not carry out effect %s: %s", kind, err);
end

local carry_out = {};

function carry_out.reply(effect, batch)
	batch.origin.send(effect.stanza or shared.copy(effect));
end

function carry_out.send(effect)
	module:send(effect.stanza);
end

-- Has the room archive a message. The archive adds its id to the stanza, which the messages that follow are to carry.
function carry_out.archive(effect, batch)
	local room = hosts[module.host].modules.muc.get_room_from_jid(effect.room);
	if not room then return; end
	local stanza = shared.plain(effect);
	module:fire_event("muc-add-history", { room = room; stanza = stanza });
	batch.archived = batch.archived or {};
	batch.archived[stanza.attr.id] = stanza:get_child("stanza-id", "urn:xmpp:sid:0");
end

-- Adds the archive's id to a message, if it was archived.
local function add_stanza_id(effect, batch)
	local stanza_id = batch.archived and batch.archived[effect[2]];
	if stanza_id then shared.add_child(effect, stanza_id); end
end

function carry_out.notify(effect, batch)
	add_stanza_id(effect, batch);
	local copy_for = shared.copies(effect);
	local send = module.send;
	for _, jid in ipairs(effect.to) do
		local ok, err = pcall(send, module, copy_for(jid)); -- a failure must not stop the others
		if not ok then
			log_failure("notify", err);
		end
	end
end

function carry_out.tell(effect, batch)
	add_stanza_id(effect, batch);
	module:send(shared.copy(effect));
end

-- The event that modules hear that push for rooms. A failure must not stop the others, nor fill the log.
local push_has_failed = false;
function carry_out.absent(effect)
	for _, jid in ipairs(effect.accounts) do
		local ok, err = pcall(module.fire_event, module, "cloud-notify-ping", { user = jid; room = effect.room });
		if not ok then
			module:log(push_has_failed and "debug" or "warn", "A module that pushes for rooms fails: %s", err);
			push_has_failed = true;
		end
	end
end

function carry_out.explain(effect)
	module:log("debug", "%s", effect.text);
end

function carry_out.changed(effect, batch)
	batch.tell(effect);
end

carry_out.interested = carry_out.changed;

function carry_out.learned(_, batch)
	batch.on_learned();
end

-- Undoes in memory what could not be stored. Queued batches were built on it, so they are marked as reverted too.
local function revert(batch, effect)
	local service = effect.occupant or effect.room;
	if batch.reverted and batch.reverted[service] then return; end
	for i = first, last do
		queue[i].reverted = queue[i].reverted or {};
		queue[i].reverted[service] = true;
	end
	batch.revert(effect);
end

-- Returns whether a change was stored. Storage failures are logged by the caller of the storage.
local function keep(batch, effect)
	if batch.reverted and batch.reverted[effect.occupant or effect.room] then return false; end -- its base is undone
	local ok, kept = pcall(batch.keep, effect);
	if not ok then
		log_failure("keep", kept);
	elseif kept then
		return true;
	end
	revert(batch, effect);
	return false;
end

-- A change that can't be stored must not be announced, so the rest of its batch is dropped, except for what the core
-- marks with `always`.
local function run_batch(batch)
	local dropped, unsent = false, 0;
	for _, effect in ipairs(batch.effects) do
		local kind = effect.kind;
		if dropped and not effect.always then
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

-- Runs a batch. Its fields:
-- `effects`: the core's list
-- `origin`: the session that sent the request
-- `keep(effect)`: stores a change; `revert(effect)` undoes it in memory if that fails
-- `on_failure(unsent)`: called with the number of messages that were not sent, if the batch was dropped
-- `tell(effect)`: lets other modules know
-- `on_learned()`: called when the core has learned capabilities that are worth storing
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
