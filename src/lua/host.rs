//! [`Host`] as a userdata: one for each MUC host.

use mlua::prelude::*;

use super::arguments;
use super::raw::{self, Keys};
use super::stanza::{self, Builder, Reader, Walked};
use super::{capabilities, effects, face, options, records};
use crate::activity::Activity;
use crate::caps::Counters;
use crate::effect::Effect;
use crate::error::Error;
use crate::host::{Counts, Host};
use crate::id::{ItemId, NodeName};
use crate::moment::Moment;
use crate::stanza::request::Request;
use crate::xml::parse::Bounds;

/// `new(stanza_mt, options)`; invalid options are ignored, see [`options::read_options`].
pub(super) fn new(lua: &Lua, (metatable, options): (LuaTable, LuaTable)) -> LuaResult<Bound> {
    let host = Host::new(options::read(&options)?.0);
    Ok(Bound { host, metatable, keys: Keys::new(lua)? })
}

/// A host, with the means to read and build Prosody's stanzas.
pub(super) struct Bound {
    host: Host,
    metatable: LuaTable,
    keys: Keys,
}

impl Bound {
    fn effects(&self, lua: &Lua, effects: Vec<Effect>) -> LuaResult<LuaTable> {
        effects::to_table(&self.builder(lua), effects)
    }

    pub(super) fn builder<'a>(&'a self, lua: &'a Lua) -> Builder<'a> {
        Builder { lua, keys: &self.keys, metatable: &self.metatable }
    }

    pub(super) fn reader<'a>(&'a self, lua: &'a Lua) -> Reader<'a> {
        Reader { lua, keys: &self.keys, bounds: self.bounds() }
    }

    fn bounds(&self) -> Bounds {
        let options = self.host.options();
        Bounds { depth: options.max_payload_depth, parts: options.max_payload_parts }
    }

