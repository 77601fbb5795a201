import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PUBSUB = 'http://jabber.org/protocol/pubsub';

/** A Prosody that serves the example page, and users who do in its room what they are told; stage.py tells how. */
export class Stage {
    #nicks = new Map();

    static async open(version) {
        const stage = new Stage();
        stage.process = spawn('target/venv/bin/python', ['tests/browser/stage.py', version], {
            cwd: ROOT,
            stdio: ['pipe', 'pipe', 'inherit'],
        });
        stage.exit = once(stage.process, 'exit');
        stage.lines = createInterface({ input: stage.process.stdout })[Symbol.asyncIterator]();
        return Object.assign(stage, await stage.#answer());
    }

    /** Also fails when the server had something to complain about. */
    async close() {
        this.process.stdin.end();
        const [code] = await this.exit;
        if (code) throw new Error(`the stage ended with ${code}; its last words are above`);
    }

    async join(user, nick) {
        await this.#act(user, 'join', this.room, nick);
        this.#nicks.set(user, nick);
    }

    async rename(user, nick) {
        await this.#act(user, 'change_nick', this.room, nick);
        this.#nicks.set(user, nick);
    }

    leave(user) {
        return this.#act(user, 'leave', this.room);
    }

    say(user, text) {
        return this.#act(user, 'message', this.room, `<body>${text}</body>`);
    }

    publish(user, node, payload) {
        return this.#pubsub(user, this.#jid(user), publishing(node, payload));
    }

    publishAsRoom(user, node, payload, id) {
        return this.#pubsub(user, this.room, publishing(node, payload, id));
    }

    /** As a web service does. */
    async put(node, item, payload) {
        const room = this.room.split('@')[0];
        const response = await fetch(`${this.url}mep/${room}/${encodeURIComponent(node)}/${item}`, {
            method: 'PUT',
            headers: { 'Authorization': `Bearer ${this.token}`, 'Content-Type': 'application/xml' },
            body: payload,
        });
        if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    }

    retract(user, node) {
        return this.#pubsub(user, this.#jid(user), `<retract node="${node}" notify="true"><item id="current"/></retract>`);
    }

    retractAsRoom(user, node, id) {
        return this.#pubsub(user, this.room, `<retract node="${node}" notify="true"><item id="${id}"/></retract>`);
    }

    promote(user, nick) {
        return this.#act(user, 'iq', 'set', this.room,
            `<query xmlns="http://jabber.org/protocol/muc#admin"><item nick="${nick}" role="moderator"/></query>`);
    }

    delete(user, node) {
        return this.#pubsub(user, this.#jid(user), `<delete node="${node}"/>`, `${PUBSUB}#owner`);
    }

    /** What the module counts. */
    status() {
        return this.#act('', 'status');
    }

    #jid(user) {
        return `${this.room}/${this.#nicks.get(user)}`;
    }

    #pubsub(user, to, request, ns = PUBSUB) {
        return this.#act(user, 'iq', 'set', to, `<pubsub xmlns="${ns}">${request}</pubsub>`);
    }

    /** One at a time: answers come in the order of the requests. */
    async #act(user, method, ...args) {
        this.process.stdin.write(`${JSON.stringify([user, method, ...args])}\n`);
        const { ok, error } = await this.#answer();
        if (error) throw new Error(`${user} ${method}: ${error}`);
        return ok;
    }

    async #answer() {
        const { value, done } = await this.lines.next();
        if (done) throw new Error('the stage has ended; its last words are above');
        return JSON.parse(value);
    }
}

const publishing = (node, payload, id = 'current') =>
    `<publish node="${node}"><item id="${id}">${payload}</item></publish>`;
