import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PUBSUB = 'http://jabber.org/protocol/pubsub';

/** A Prosody that serves the example page, and occupants who do what they are told; stage.py tells how. */
export class Stage {
    static async open(version) {
        const stage = new Stage();
        stage.process = spawn('target/venv/bin/python', ['tests/browser/stage.py', version], {
            cwd: ROOT,
            stdio: ['pipe', 'pipe', 'inherit'],
        });
        stage.exit = once(stage.process, 'exit');
        stage.lines = createInterface({ input: stage.process.stdout })[Symbol.asyncIterator]();
        return Object.assign(stage, await stage.next());
    }

    async next() {
        const { value, done } = await this.lines.next();
        if (done) throw new Error('the stage has ended; its last words are above');
        return JSON.parse(value);
    }

    /** One at a time: answers come in the order of the requests. */
    async act(user, method, ...args) {
        this.process.stdin.write(`${JSON.stringify([user, method, ...args])}\n`);
        const { error } = await this.next();
        if (error) throw new Error(`${user} ${method}: ${error}`);
    }

    join(user, nick = user) {
        return this.act(user, 'join', this.room, nick);
    }

    leave(user) {
        return this.act(user, 'leave', this.room);
    }

    rename(user, nick) {
        return this.act(user, 'change_nick', this.room, nick);
    }

    /** To one's own occupant JID, or as the room where there is no nick. */
    pubsub(user, nick, request, ns = PUBSUB) {
        const to = nick ? `${this.room}/${nick}` : this.room;
        return this.act(user, 'iq', 'set', to, `<pubsub xmlns="${ns}">${request}</pubsub>`);
    }

    publish(user, nick, node, payload, id = 'current') {
        return this.pubsub(user, nick, `<publish node="${node}"><item id="${id}">${payload}</item></publish>`);
    }

    retract(user, nick, node, id = 'current') {
        return this.pubsub(user, nick, `<retract node="${node}" notify="true"><item id="${id}"/></retract>`);
    }

    delete(user, nick, node) {
        return this.pubsub(user, nick, `<delete node="${node}"/>`, `${PUBSUB}#owner`);
    }

    /** Also fails when the server had something to complain about. */
    async close() {
        this.process.stdin.end();
        const [code] = await this.exit;
        if (code) throw new Error(`the stage ended with ${code}; its last words are above`);
    }
}
