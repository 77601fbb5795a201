// What the scripts share: what they are told, what they tell, and capabilities for libraries that have none.
import { createHash, webcrypto } from "node:crypto";
import WebSocket from "ws";

// What Node 18 lacks, and the first one Node 20 as well.
globalThis.WebSocket ??= WebSocket;
globalThis.crypto ??= webcrypto;

export const MOOD = "http://jabber.org/protocol/mood";

// service (a websocket), domain, user, password, room
export const [service, domain, user, password, room] = process.argv.slice(2);

/** One line for the test that has started this. */
export const tell = (what) => console.log(JSON.stringify(what));

/** The verification string of XEP-0115 for a client with one identity and no forms. */
export function ver({ category, type, name }, features) {
	const text = [`${category}/${type}//${name}`, ...[...features].sort()].map((part) => part + "<").join("");
	return createHash("sha1").update(text).digest("base64");
}

// The test closes the input when it has seen enough.
process.stdin.resume().on("end", () => process.exit());
