import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { ROOT, Stage } from './stage.mjs';

const MOOD = 'http://jabber.org/protocol/mood';
const TUNE = 'http://jabber.org/protocol/tune';
const ACTIVITY = 'http://jabber.org/protocol/activity';
const CONFERENCE = 'urn:ietf:params:xml:ns:conference-info';

const text = (value) => value && `<text>${value}</text>`;
const mood = (name, words = '') => `<mood xmlns="${MOOD}"><${name}/>${text(words)}</mood>`;
const activity = (name, words = '') => `<activity xmlns="${ACTIVITY}"><${name}/>${text(words)}</activity>`;
const tune = (artist, title) => `<tune xmlns="${TUNE}"><artist>${artist}</artist><title>${title}</title></tune>`;
const conference = (words) => `<conference-info xmlns="${CONFERENCE}">${activity('other', words)}</conference-info>`;

const launch = () => chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
    ],
});

/** One person's Converse, in a browser profile of its own. */
class Page {
    errors = [];

    static async open(browser, stage, nick) {
        const self = new Page();
        const context = await browser.newContext({ viewport: { width: 1100, height: 620 }, deviceScaleFactor: 2 });
        self.page = await context.newPage();
        self.page.setDefaultTimeout(15_000);
        self.page.on('pageerror', (error) => self.errors.push(error));
        await self.page.goto(`${stage.url}?nick=${nick}`);
        await self.moodMenu.waitFor();
        return self;
    }

    async close() {
        await this.page.context().close();
        assert.deepEqual(this.errors, [], 'errors in the page');
    }

    get moodMenu() {
        return this.page.getByLabel('Publish your mood');
    }

    occupant(nick) {
        return this.page.locator('converse-muc-occupant-list-item', {
            has: this.page.locator('.occupant-nick', { hasText: new RegExp(`^${nick}$`) }),
        });
    }

    state(nick, node) {
        return this.occupant(nick).locator(`.mep-state[data-node="${node}"]`);
    }

    /** Waits until the list of occupants says so. */
    async shows(nick, node, line) {
        await this.state(nick, node).filter({ hasText: line }).waitFor();
    }

    /** Waits until the list says nothing of the kind about somebody whom it still names. */
    async showsNo(nick, node) {
        await this.state(nick, node).waitFor({ state: 'detached' });
        await this.occupant(nick).waitFor();
    }

    /** Waits for a message, or for the line that an activity of the room makes. */
    async reads(line) {
        await this.page.locator('converse-chat-message', { hasText: line }).waitFor();
    }

    async screenshot(path) {
        await mkdir(dirname(path), { recursive: true });
        await this.page.screenshot({ path, animations: 'disabled' });
    }
}

