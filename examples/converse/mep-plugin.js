/**
 * Shows what the occupants of a chat room publish about themselves (XEP-0316, as mod_mep serves it): their mood
 * (XEP-0107), activity (XEP-0108) and tune (XEP-0118), under each name in the list of occupants. One's own name gets a
 * menu to publish a mood with.
 *
 * Load it after Converse and name it to converse.initialize({ whitelisted_plugins: ['mep'] }).
 */
const { Strophe, html, log, nothing, stx } = converse.env;

const NS = {
    mood: 'http://jabber.org/protocol/mood',
    activity: 'http://jabber.org/protocol/activity',
    tune: 'http://jabber.org/protocol/tune',
    event: 'http://jabber.org/protocol/pubsub#event',
};

/** Those of XEP-0107 that the menu offers. Whatever other mood comes from elsewhere is shown with a plain heart. */
const MOODS = {
    __proto__: null, // names come from other people: `constructor` is no mood
    happy: '😊', excited: '🤩', playful: '😜', relaxed: '😌', grateful: '🙏', in_love: '😍', proud: '🦁',
    curious: '🧐', confused: '😕', sleepy: '😴', bored: '🥱', stressed: '😫', sad: '😢', angry: '😠', sick: '🤒',
};

/** The general activities of XEP-0108. */
const ACTIVITIES = {
    __proto__: null,
    doing_chores: '🧹', drinking: '☕', eating: '🍽️', exercising: '🏃', grooming: '💇', having_appointment: '📅',
    inactive: '💤', relaxing: '🛋️', talking: '💬', traveling: '🚆', working: '💼',
};

/** `in_love` → `in love` */
const words = (name) => name.replaceAll('_', ' ');

const childText = (el, name) => el.querySelector(`:scope > ${name}`)?.textContent.trim() ?? '';

/** The element that says what it is, beside the optional <text/>: <happy/> in <mood><happy/><text>…</text></mood>. */
const kindOf = (el) => [...el.children].find(({ localName }) => localName !== 'text');

/**
 * How a node's payload reads, in the order of display. Each gives an icon and a line of text, or nothing for an empty
 * payload, which in all three of these protocols means that it's over.
 */
const READERS = {
    __proto__: null,
    [NS.mood](mood) {
        const name = kindOf(mood)?.localName;
        return name && { icon: MOODS[name] ?? '💗', text: childText(mood, 'text') || words(name) };
    },
    [NS.tune](tune) {
        const text = ['artist', 'title'].map((part) => childText(tune, part)).filter(Boolean).join(' – ');
        return text && { icon: '🎵', text };
    },
    [NS.activity](activity) {
        const general = kindOf(activity);
        if (!general) return;
        const text = childText(activity, 'text') || words((kindOf(general) ?? general).localName);
        return { icon: ACTIVITIES[general.localName] ?? '✨', text };
    },
};

/**
 * What becomes of the state of a node when an event about it arrives.
 * @param {{ id: string }|undefined} state - what was shown until now
 * @param {Element} change - a child of pubsub's <event/>
 */
function nextState(state, change) {
    if (['delete', 'purge'].includes(change.localName)) return undefined;
    if (change.localName !== 'items') return state;

    const payload = change.querySelector(':scope > item:last-of-type > *');
    if (payload) {
        const line = READERS[change.getAttribute('node')](payload);
        return line && { id: payload.parentElement.id, ...line };
    }
    const retracted = [...change.querySelectorAll(':scope > retract')].some(({ id }) => id === state?.id);
    return retracted ? undefined : state;
}

