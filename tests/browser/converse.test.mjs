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

const launch = () => chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
    ],
});

const mood = (name, text = '') => `<mood xmlns="${MOOD}"><${name}/>${text && `<text>${text}</text>`}</mood>`;
const tune = (artist, title) => `<tune xmlns="${TUNE}"><artist>${artist}</artist><title>${title}</title></tune>`;
const activity = (general, text) => `<activity xmlns="${ACTIVITY}"><${general}/><text>${text}</text></activity>`;
const announcement = (text) => `<conference-info xmlns="${CONFERENCE}">${activity('other', text)}</conference-info>`;

async function takeScreenshot(page) {
    const path = join(ROOT, process.env.UPDATE_SCREENSHOT === '1' ? 'docs/images' : 'target', 'converse.png');
    await mkdir(dirname(path), { recursive: true });
    await page.screenshot({ path, animations: 'disabled' });
}

/** One person's Converse in a browser profile of its own. */
class Page {
    errors = [];

    static async open(browser, stage, nick) {
        const self = new Page();
        const context = await browser.newContext({ viewport: { width: 1200, height: 675 }, deviceScaleFactor: 2 });
        self.page = await context.newPage();
        self.page.setDefaultTimeout(15_000);
        self.page.on('pageerror', (error) => self.errors.push(error));
        await self.page.goto(`${stage.url}?nick=${nick}`);
        await self.occupant(nick).waitFor();
        return self;
    }

    async close() {
        await this.page.context().close();
        assert.deepEqual(this.errors, [], 'errors in the page');
    }

    occupant(nick) {
        return this.page.locator('converse-muc-occupant-list-item', {
            has: this.page.locator('.occupant-nick', { hasText: new RegExp(`^${nick}$`) }),
        });
    }

    /** Waits until the list shows that text of that occupant, or that there is none any more. */
    async shows(nick, node, text) {
        const line = this.occupant(nick).locator(`.mep-state[data-node="${node}"]`);
        await (text ? line.filter({ hasText: text }) : line).waitFor({ state: text ? 'visible' : 'detached' });
    }

    chooseMood(name) {
        return this.page.locator('.mep-menu').selectOption(name);
    }

    /** The line of the chat that an activity of the room makes. */
    line(text) {
        return this.page.locator('.message--mep', { hasText: text });
    }
}

for (const version of ['13.0', '0.12']) {
    describe(`Converse.js at Prosody ${version}`, () => {
        let stage, browser, banquo, macduff;
        const both = (see) => Promise.all([banquo, macduff].map(see));

        before(async () => {
            [stage, browser] = await Promise.all([Stage.open(version), launch()]);
            await stage.join('Hecate'); // the first to enter owns the room
            [banquo, macduff] = await Promise.all(['Banquo', 'Macduff'].map((nick) => Page.open(browser, stage, nick)));
        });

        after(async () => {
            await Promise.all([banquo, macduff].map((page) => page?.close()));
            await browser?.close();
            await stage?.close();
        });

        test('an activity of the room stands in the chat', async () => {
            await stage.publish('Hecate', null, CONFERENCE, announcement('Hecate has opened a poll'), 'poll');
            await both((page) => page.line('Hecate has opened a poll').waitFor());
        });

        test('mood, tune and activity stand in the list of occupants, whoever publishes', async () => {
            await banquo.chooseMood('curious');
            await both((page) => page.shows('Banquo', MOOD, '🧐 curious'));

            await stage.join('First', 'First witch');
            await stage.publish('First', 'First witch', MOOD, mood('happy', 'fair is foul'));
            await stage.publish('First', 'First witch', TUNE, tune('Giuseppe Verdi', 'Macbeth'));
            await stage.publish('First', 'First witch', ACTIVITY, activity('traveling', 'through the filthy air'));
            await both(async (page) => {
                await page.shows('First witch', MOOD, '😊 fair is foul');
                await page.shows('First witch', TUNE, '🎵 Giuseppe Verdi – Macbeth');
                await page.shows('First witch', ACTIVITY, '🚆 through the filthy air');
            });
        });

        test('who comes later sees them too', async () => {
            const lennox = await Page.open(browser, stage, 'Lennox');
            await lennox.shows('Banquo', MOOD, 'curious');
            await lennox.shows('First witch', TUNE, 'Giuseppe Verdi – Macbeth');
            await takeScreenshot(banquo.page);
            await lennox.close();
        });

        test('what is published is text', async () => {
            await stage.publish('Hecate', 'Hecate', MOOD, mood('constructor', '&lt;img src=x onerror="throw 1"&gt;'));
            await both((page) => page.shows('Hecate', MOOD, '💗 <img src=x onerror="throw 1">'));
        });

        test('what is retracted, deleted or over is gone', async () => {
            await stage.retract('First', 'First witch', MOOD);
            await stage.publish('First', 'First witch', TUNE, `<tune xmlns="${TUNE}"/>`);
            await stage.delete('First', 'First witch', ACTIVITY);
            await banquo.chooseMood('');
            await both(async (page) => {
                await Promise.all([MOOD, TUNE, ACTIVITY].map((node) => page.shows('First witch', node, null)));
                await page.shows('Banquo', MOOD, null);
            });
        });

        test('a new nick keeps them, and leaving takes them away', async () => {
            await stage.publish('First', 'First witch', TUNE, tune('Henry Purcell', 'Dido'));
            await both((page) => page.shows('First witch', TUNE, 'Dido'));
            await stage.rename('First', 'Sorceress');
            await both((page) => page.shows('Sorceress', TUNE, 'Dido'));

            await stage.leave('First');
            await both((page) => page.occupant('Sorceress').waitFor({ state: 'detached' }));
            await stage.join('First', 'Sorceress');
            await stage.publish('First', 'Sorceress', MOOD, mood('proud'));
            await both(async (page) => {
                await page.shows('Sorceress', MOOD, 'proud');
                await page.shows('Sorceress', TUNE, null);
            });
        });

        test('owners stay in the list when they leave, without what they published', async () => {
            await stage.leave('Hecate');
            await both((page) => page.shows('Hecate', MOOD, null));
        });
    });
}
