import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';

import de from '../src/locales/de.js';
import fr from '../src/locales/fr.js';
import { translator } from '../src/i18n.js';
import { ACTIVITIES, ACTIVITY, HAND, MOOD, MOODS, OCCUPANT_NODES, PINS, POLLS, ROOM_NODES, TUNE, words } from '../src/nodes.js';
import { Rooms } from '../src/room.js';
import { nextItem, nextItems } from '../src/state.js';

/** As much of an element as the plugin looks at. */
const el = (localName, attributes = {}, ...content) => ({
    localName,
    namespaceURI: attributes.xmlns ?? null,
    children: content.filter((child) => typeof child !== 'string'),
    get firstElementChild() {
        return this.children[0] ?? null;
    },
    get textContent() {
        return content.map((child) => child.textContent ?? child).join('');
    },
    getAttribute: (name) => attributes[name] ?? null,
});
const item = (id, ...payload) => el('item', { id }, ...payload);
const json = (value) => el('json', { xmlns: 'urn:xmpp:json:0' }, typeof value === 'string' ? value : JSON.stringify(value));
const pin = (body) => el('pin', {}, el('body', {}, body));

describe('state of an occupant', () => {
    const read = OCCUPANT_NODES[MOOD];
    const happy = item('1', el('mood', {}, el('happy'), el('text', {}, ' Yay! ')));

    test('is the last item that was published', () => {
        const state = nextItem(undefined, el('items', {}, item('0', el('mood', {}, el('sad'))), happy), read);
        assert.deepEqual(state, { id: '1', icon: '😊', text: 'Yay!', name: 'happy' });
    });

    test('ends with a retraction of that item, not of another', () => {
        const state = { id: '1', icon: '😊' };
        assert.equal(nextItem(state, el('items', {}, el('retract', { id: '2' })), read), state);
        assert.equal(nextItem(state, el('items', {}, el('retract', { id: '1' })), read), undefined);
    });

    test('ends with an empty payload, a purge and a deletion, and with nothing else', () => {
        const state = { id: '1', icon: '😊' };
        for (const change of [el('items', {}, item('1', el('mood'))), el('purge'), el('delete')]) {
            assert.equal(nextItem(state, change, read), undefined);
        }
        for (const change of [el('configuration'), el('items'), el('items', {}, item('3'))]) {
            assert.equal(nextItem(state, change, read), state);
        }
    });
});

describe('state of the room', () => {
    const next = (state, ...items) => nextItems(state, el('items', {}, ...items), ROOM_NODES[PINS], 3);
    const ids = (state) => state.map(({ id }) => id);

    test('has the newest last, and no more than it may', () => {
        const state = next([], ...['a', 'b', 'c', 'd'].map((id) => item(id, pin(id))));
        assert.deepEqual(ids(state), ['b', 'c', 'd']);
        assert.deepEqual(next(state, item('c', pin('again'))).map(({ text }) => text), ['b', 'again', 'd']);
    });

    test('loses what is retracted, or makes no sense any more', () => {
        const state = next([], item('a', pin('a')), item('b', pin('b')));
        assert.deepEqual(ids(next(state, el('retract', { id: 'a' }))), ['b']);
        assert.deepEqual(ids(next(state, item('b', el('pin')), item('c', el('pin')))), ['a']);
        assert.deepEqual(nextItems(state, el('purge'), ROOM_NODES[PINS], 3), []);
    });
});

test('an event of one who has left already holds up no other', async () => {
    const saved = {};
    const muc = {
        get: (name) => saved[name],
        save: (name, value) => (saved[name] = value),
        occupants: { findOccupant: () => undefined, on() {}, off() {} },
    };
    const rooms = new Rooms({ env: { log: console } }, {}, String);
    const event = (node, payload) => ({ children: [el('items', { node }, item('1', payload))] });
    for (let i = 0; i < 100; i++) rooms.onEvent(muc, 'ghost', event(MOOD, el('mood', {}, el('happy'))));
    await rooms.onEvent(muc, null, event(PINS, pin('here')));
    assert.equal(saved.mep_room[PINS][0].text, 'here');
});

