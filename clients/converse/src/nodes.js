/** The nodes that the plugin knows, and how their payloads read. All of it comes from other people: nothing is trusted. */

export const MOOD = 'http://jabber.org/protocol/mood';
export const ACTIVITY = 'http://jabber.org/protocol/activity';
export const TUNE = 'http://jabber.org/protocol/tune';

/** At an occupant's address: a raised hand; a poll that they start; what they vote. */
export const HAND = 'urn:mod_mep:hand:0';
export const POLL = 'urn:mod_mep:poll:0';
export const VOTE = 'urn:mod_mep:vote:0';

/** The room's own: pinned messages, and the polls with their counts. */
export const PINS = 'urn:mod_mep:pins:0';
export const POLLS = 'urn:mod_mep:polls:0';

const JSON_CONTAINER = 'urn:xmpp:json:0';

/** How much of a text is kept. A payload may have 64 KiB, and is stored in the browser. */
const MAX_TEXT = 500;
const MAX_OPTIONS = 16;

/** Those of XEP-0107 that the menu offers. Whatever other mood comes from elsewhere is shown with a plain heart. */
export const MOODS = {
    __proto__: null, // names come from other people: `constructor` is no mood
    happy: '😊', excited: '🤩', playful: '😜', relaxed: '😌', grateful: '🙏', in_love: '😍', proud: '🦁',
    curious: '🧐', confused: '😕', sleepy: '😴', bored: '🥱', stressed: '😫', sad: '😢', angry: '😠', sick: '🤒',
};

/** The general activities of XEP-0108. */
export const ACTIVITIES = {
    __proto__: null,
    doing_chores: '🧹', drinking: '☕', eating: '🍽️', exercising: '🏃', grooming: '💇', having_appointment: '📅',
    inactive: '💤', relaxing: '🛋️', talking: '💬', traveling: '🚆', working: '💼',
};

/** `in_love` → `in love` */
export const words = (name) => name.replaceAll('_', ' ');

const clip = (text) => text.trim().slice(0, MAX_TEXT);

const childText = (el, name) =>
    clip([...el.children].find(({ localName }) => localName === name)?.textContent ?? '');

/** The element that says what it is, beside the optional <text/>: <happy/> in <mood><happy/><text>…</text></mood>. */
const kindOf = (el) => [...el.children].find(({ localName }) => localName !== 'text');

/**
 * How an occupant's payload reads, in the order of display: an icon, and a text or the name of what it is, which can be
 * translated; and the fields of the form that publishes it. Nothing for an empty payload, which in these protocols means that it's over.
 */
export const OCCUPANT_NODES = {
    __proto__: null,
    [HAND]: () => ({ icon: '✋', name: 'raised hand' }),
    [MOOD](mood) {
        const name = kindOf(mood)?.localName;
        return name && { icon: MOODS[name] ?? '💗', text: childText(mood, 'text'), name: words(clip(name)) };
    },
    [TUNE](tune) {
        const fields = { artist: childText(tune, 'artist'), title: childText(tune, 'title') };
        const text = Object.values(fields).filter(Boolean).join(' – ');
        return text && { icon: '🎵', text, fields };
    },
    [ACTIVITY](activity) {
        const general = kindOf(activity);
        if (!general) return undefined;
        const name = words(clip((kindOf(general) ?? general).localName));
        const text = childText(activity, 'text');
        const fields = { activity: ACTIVITIES[general.localName] ? general.localName : '', text };
        return { icon: ACTIVITIES[general.localName] ?? '✨', text, name, fields };
    },
};

/** How an item of the room reads. Nothing if it makes no sense. */
export const ROOM_NODES = {
    __proto__: null,
    [PINS](pin) {
        const text = childText(pin, 'body');
        return text && { text, nick: clip(pin.getAttribute('nick') ?? '') };
    },
    [POLLS](container) {
        if (container.namespaceURI !== JSON_CONTAINER) return undefined;
        let poll;
        try {
            poll = JSON.parse(container.textContent);
        } catch {
            return undefined;
        }
        const { question, options, votes } = poll ?? {};
        if (typeof question !== 'string' || !Array.isArray(options) || !Array.isArray(votes)) return undefined;
        return {
            question: clip(question),
            options: options.slice(0, MAX_OPTIONS).map((option) => clip(String(option))),
            votes: options.slice(0, MAX_OPTIONS).map((_, i) => (votes[i] > 0 ? Math.floor(votes[i]) : 0)),
        };
    },
};

/** How many items of each are kept and shown. */
export const MAX_ITEMS = { __proto__: null, [PINS]: 64, [POLLS]: 16 };