    /// `host:enter(now, random, room, presence, session, stanza)`
    fn enter(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, who, session, stanza): (LuaTable, LuaTable, String, LuaTable),
    ) -> LuaResult<LuaTable> {
        let (room, who, said) = raw::open(lua, &this.keys, [&room, &who, &stanza], |[room, who, stanza]| {
            Ok((arguments::room(room)?, arguments::presence(who)?, arguments::said(stanza)?))
        })?;
        let effects = this.host.enter(&room, who, &session.as_str().into(), said, moment);
        this.effects(lua, effects)
    }

    /// `host:presence(now, random, room, presence, sessions, coming)`; `coming` is the session that joins, or `nil`.
    fn presence(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, who, sessions, coming): (LuaTable, LuaTable, LuaTable, Option<String>),
    ) -> LuaResult<LuaTable> {
        let (room, who, mut sessions) =
            raw::open(lua, &this.keys, [&room, &who, &sessions], |[room, who, sessions]| {
                Ok((arguments::room(room)?, arguments::presence(who)?, arguments::sessions(sessions)?))
            })?;
        sessions.coming = coming.map(|coming| coming.as_str().into());
        let effects = this.host.presence(&room, who, &sessions, moment);
        this.effects(lua, effects)
    }

    /// `host:leave(now, random, room, occupant, affiliation)`
    fn leave(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, occupant, affiliation): (LuaTable, String, String),
    ) -> LuaResult<LuaTable> {
        let room = raw::open(lua, &this.keys, [&room], |[room]| arguments::room(room))?;
        let affiliation = arguments::affiliation(&affiliation)?;
        let effects = this.host.leave(&room, occupant.as_str(), affiliation, moment);
        this.effects(lua, effects)
    }

    /// `host:destroy(now, random, room)`
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn destroy(lua: &Lua, this: &mut Self, moment: &mut Moment, room: String) -> LuaResult<LuaTable> {
        let effects = this.host.destroy(&room.as_str().into(), moment);
        this.effects(lua, effects)
    }

    /// `host:restore(now, random, room, occupants)`
    fn restore(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, occupants): (LuaTable, LuaTable),
    ) -> LuaResult<LuaTable> {
        let (room, occupants) = raw::open(lua, &this.keys, [&room, &occupants], |[room, list]| {
            Ok((arguments::room(room)?, arguments::occupants(list)?))
        })?;
        let effects = this.host.restore(&room, occupants, moment);
        this.effects(lua, effects)
    }

    /// `host:room_changed(now, random, room, presences)`
    fn room_changed(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, occupants): (LuaTable, LuaTable),
    ) -> LuaResult<LuaTable> {
        let (room, occupants) = raw::open(lua, &this.keys, [&room, &occupants], |[room, list]| {
            Ok((arguments::room(room)?, arguments::presences(list)?))
        })?;
        let effects = this.host.room_changed(&room, occupants, moment);
        this.effects(lua, effects)
    }

    /// `host:outsiders(room)`: the accounts whose affiliations the next call about the room must have; `nil` if none.
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn outsiders(lua: &Lua, this: &Self, room: String) -> LuaResult<Option<LuaTable>> {
        let room = room.as_str().into();
        let mut accounts = this.host.outsiders(&room).peekable();
        accounts.peek().is_some().then(|| lua.create_sequence_from(accounts)).transpose()
    }

    /// `host:snapshot(room)`: the records of the room's own nodes.
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn snapshot(lua: &Lua, this: &Self, room: String) -> LuaResult<LuaTable> {
        records::list(lua, &this.host.snapshot(&room.as_str().into()))
    }

    /// `host:load(room, records)`: the number of items that were left out.
    fn load(lua: &Lua, this: &mut Self, (room, list): (String, LuaTable)) -> LuaResult<usize> {
        let (records, left_out) = records::read_all(&list, &this.reader(lua))?;
        this.host.load(&room.as_str().into(), records);
        Ok(left_out)
    }

    /// `host:loaded(now, random, room)`
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn loaded(lua: &Lua, this: &mut Self, moment: &mut Moment, room: String) -> LuaResult<LuaTable> {
        let effects = this.host.loaded(&room.as_str().into(), moment);
        this.effects(lua, effects)
    }

    /// `host:snapshot_of(room, occupant)`: the records of an occupant's nodes; `nil` if no occupant has this nick.
    fn snapshot_of(
        lua: &Lua,
        this: &Self,
        (room, occupant): (String, String),
    ) -> LuaResult<Option<LuaTable>> {
        let records = this.host.snapshot_of(&room.as_str().into(), occupant.as_str());
        records.map(|records| records::list(lua, &records)).transpose()
    }

    /// `host:bring_back(now, random, room, occupant, records)`
    fn bring_back(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, occupant, list): (LuaTable, String, LuaTable),
    ) -> LuaResult<LuaTable> {
        let (records, _) = records::read_all(&list, &this.reader(lua))?;
        let room = raw::open(lua, &this.keys, [&room], |[room]| arguments::room(room))?;
        let effects = this.host.bring_back(&room, occupant.as_str(), records, moment);
        this.effects(lua, effects)
    }

    /// `host:set_aside(room)`
    #[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "as mlua has methods")]
    fn set_aside(_: &Lua, this: &mut Self, room: String) -> LuaResult<()> {
        this.host.set_aside(&room.as_str().into());
        Ok(())
    }

    /// `host:put_back(room, occupant, records)`
    fn put_back(
        lua: &Lua,
        this: &mut Self,
        (room, occupant, list): (String, String, LuaTable),
    ) -> LuaResult<()> {
        let (records, _) = records::read_all(&list, &this.reader(lua))?;
        this.host.put_back(&room.as_str().into(), occupant.as_str(), records);
        Ok(())
    }

    /// `host:configure(now, random, stanza_mt, options)`: for a reloaded glue.
    fn configure(
        _: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (metatable, options): (LuaTable, LuaTable),
    ) -> LuaResult<()> {
        this.metatable = metatable;
        this.host.configure(options::read(&options)?.0, moment);
        Ok(())
    }

    /// `host:set_options(now, random, options)`
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn set_options(_: &Lua, this: &mut Self, moment: &mut Moment, settings: LuaTable) -> LuaResult<()> {
        this.host.set_options(options::read(&settings)?.0, moment);
        Ok(())
    }

    /// `host:request(now, random, room, target, actor, stanza)`; `nil` if MEP does not answer the request.
    fn request(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        (room, target, actor, stanza): (LuaTable, LuaTable, LuaTable, LuaTable),
    ) -> LuaResult<Option<LuaTable>> {
        let tables = [&room, &target, &actor, &stanza];
        let (target, actor, read, is_pubsub) =
            raw::open(lua, &this.keys, tables, |[room, target, actor, stanza]| {
                let target = arguments::target(arguments::room(room)?, target)?;
                let actor = arguments::actor(actor)?;
                let read = stanza::read(stanza, this.bounds())?;
                Ok((target, actor, read, stanza::is_pubsub(stanza)?))
            })?;
        let effects = match read {
            Walked::Whole(iq) => this.host.request(&target, &actor, &iq, moment),
            // A `get` to an occupant may be for its account, and goes on to it, as if there were no MEP.
            Walked::TooComplex(iq)
                if is_pubsub
                    && (iq.attr("type") == Some("set") || target.occupant.is_none())
                    && this.host.is_ours(&target, &actor) =>
            {
                Some(this.host.refuse(&iq, Error::PayloadTooComplex))
            }
            Walked::TooComplex(_) => None,
        };
        effects.map(|effects| this.effects(lua, effects)).transpose()
    }

    /// `host:peek(stanza)`: what a request asks for, before it is answered: `{ what, node, id, ids }`, where `what` is
    /// "publish", "retract", "items", "create", "configure", "purge" or "delete"; `nil` for others, and what is refused
    /// anyway.
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn peek(lua: &Lua, this: &Self, stanza: LuaTable) -> LuaResult<Option<LuaTable>> {
        let Walked::Whole(iq) = this.reader(lua).read(&stanza)? else { return Ok(None) };
        let Ok(request) = Request::read(&iq, this.host.options()) else { return Ok(None) };
        let Some(what) = request.name() else { return Ok(None) };
        let table = lua.create_table()?;
        table.raw_set("what", what)?;
        table.raw_set("node", request.node().map(NodeName::as_str))?;
        match &request {
            Request::Publish { item, .. } => {
                let id = item.as_ref().and_then(|item| item.id.as_ref());
                table.raw_set("id", id.map(ItemId::as_str))?;
            }
            Request::Retract { items, .. } | Request::Items { items, .. } => {
                table.raw_set("ids", lua.create_sequence_from(items.iter().map(ItemId::as_str))?)?;
            }
            _ => {}
        }
        Ok(Some(table))
    }

    /// `host:answer(now, random, stanza)`; `nil` if it answers no question.
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn answer(
        lua: &Lua,
        this: &mut Self,
        moment: &mut Moment,
        stanza: LuaTable,
    ) -> LuaResult<Option<LuaTable>> {
        let (Walked::Whole(iq) | Walked::TooComplex(iq)) = this.reader(lua).read(&stanza)?;
        let effects = this.host.answer(&iq, moment);
        effects.map(|effects| this.effects(lua, effects)).transpose()
    }

    /// `host:not_stored(stanza, unsent)`
    fn not_stored(lua: &Lua, this: &mut Self, (stanza, unsent): (LuaTable, u64)) -> LuaResult<LuaTable> {
        let (Walked::Whole(iq) | Walked::TooComplex(iq)) = this.reader(lua).read(&stanza)?;
        let effects = this.host.not_stored(&iq, unsent);
        this.effects(lua, effects)
    }

    /// `host:not_loaded(stanza)`
    #[expect(clippy::needless_pass_by_value, reason = "mlua hands arguments over")]
    fn not_loaded(lua: &Lua, this: &mut Self, stanza: LuaTable) -> LuaResult<LuaTable> {
        let (Walked::Whole(iq) | Walked::TooComplex(iq)) = this.reader(lua).read(&stanza)?;
        let effects = this.host.refuse(&iq, Error::NotLoaded);
        this.effects(lua, effects)
    }

    /// `host:next_deadline()`: when `wake` must be called, in seconds since 1970; `nil` if not at all.
    #[expect(clippy::unnecessary_wraps, reason = "as mlua has methods")]
    fn next_deadline(_: &Lua, this: &Self, (): ()) -> LuaResult<Option<f64>> {
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds fits")]
        Ok(this.host.next_deadline().map(|at| at as f64 / 1000.0))
    }

    /// `host:wake(now, random)`
    fn wake(lua: &Lua, this: &mut Self, moment: &mut Moment, (): ()) -> LuaResult<LuaTable> {
        let effects = this.host.wake(moment);
        this.effects(lua, effects)
    }

    /// `host:learned()`: the shards of verified capabilities that changed.
    fn learned(lua: &Lua, this: &mut Self, (): ()) -> LuaResult<LuaTable> {
        let shards = this.host.learned();
        lua.create_sequence_from(
            shards.iter().map(|shard| capabilities::to_table(lua, shard)).collect::<LuaResult<Vec<_>>>()?,
        )
    }

    /// `host:recall(sets)`: the sets of one shard.
    #[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "as mlua has methods")]
    fn recall(_: &Lua, this: &mut Self, sets: LuaTable) -> LuaResult<()> {
        this.host.recall(capabilities::read_all(&sets));
        Ok(())
    }

    /// `host:holdings()`: what each room holds, a list of `{ room, occupants, nodes, items, octets }`.
    fn holdings(lua: &Lua, this: &Self, (): ()) -> LuaResult<LuaTable> {
        let holdings = this.host.holdings().into_iter().map(|it| {
            let table = lua.create_table_from([
                ("occupants", it.occupants),
                ("nodes", it.nodes),
                ("items", it.items),
                ("octets", it.octets),
            ])?;
            table.raw_set("room", it.room.as_str())?;
            Ok(table)
        });
        lua.create_sequence_from(holdings.collect::<LuaResult<Vec<_>>>()?)
    }

    /// `host:audience(room, address, node)`: the sessions in the room, a list of `{ occupant, client, why_not }`; `nil` if
    /// there is no such node.
    fn audience(
        lua: &Lua,
        this: &Self,
        (room, address, node): (String, String, String),
    ) -> LuaResult<Option<LuaTable>> {
        let node = node.as_str().into();
        let Some(listeners) = this.host.audience(&room.as_str().into(), &address, &node) else {
            return Ok(None);
        };
        let tables = listeners.into_iter().map(|it| {
            let table = lua.create_table_from([("occupant", &*it.occupant), ("client", &*it.client)])?;
            table.raw_set("why_not", it.why_not)?;
            Ok(table)
        });
        lua.create_sequence_from(tables.collect::<LuaResult<Vec<_>>>()?).map(Some)
    }

    /// `host:counts()`: the numbers of what the host has now, by the names of the statistics.
    fn counts(lua: &Lua, this: &Self, (): ()) -> LuaResult<LuaTable> {
        let Counts { rooms, occupants, sessions, nodes, held, subscriptions, known, asking, pending } =
            this.host.counts();
        lua.create_table_from([
            ("rooms", rooms),
            ("occupants", occupants),
            ("sessions", sessions),
            ("nodes", nodes),
            ("held", held),
            ("subscriptions", subscriptions),
            ("pending", pending),
            ("caps_known", known),
            ("caps_asking", asking),
        ])
    }

    /// `host:counters()`: what happened so far, by the names of the statistics. `refusals` has a number for each condition.
    fn counters(lua: &Lua, this: &Self, (): ()) -> LuaResult<LuaTable> {
        let Activity { publishes, payload_octets, deliveries, last_items, refusals } = this.host.activity();
        let Counters { asked, answered, mismatched, refused, timed_out, evicted } = this.host.counters();
        let table = lua.create_table_from([
            ("publishes", *publishes),
            ("payload", *payload_octets),
            ("deliveries", *deliveries),
            ("last_items", *last_items),
            ("caps_asked", asked),
            ("caps_answered", answered),
            ("caps_mismatched", mismatched),
            ("caps_refused", refused),
            ("caps_timed_out", timed_out),
            ("caps_evicted", evicted),
        ])?;
        let refusals = refusals.iter().map(|(condition, count)| (*condition, *count));
        table.raw_set("refusals", lua.create_table_from(refusals)?)?;
        Ok(table)
    }
}