describe('payloads', () => {
    test('read as a line', () => {
        assert.equal(OCCUPANT_NODES[TUNE](el('tune', {}, el('artist', {}, 'A'), el('title', {}, 'T'))).text, 'A – T');
        assert.equal(OCCUPANT_NODES[TUNE](el('tune')), '');
        const reading = el('activity', {}, el('relaxing', {}, el('reading')));
        assert.deepEqual(OCCUPANT_NODES[ACTIVITY](reading), {
            icon: '🛋️', text: '', name: 'reading', fields: { activity: 'relaxing', text: '' },
        });
        assert.equal(OCCUPANT_NODES[ACTIVITY](el('activity')), undefined);
        assert.equal(OCCUPANT_NODES[HAND]().name, 'raised hand');
        assert.equal(OCCUPANT_NODES[MOOD](el('mood', {}, el('constructor'))).icon, '💗');
        assert.equal(OCCUPANT_NODES.constructor, undefined);
    });

    test('are clipped', () => {
        assert.equal(ROOM_NODES[PINS](pin('x'.repeat(70_000))).text.length, 500);
        const poll = { question: 'x'.repeat(9_999), options: Array(99).fill('y'), votes: [] };
        const { question, options, votes } = ROOM_NODES[POLLS](json(poll));
        assert.deepEqual([question.length, options.length, votes.length], [500, 16, 16]);
    });

    test('of a poll make sense or are left out', () => {
        const odd = ['', '{', 'null', '[]', '7', { question: 1, options: [], votes: [] }, { question: '', options: {}, votes: [] }];
        for (const value of odd) assert.equal(ROOM_NODES[POLLS](json(value)), undefined, JSON.stringify(value));
        assert.equal(ROOM_NODES[POLLS](el('poll')), undefined);
        const { votes } = ROOM_NODES[POLLS](json({ question: '?', options: [1, 2, 3], votes: ['x', -1, 2.5] }));
        assert.deepEqual(votes, [0, 0, 2]);
    });
});

describe('texts', () => {
    const settings = (values) => ({ settings: { get: (name) => values[name] } });

    test('are in the language of Converse, with what an admin says in its place', () => {
        assert.equal(translator(settings({ i18n: 'de' }))('Pin'), 'Anheften');
        assert.equal(translator(settings({ i18n: 'fr-CA' }))('Unpin: %1$s', '$&'), 'Désépingler : $&');
        assert.equal(translator(settings({ i18n: 'en' }))('Pin'), 'Pin');
        assert.equal(translator(settings({ i18n: 'de', mep_labels: { Pin: 'Merken' } }))('Pin'), 'Merken');
        assert.equal(translator(settings({ i18n: 'en' }))('constructor'), 'constructor');
    });

    test('are all translated', async () => {
        const sources = ['heading.js', 'occupant.js', 'room.js'].map((name) => new URL(`../src/${name}`, import.meta.url));
        const { readFile } = await import('node:fs/promises');
        const code = (await Promise.all(sources.map((source) => readFile(source, 'utf8')))).join('');
        const used = [...code.matchAll(/__\('([^']+)'/g)].map(([, text]) => text);
        const names = [...Object.keys(MOODS), ...Object.keys(ACTIVITIES)].map(words);
        assert.ok(used.length > 20);
        for (const locale of [de, fr]) {
            assert.deepEqual(new Set(Object.keys(locale)), new Set([...used, ...names, 'raised hand']));
        }
    });
});

test('the package has all that it needs', async () => {
    const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { encoding: 'utf8' }));
    const packed = files.map(({ path }) => path);
    const sources = await readdir(new URL('../src', import.meta.url), { recursive: true });
    for (const name of ['LICENSE', 'README.md', 'mep.css', ...sources.filter((s) => s.endsWith('.js')).map((s) => `src/${s}`)]) {
        assert.ok(packed.includes(name), name);
    }
    assert.equal(packed.some((path) => path.startsWith('test')), false);
});
