import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { ROOT, Stage } from './stage.mjs';

const MOOD = 'http://jabber.org/protocol/mood';
const TUNE = 'http://jabber.org/protocol/tune';
const ACTIVITY = 'http://jabber.org/protocol/activity';
const JOINING = 'urn:mod_mep:joining:0';
const HAND = 'urn:mod_mep:hand:0';
const PINS = 'urn:mod_mep:pins:0';
const POLL = 'urn:mod_mep:poll:0';
const POLLS = 'urn:mod_mep:polls:0';
const VOTE = 'urn:mod_mep:vote:0';
const CONFERENCE = 'urn:ietf:params:xml:ns:conference-info';

const text = (value) => value && `<text>${value}</text>`;
const mood = (name, words = '') => `<mood xmlns="${MOOD}"><${name}/>${text(words)}</mood>`;
const activity = (name, words = '') => `<activity xmlns="${ACTIVITY}"><${name}/>${text(words)}</activity>`;
const tune = (artist, title) => `<tune xmlns="${TUNE}"><artist>${artist}</artist><title>${title}</title></tune>`;
const conference = (words) => `<conference-info xmlns="${CONFERENCE}">${activity('other', words)}</conference-info>`;

const json = (value) => `<json xmlns="urn:xmpp:json:0">${JSON.stringify(value)}</json>`;
const pin = (nick, body) => `<pin xmlns="${PINS}" nick="${nick}"><body>${body}</body></pin>`;

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

    static async open(browser, stage, nick, { size = { width: 1100, height: 700 }, lang = 'en' } = {}) {
        const self = new Page();
        const context = await browser.newContext({ viewport: size, deviceScaleFactor: 2 });
        self.page = await context.newPage();
        self.page.setDefaultTimeout(15_000);
        self.page.on('pageerror', (error) => self.errors.push(error));
        await self.page.goto(`${stage.url}?nick=${nick}&lang=${lang}`);
        await self.page.locator('converse-muc-bottom-panel textarea').waitFor();
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

    pinned(line) {
        return this.page.locator('.mep-pins li', { hasText: line });
    }

    poll(question) {
        return this.page.getByRole('group', { name: question });
    }

    /** An answer of a poll, when it has so many votes. */
    answer(question, line, votes) {
        return this.poll(question).getByRole('button', { name: `${line}: ${votes === 1 ? '1 vote' : `${votes} votes`}` });
    }

    /** A message's menu. */
    async choose(line, action) {
        const message = this.page.locator('converse-chat-message', { hasText: line });
        await message.hover();
        await message.locator('converse-dropdown button').first().click();
        await message.getByText(action, { exact: true }).click();
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

        test('pinned messages of the room stand below its heading', async () => {
            await stage.publishAsRoom('hecate', PINS, pin('First witch', 'We meet upon the heath'), 'first');
            await stage.publishAsRoom('hecate', PINS, pin('Hecate', '&lt;b&gt;Third&lt;/b&gt;'), 'second');
            await stage.publishAsRoom('hecate', PINS, `<pin xmlns="${PINS}"/>`, 'empty');
            await both(async (page) => {
                await page.pinned('Hecate <b>Third</b>').waitFor();
                await page.pinned('First witch We meet upon the heath').waitFor();
                assert.equal(await page.pinned('').count(), 2);
                assert.equal(await page.page.getByLabel('Unpin').count(), 0, 'for moderators only');
            });
            await stage.retractAsRoom('hecate', PINS, 'second');
            await both((page) => page.pinned('Third').waitFor({ state: 'detached' }));
        });

        test('a poll is voted on with the keyboard, and counted', async () => {
            const asked = { question: 'Is it fair?', options: ['fair', 'foul'] };
            await stage.publish('first', POLL, json(asked));
            await stage.publish('second', VOTE, json({ poll: 'First witch', option: 2 }));
            await both((page) => page.answer('Is it fair?', 'foul', 1).waitFor());
            await banquo.answer('Is it fair?', 'fair', 0).focus();
            await banquo.page.keyboard.press('Enter');
            await macduff.answer('Is it fair?', 'foul', 1).click();
            await both(async (page) => {
                await page.answer('Is it fair?', 'fair', 1).waitFor();
                await page.answer('Is it fair?', 'foul', 2).waitFor();
            });
            await macduff.poll('Is it fair?').locator('[aria-pressed="true"]', { hasText: 'foul' }).waitFor();
        });

        test('a poll is started from the page, and ended there', async () => {
            await macduff.page.locator('converse-muc-heading converse-dropdown button').first().click();
            await macduff.page.getByText('New poll').click();
            const dialog = macduff.page.getByRole('dialog', { name: 'New poll' });
            await dialog.getByLabel('Question').fill('Whither?');
            await dialog.getByLabel('Answers').fill('England\n\n Ireland ');
            await dialog.getByRole('button', { name: 'Publish' }).click();
            await both((page) => page.answer('Whither?', 'Ireland', 0).waitFor());
            assert.equal(await banquo.page.getByLabel('End poll').count(), 0);
            await macduff.page.getByLabel('End poll: Whither?').click();
            await both((page) => page.poll('Whither?').waitFor({ state: 'detached' }));
        });

        test('what makes no sense in the room is not shown', async () => {
            for (const [i, value] of [null, [], { question: {}, options: [], votes: [] }, { question: 'No?' }].entries()) {
                await stage.publishAsRoom('hecate', POLLS, json(value), `odd-${i}`);
            }
            await stage.publishAsRoom('hecate', POLLS, '<json xmlns="urn:xmpp:json:0">{</json>', 'odd');
            await stage.publishAsRoom('hecate', POLLS, json({ question: 'Odd?', options: [1, {}], votes: 'x' }), 'votes');
            await speak('hecate', 'And nothing is but what is not.');
            await both(async (page) => assert.equal(await page.page.locator('.mep-poll').count(), 1));
        });

        test('a hand is raised and lowered', async () => {
            const button = banquo.page.getByLabel('Raise hand');
            await button.click();
            await both((page) => page.shows('Banquo', HAND, '✋ raised hand'));
            await button.and(banquo.page.locator('[aria-pressed="true"]')).click();
            await both((page) => page.showsNo('Banquo', HAND));
        });

        test('activity and tune are published from the page', async () => {
            await banquo.page.getByRole('button', { name: 'More…' }).click();
            const dialog = banquo.page.getByRole('dialog', { name: 'What you are doing' });
            await dialog.getByLabel('Activity').selectOption('exercising');
            await dialog.getByLabel('In your own words').fill('riding');
            await dialog.getByLabel('Title').fill('The Owl');
            await dialog.getByRole('button', { name: 'Publish' }).click();
            await both(async (page) => {
                await page.shows('Banquo', ACTIVITY, '🏃 riding');
                await page.shows('Banquo', TUNE, '🎵 The Owl');
            });
            // What is left as it is stays as it is.
            await banquo.page.getByRole('button', { name: 'More…' }).click();
            assert.equal(await dialog.getByLabel('In your own words').inputValue(), 'riding');
            await dialog.getByLabel('Artist').fill('Banquo');
            await dialog.getByRole('button', { name: 'Publish' }).click();
            await both((page) => page.shows('Banquo', TUNE, '🎵 Banquo – The Owl'));
            await both((page) => page.shows('Banquo', ACTIVITY, '🏃 riding'));
            await banquo.page.getByRole('button', { name: 'More…' }).click();
            await dialog.getByLabel('Activity').selectOption('');
            await dialog.getByLabel('In your own words').fill('');
            await dialog.getByLabel('Artist').fill('');
            await dialog.getByLabel('Title').fill('');
            await dialog.getByRole('button', { name: 'Publish' }).click();
            await both(async (page) => {
                await page.showsNo('Banquo', ACTIVITY);
                await page.showsNo('Banquo', TUNE);
            });
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

        test('an activity published through HTTP stands in the chat, and once after a reload', async () => {
            await stage.put(CONFERENCE, 'current', conference('Double, double toil'));
            await both((page) => page.reads('Double, double toil'));
            await banquo.page.reload();
            await banquo.reads('Double, double toil');
            // From the archive as well: those who were not there read it once, too.
            const ross = await Page.open(browser, stage, 'Ross');
            await ross.reads('Double, double toil');
            await speak('first', 'Fire burn, and cauldron bubble.');
            for (const page of [macduff, banquo, ross]) {
                await page.reads('Fire burn');
                const lines = page.page.locator('converse-chat-message', { hasText: 'Double, double toil' });
                assert.equal(await lines.count(), 1);
            }
            await ross.close();
        });

        test('a page tells those outside how to join', async () => {
            const ways = '<webchat>https://chat.example/</webchat><invitation>xmpp:coven@rooms.localhost?join</invitation>';
            const script = '<webchat>javascript:alert(1)</webchat>';
            await stage.put(JOINING, 'current', `<joining xmlns="${JOINING}">${ways}${script}</joining>`);
            const page = await browser.newPage();
            await page.goto(`${stage.url}join.html`);
            await page.getByRole('link', { name: 'xmpp:coven@rooms.localhost?join' }).waitFor();
            const links = await page.getByRole('link').evaluateAll((all) => all.map(({ href }) => href));
            assert.deepEqual(links, ['https://chat.example/', 'xmpp:coven@rooms.localhost?join']);
            await page.close();
        });

        test('a moderator pins a message, and takes it down', async () => {
            await stage.promote('hecate', 'Macduff');
            await macduff.choose('Fire burn', 'Pin');
            await both((page) => page.pinned('First witch Fire burn, and cauldron bubble.').waitFor());
            await macduff.page.getByLabel('Unpin: Fire burn').click();
            await both((page) => page.pinned('Fire burn').waitFor({ state: 'detached' }));
        });

        test('on a telephone, in another language', async () => {
            const size = { width: 390, height: 800 };
            const siward = await Page.open(browser, stage, 'Siward', { size, lang: 'de' });
            await siward.page.getByText('Angeheftete Nachrichten (1)').waitFor();
            await siward.page.getByRole('button', { name: 'foul: 2 Stimmen' }).waitFor();
            const scrollWidth = await siward.page.evaluate(() => document.documentElement.scrollWidth);
            assert.ok(scrollWidth <= size.width, `${scrollWidth} pixels wide`);
            await siward.screenshot(join(ROOT, `target/screenshots/${version}/telephone.png`));
            await siward.close();
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
