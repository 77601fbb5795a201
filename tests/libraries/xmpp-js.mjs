import { client, xml } from "@xmpp/client";
import { MOOD, domain, password, room, service, tell, user, ver } from "./common.mjs";

const CAPS = "http://jabber.org/protocol/caps";
const DISCO_INFO = "http://jabber.org/protocol/disco#info";
const EVENT = "http://jabber.org/protocol/pubsub#event";
const MUC = "http://jabber.org/protocol/muc";
const identity = { category: "client", type: "pc", name: "Example" };
const features = [CAPS, DISCO_INFO, MUC, `${MOOD}+notify`];
const node = "https://client.example";
const hash = ver(identity, features);

const xmpp = client({ service, domain, username: user, password, resource: "xmppjs" });
const own = `${room}/${user}`;

// The room asks what the hash stands for.
xmpp.iqCallee.get(DISCO_INFO, "query", () =>
	xml(
		"query", { xmlns: DISCO_INFO, node: `${node}#${hash}` },
		xml("identity", identity),
		...features.map((feature) => xml("feature", { var: feature })),
	),
);

xmpp.on("stanza", (stanza) => {
	const items = stanza.is("message") && stanza.getChild("event", EVENT)?.getChild("items");
	if (!items) return;
	const told = { from: stanza.attrs.from, node: items.attrs.node };
	for (const item of items.getChildren("item")) tell({ ...told, published: item.attrs.id });
	for (const item of items.getChildren("retract")) tell({ ...told, retracted: item.attrs.id });
});

xmpp.on("error", (error) => tell(String(error)));

// Not at "online": it enables stream management then, and forgets to count what arrives before that is done.
xmpp.on("nonza", async (nonza) => {
	if (!nonza.is("enabled", "urn:xmpp:sm:3")) return;
	const joined = new Promise((resolve) => {
		xmpp.on("stanza", (stanza) => stanza.is("presence") && stanza.attrs.from === own && resolve());
	});
	await xmpp.send(
		xml("presence", { to: own }, xml("x", { xmlns: MUC }), xml("c", { xmlns: CAPS, hash: "sha-1", node, ver: hash })),
	);
	await joined;
	await xmpp.iqCaller.set(
		xml(
			"pubsub", { xmlns: "http://jabber.org/protocol/pubsub" },
			xml("publish", { node: MOOD }, xml("item", { id: "current" }, xml("mood", { xmlns: MOOD }, xml("curious")))),
		),
		own,
	);
	tell("published");
});

xmpp.start().catch((error) => tell(String(error)));