converse.plugins.add('mep', {
    dependencies: ['converse-muc', 'converse-muc-views'],

    initialize() {
        const { _converse } = this;
        const { api } = _converse;

        /**
         * The occupant of that nick, as soon as Converse knows of one: it digests presence asynchronously, so the first
         * events may be here before the occupants they are about.
         */
        async function findOccupant(muc, nick) {
            await muc.initialized;
            const { occupants } = muc;
            return occupants.findOccupant({ nick }) ?? new Promise((resolve) => {
                occupants.on('add', function onAdd(occupant) {
                    if (occupant.get('nick') !== nick) return;
                    occupants.off('add', onAdd);
                    resolve(occupant);
                });
            });
        }

        /** Keeps the state with the occupant: Converse then forgets, restores and renames it along with them. */
        async function onEvent(message) {
            const from = message.getAttribute('from');
            const nick = Strophe.getResourceFromJid(from);
            const muc = await api.rooms.get(Strophe.getBareJidFromJid(from));
            if (!muc || !nick) return;

            const event = [...message.children].find(({ namespaceURI }) => namespaceURI === NS.event);
            for (const change of event.children) {
                const node = change.getAttribute('node');
                if (!READERS[node]) continue;
                const occupant = await findOccupant(muc, nick);
                const mep = occupant.get('mep');
                occupant.save('mep', { ...mep, [node]: nextState(mep?.[node], change) });
            }
        }

        function listen() {
            api.connection.get().addHandler((message) => {
                onEvent(message).catch((e) => log.error(e));
                return true;
            }, NS.event, 'message');
        }
        api.listen.on('connected', listen);
        api.listen.on('reconnected', listen); // which begins without handlers

        // This is what makes a room send us the events: interest is said in the entity capabilities.
        api.listen.on('addClientFeatures', () => {
            Object.keys(READERS).forEach((node) => api.disco.own.features.add(`${node}+notify`));
        });

        // Converse keeps members, admins and owners in the list when they leave; what they published is no longer true.
        api.listen.on('parseMUCPresence', (_stanza, attrs) => {
            const left = attrs.type === 'unavailable' && !attrs.codes.includes(converse.MUC_NICK_CHANGED_CODE);
            return left ? { ...attrs, mep: {} } : attrs;
        });

        /** @param {string} name - of a mood, or nothing to have none any more */
        function publishMood(muc, name) {
            const occupant_jid = `${muc.get('jid')}/${muc.get('nick')}`;
            const mood = stx`<mood xmlns="${NS.mood}">${name ? stx`<${name}/>` : ''}</mood>`;
            return api.pubsub.publish(occupant_jid, NS.mood, stx`<item id="current">${mood}</item>`, null, false);
        }

        const OccupantListItem = api.elements.registry['converse-muc-occupant-list-item'];

        api.elements.define('converse-muc-occupant-list-item', class extends OccupantListItem {
            async initialize() {
                await super.initialize();
                this.is_mep_room = await api.disco.getIdentity('pubsub', 'mep', this.muc.get('jid'));
                this.requestUpdate();
            }

            /** The list hands its elements round among the occupants when it is sorted anew. */
            willUpdate(changed) {
                super.willUpdate(changed);
                if (changed.has('model')) this.listenTo(this.model, 'change', () => this.requestUpdate());
            }

            render() {
                const mep = this.model.get('mep') ?? {};
                const lines = Object.keys(READERS).filter((node) => mep[node])
                    .map((node) => this.renderState(node, mep[node]));
                if (this.is_mep_room && this.model === this.muc.getOwnOccupant()) lines.push(this.renderMoodMenu());
                return html`${super.render()}${lines.length ? html`<ul class="mep">${lines}</ul>` : nothing}`;
            }

            /** Lit escapes what it is given, and a name in a right-to-left script must not turn its neighbours around. */
            renderState(node, { icon, text }) {
                return html`<li class="mep-state" data-node="${node}" title="${text}">
                    <span class="mep-icon" aria-hidden="true">${icon}</span> <bdi>${text}</bdi>
                </li>`;
            }

            renderMoodMenu() {
                const publish = ({ target }) => {
                    publishMood(this.muc, target.value).catch((e) => log.error(e));
                    target.selectedIndex = 0;
                };
                return html`<li>
                    <select class="mep-menu" aria-label="Publish your mood" @change=${publish}>
                        <option selected disabled>How are you?</option>
                        ${Object.entries(MOODS).map(([name, icon]) => html`
                            <option value="${name}">${icon} ${words(name)}</option>`)}
                        <option value="">No mood</option>
                    </select>
                </li>`;
            }
        });
    },
});