impl LuaUserData for Bound {
    fn add_methods<M: LuaUserDataMethods<Self>>(methods: &mut M) {
        add_at_moment(methods, "enter", Self::enter);
        add_at_moment(methods, "presence", Self::presence);
        add_at_moment(methods, "leave", Self::leave);
        add_at_moment(methods, "destroy", Self::destroy);
        add_at_moment(methods, "restore", Self::restore);
        add_at_moment(methods, "room_changed", Self::room_changed);
        add_at_moment(methods, "loaded", Self::loaded);
        add_at_moment(methods, "bring_back", Self::bring_back);
        add_at_moment(methods, "request", Self::request);
        add_at_moment(methods, "answer", Self::answer);
        add_at_moment(methods, "wake", Self::wake);
        add_at_moment(methods, "configure", Self::configure);
        add_at_moment(methods, "set_options", Self::set_options);
        methods.add_method("outsiders", Self::outsiders);
        methods.add_method("snapshot", Self::snapshot);
        methods.add_method("snapshot_of", Self::snapshot_of);
        methods.add_method_mut("put_back", Self::put_back);
        methods.add_method_mut("set_aside", Self::set_aside);
        methods.add_method_mut("load", Self::load);
        methods.add_method_mut("kept", |_, this, room: String| {
            this.host.kept(&room.as_str().into());
            Ok(())
        });
        methods.add_method("next_deadline", Self::next_deadline);
        methods.add_method("counts", Self::counts);
        methods.add_method("counters", Self::counters);
        methods.add_method_mut("not_stored", Self::not_stored);
        methods.add_method_mut("not_loaded", Self::not_loaded);
        methods.add_method("peek", Self::peek);
        methods.add_method("holdings", Self::holdings);
        methods.add_method("audience", Self::audience);
        methods.add_method("from_vcard", face::from_vcard);
        methods.add_method("to_vcard", face::to_vcard);
        methods.add_method_mut("observe", |_, this, observes: bool| {
            this.host.observe(observes);
            Ok(())
        });
        methods.add_method_mut("explain", |_, this, explains: bool| {
            this.host.explain(explains);
            Ok(())
        });
        methods.add_method_mut("not_sent", |_, this, messages: u64| {
            this.host.not_sent(messages);
            Ok(())
        });
        methods.add_method_mut("learned", Self::learned);
        methods.add_method_mut("recall", Self::recall);
        methods.add_method_mut(
            "bounce",
            |_, this, (room, address, from, condition): (String, String, String, String)| {
                Ok(this.host.bounce(&room.as_str().into(), &address, &from, &condition))
            },
        );
        methods.add_method_mut("rename", |_, this, (room, old, new): (String, String, String)| {
            this.host.rename(&room.as_str().into(), old.as_str(), &new.as_str().into());
            Ok(())
        });
        // For the test that a panic ends the call only.
        #[expect(clippy::panic, reason = "its purpose")]
        methods.add_method_mut("panic", |_, _, ()| -> LuaResult<()> { panic!("on purpose, for a test") });
    }
}

/// Adds a method that acts at a moment: its first two arguments in Lua are `now`, in seconds since 1970, and `random`,
/// 16 random octets. They are read here for all of these methods.
fn add_at_moment<M, A, R>(
    methods: &mut M,
    name: &'static str,
    method: fn(&Lua, &mut Bound, &mut Moment, A) -> LuaResult<R>,
) where
    M: LuaUserDataMethods<Bound>,
    A: FromLuaMulti + 'static,
    R: IntoLuaMulti + 'static,
{
    methods.add_method_mut(name, move |lua, this, (now, random, rest): (f64, LuaString, A)| {
        method(lua, this, &mut arguments::moment(now, &random)?, rest)
    });
}
