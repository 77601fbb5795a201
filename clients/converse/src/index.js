/**
 * Shows what a chat room and its occupants publish (XEP-0316, as mod_mep serves it): mood (XEP-0107), activity
 * (XEP-0108), tune (XEP-0118) and raised hands in the list of occupants; pinned messages and polls below the heading.
 *
 * Load it after Converse and name it to converse.initialize({ whitelisted_plugins: ['converse-mep'] }).
 */
import { defineHeading } from './heading.js';
import { translator } from './i18n.js';
import { OCCUPANT_NODES, ROOM_NODES } from './nodes.js';
import { defineOccupant } from './occupant.js';
import { Rooms } from './room.js';

const EVENT = 'http://jabber.org/protocol/pubsub#event';

/** @type {any} */
const converse = globalThis.converse;

converse.plugins.add('converse-mep', {
    dependencies: ['converse-muc', 'converse-muc-views'],

    initialize() {
        const { api } = this._converse;
        const { Strophe } = converse.env;

        // Texts in place of the plugin's own: { 'Raise hand': 'Ask to speak' }
        api.settings.extend({ mep_labels: {} });

        const __ = translator(api);
        const rooms = new Rooms(converse, api, __);

        function listen() {
            api.connection.get().addHandler((message) => {
                const [event] = message.getElementsByTagNameNS(EVENT, 'event');
                const from = message.getAttribute('from');
                const nick = Strophe.getResourceFromJid(from);
                if (event?.parentElement === message) {
                    api.rooms.get(Strophe.getBareJidFromJid(from)).then((muc) => muc && rooms.onEvent(muc, nick, event));
                }
                return true;
            }, EVENT, 'message');
        }
        api.listen.on('connected', listen);
        api.listen.on('reconnected', listen); // which begins without handlers

        // This is what makes a room send us the events: interest is said in the entity capabilities.
        api.listen.on('addClientFeatures', () => {
            [...Object.keys(OCCUPANT_NODES), ...Object.keys(ROOM_NODES)]
                .forEach((node) => api.disco.own.features.add(`${node}+notify`));
        });

        api.listen.on('chatRoomInitialized', (muc) => {
            const load = () => {
                if (muc.session.get('connection_status') === converse.ROOMSTATUS.ENTERED) rooms.load(muc);
            };
            muc.listenTo(muc.session, 'change:connection_status', load);
            load();
        });

        // Converse keeps members, admins and owners in the list when they leave; what they published is no longer true.
        api.listen.on('parseMUCPresence', (_stanza, attrs) => {
            const left = attrs.type === 'unavailable' && !attrs.codes.includes(converse.MUC_NICK_CHANGED_CODE);
            return left ? { ...attrs, mep: {} } : attrs;
        });

        // Before Converse registers its elements, so that these take their place.
        defineOccupant(converse, api, rooms, __);
        defineHeading(converse, api, rooms, __);
    },
});