for (const version of ['0.12', '13.0']) {
    describe(`Converse.js at Prosody ${version}`, () => {
        let stage, browser, banquo, macduff;
        const both = (look) => Promise.all([banquo, macduff].map(look));
        const speak = async (user, words) => {
            await stage.say(user, words);
            await both((page) => page.reads(words));
        };

        before(async () => {
            [stage, browser] = await Promise.all([Stage.open(version), launch()]);
            await stage.join('hecate', 'Hecate'); // the first to enter owns the room
            await stage.join('first', 'First witch');
            await stage.join('second', 'Second witch');
            [banquo, macduff] = await Promise.all(['Banquo', 'Macduff'].map((nick) => Page.open(browser, stage, nick)));
            await speak('first', 'When shall we three meet again? In thunder, lightning, or in rain?');
            await speak('second', 'When the hurlyburly’s done, when the battle’s lost and won.');
        });

        after(async () => {
            await Promise.all([banquo, macduff].map((page) => page?.close()));
            await browser?.close();
            await stage?.close();
        });

        test('its own capabilities are verified, and asked of one page only', async () => {
            const status = await stage.status();
            const caps = ['asked', 'answered', 'mismatched', 'refused', 'known'].map((name) => status[`caps_${name}`]);
            // One kind of page, and one kind of the other clients
            assert.deepEqual(caps, [2, 2, 0, 0, 2]);
        });

        test('an activity of the room stands in the chat', async () => {
            await stage.publishAsRoom('hecate', CONFERENCE, conference('Hecate has opened a poll: fair, or foul?'));
            await both((page) => page.reads('Hecate has opened a poll: fair, or foul?'));
            await speak('hecate', 'That will be ere the set of sun.');
        });

        test('mood, tune and activity stand in the list of occupants', async () => {
            await stage.publish('first', MOOD, mood('excited'));
            await stage.publish('first', ACTIVITY, activity('traveling', 'off to the heath'));
            await stage.publish('second', MOOD, mood('playful', 'I’ll give thee a wind'));
            await stage.publish('second', TUNE, tune('Giuseppe Verdi', 'Macbeth'));
            await both(async (page) => {
                await page.shows('First witch', MOOD, '🤩 excited');
                await page.shows('First witch', ACTIVITY, '🚆 off to the heath');
                await page.shows('Second witch', MOOD, '😜 I’ll give thee a wind');
                await page.shows('Second witch', TUNE, '🎵 Giuseppe Verdi – Macbeth');
            });
        });

        test('a mood is published from the page, and ended there', async () => {
            await banquo.moodMenu.selectOption('confused');
            await macduff.moodMenu.selectOption('curious');
            await both(async (page) => {
                await page.shows('Banquo', MOOD, '😕 confused');
                await page.shows('Macduff', MOOD, '🧐 curious');
            });
            // The README's picture, when that is asked for; it takes an emoji font.
            const folder = process.env.UPDATE_SCREENSHOT === '1' ? 'docs/images' : `target/screenshots/${version}`;
            await macduff.screenshot(join(ROOT, folder, 'converse.png'));

            await banquo.moodMenu.selectOption('No mood');
            await both((page) => page.showsNo('Banquo', MOOD));
        });

        test('who comes later sees what stands', async () => {
            const lennox = await Page.open(browser, stage, 'Lennox');
            await lennox.shows('First witch', MOOD, 'excited');
            await lennox.shows('Second witch', TUNE, 'Giuseppe Verdi – Macbeth');
            await lennox.shows('Macduff', MOOD, 'curious');
            await lennox.close();
        });

        test('what is published is text', async () => {
            await stage.publish('hecate', MOOD, mood('constructor', '&lt;img src="" onerror="throw 1"&gt;'));
            await both((page) => page.shows('Hecate', MOOD, '💗 <img src="" onerror="throw 1">'));
        });

        test('what is retracted, deleted or replaced by nothing is gone', async () => {
            await stage.retract('first', MOOD);
            await stage.delete('first', ACTIVITY);
            await stage.publish('second', TUNE, `<tune xmlns="${TUNE}"/>`);
            await both(async (page) => {
                await page.showsNo('First witch', MOOD);
                await page.showsNo('First witch', ACTIVITY);
                await page.showsNo('Second witch', TUNE);
            });
        });

        test('a new nick keeps it, and leaving ends it', async () => {
            await stage.rename('second', 'Sorceress');
            await both((page) => page.shows('Sorceress', MOOD, 'I’ll give thee a wind'));
            await stage.leave('second');
            await both((page) => page.occupant('Sorceress').waitFor({ state: 'detached' }));

            await stage.join('second', 'Sorceress');
            await stage.publish('second', ACTIVITY, activity('drinking'));
            await both(async (page) => {
                await page.shows('Sorceress', ACTIVITY, '☕ drinking');
                assert.equal(await page.state('Sorceress', MOOD).count(), 0);
            });
        });

        test('an owner who leaves stays in the list, but not what they published', async () => {
            await stage.leave('hecate');
            await both((page) => page.showsNo('Hecate', MOOD));
        });
    });
}
