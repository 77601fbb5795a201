/** Requests to a room and to one's own address there, and the state of both, which Converse's models keep. */

import { ACTIVITY, HAND, MAX_ITEMS, MOOD, OCCUPANT_NODES, PINS, POLL, ROOM_NODES, TUNE, VOTE } from './nodes.js';
import { nextItem, nextItems } from './state.js';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const DATA_FORM = 'jabber:x:data';

export class Rooms {
    /** The last of what waits for each room and occupant. @type {WeakMap<object, Map<string, Promise<void>>>} */
    #queues = new WeakMap();

    constructor(converse, api, __) {
        Object.assign(this, { env: converse.env, api, __ });
    }

    /** What the room publishes: the items of a node, or undefined if the room has no such node. */
    items(muc, node) {
        return muc.get('mep_room')?.[node];
    }

    /**
     * Retrieves what the room has: on joining it tells the last item of each node, and there may be more.
     * A node that isn't there is not offered, so that rooms without them look as they always did.
     */
    load(muc) {
        return this.#inOrder(muc, null, async () => {
            const { stx } = this.env;
            const is_mep = await this.api.disco.getIdentity('pubsub', 'mep', muc.get('jid'));
            const room = {};
            for (const node of is_mep ? Object.keys(ROOM_NODES) : []) {
                try {
                    const reply = await this.api.sendIQ(stx`
                        <iq xmlns="jabber:client" type="get" to="${muc.get('jid')}">
                            <pubsub xmlns="${PUBSUB}"><items node="${node}" max_items="${MAX_ITEMS[node]}"/></pubsub>
                        </iq>`);
                    const items = reply.querySelector('pubsub > items');
                    room[node] = items ? nextItems([], items, ROOM_NODES[node], MAX_ITEMS[node]) : [];
                } catch (error) {
                    // No such node, or not for us; where the room does not answer, its events will still do.
                    if (!(error instanceof Element) && error) this.env.log.warn(error);
                }
            }
            muc.save({ mep_room: room, mep_votes: {} });
        });
    }

    /** Takes in an event: <event/> from an occupant or, without a nick, from the room. */
    onEvent(muc, nick, event) {
        const patience = AbortSignal.timeout(PATIENCE);
        return this.#inOrder(muc, nick, async () => {
            for (const change of event.children) {
                const node = change.getAttribute('node');
                if (nick && OCCUPANT_NODES[node]) {
                    const occupant = await findOccupant(muc, nick, patience);
                    const mep = occupant?.get('mep');
                    occupant?.save('mep', { ...mep, [node]: nextItem(mep?.[node], change, OCCUPANT_NODES[node]) });
                } else if (!nick && ROOM_NODES[node]) {
                    const room = muc.get('mep_room');
                    const items = nextItems(room?.[node] ?? [], change, ROOM_NODES[node], MAX_ITEMS[node]);
                    muc.save('mep_room', { ...room, [node]: items });
                }
            }
        });
    }

    /** @param {string} name - of a mood, or nothing to have none any more */
    publishMood(muc, name) {
        const { stx } = this.env;
        return this.#publish(muc, MOOD, stx`<mood xmlns="${MOOD}">${name ? stx`<${name}/>` : ''}</mood>`);
    }

    publishActivity(muc, name, text) {
        const { stx } = this.env;
        const inner = name ? stx`<${name}/>${text ? stx`<text>${text}</text>` : ''}` : '';
        return this.#publish(muc, ACTIVITY, stx`<activity xmlns="${ACTIVITY}">${inner}</activity>`);
    }

    publishTune(muc, artist, title) {
        const { stx } = this.env;
        const inner = Object.entries({ artist, title }).filter(([, text]) => text)
            .map(([name, text]) => stx`<${name}>${text}</${name}>`);
        return this.#publish(muc, TUNE, stx`<tune xmlns="${TUNE}">${inner}</tune>`);
    }

    raiseHand(muc, is_raised) {
        const { stx } = this.env;
        return is_raised
            ? this.#publish(muc, HAND, stx`<hand xmlns="${HAND}"/>`)
            : this.#retract(ownAddress(muc), HAND, 'current');
    }

    pin(muc, id, { text, nick }) {
        const { stx } = this.env;
        const body = stx`<pin xmlns="${PINS}" nick="${nick}"><body>${text}</body></pin>`;
        return this.#publish(muc, PINS, body, { to: muc.get('jid'), id });
    }

    unpin(muc, id) {
        return this.#retract(muc.get('jid'), PINS, id);
    }

    startPoll(muc, question, options) {
        return this.#publishJson(muc, POLL, { question, options });
    }

    /** One's own poll is taken back at one's own address, and mod_mep_poll ends it; a moderator takes it from the room. */
    endPoll(muc, node, id) {
        return id === muc.get('nick')
            ? this.#retract(ownAddress(muc), POLL, 'current')
            : this.#retract(muc.get('jid'), node, id);
    }

    /** @param {number} option - from 0 */
    async vote(muc, poll, option) {
        const is_done = await this.#publishJson(muc, VOTE, { poll, option: option + 1 });
        if (is_done) muc.save('mep_votes', { ...muc.get('mep_votes'), [poll]: option });
    }

    #publishJson(muc, node, data) {
        return this.#publish(muc, node, this.env.stx`<json xmlns="urn:xmpp:json:0">${JSON.stringify(data)}</json>`);
    }

    #publish(muc, node, payload, { to = ownAddress(muc), id = 'current' } = {}) {
        const publish = this.env.stx`<publish node="${node}"><item id="${id}">${payload}</item></publish>`;
        return this.#request(to, publish, to === muc.get('jid') && !this.items(muc, node) ? this.#many(node) : '');
    }

    #retract(to, node, id) {
        return this.#request(to, this.env.stx`<retract node="${node}" notify="true"><item id="${id}"/></retract>`);
    }

    /** For a node that the room doesn't have yet: by default, a node keeps one item. */
    #many(node) {
        const { stx } = this.env;
        return stx`<publish-options><x xmlns="${DATA_FORM}" type="submit">
            <field var="FORM_TYPE" type="hidden"><value>${PUBSUB}#publish-options</value></field>
            <field var="pubsub#max_items"><value>${MAX_ITEMS[node]}</value></field>
        </x></publish-options>`;
    }

    /** Returns whether it was done; if not, the user has been told why. */
    async #request(to, ...children) {
        try {
            await this.api.sendIQ(this.env.stx`
                <iq xmlns="jabber:client" type="set" to="${to}"><pubsub xmlns="${PUBSUB}">${children}</pubsub></iq>`);
            return true;
        } catch (error) {
            const text = error?.querySelector?.('error > text')?.textContent;
            const condition = error?.querySelector?.('error > *')?.localName;
            this.api.alert('error', this.__('The room refused'), text ?? condition ?? '…');
            return false;
        }
    }

    /**
     * One after the other for each room and each occupant: the order of events is what they say. Not for all together, as
     * one who has left before its event was looked at would hold up the others.
     */
    #inOrder(muc, nick, act) {
        const queues = this.#queues.get(muc) ?? new Map();
        this.#queues.set(muc, queues);
        const turn = (queues.get(nick) ?? Promise.resolve()).then(act).catch((e) => this.env.log.error(e)).then(() => {
            if (queues.get(nick) === turn) queues.delete(nick);
        });
        queues.set(nick, turn);
        return turn;
    }
}

const ownAddress = (muc) => `${muc.get('jid')}/${muc.get('nick')}`;

/** How long an event waits for its occupant, in milliseconds from its arrival. */
const PATIENCE = 10_000;

/**
 * The occupant of that nick, as soon as Converse knows of one: it digests presence asynchronously, so the first events
 * may be here before the occupants that they are about. Nothing if none comes.
 */
async function findOccupant(muc, nick, patience) {
    await muc.initialized;
    const { occupants } = muc;
    const known = occupants.findOccupant({ nick });
    if (known || patience.aborted) return known;
    return new Promise((resolve) => {
        const end = (occupant) => {
            occupants.off('add', onAdd);
            patience.removeEventListener('abort', onAbort);
            resolve(occupant);
        };
        const onAdd = (occupant) => occupant.get('nick') === nick && end(occupant);
        const onAbort = () => end();
        occupants.on('add', onAdd);
        patience.addEventListener('abort', onAbort);
    });
}
