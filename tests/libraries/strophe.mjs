import { Strophe, $iq, $pres } from "strophe.js";
import { MOOD, domain, password, room, service, tell, user, ver } from "./common.mjs";

const CAPS = "http://jabber.org/protocol/caps";
const identity = { category: "client", type: "pc", name: "Example" };
const features = [CAPS, Strophe.NS.DISCO_INFO, Strophe.NS.MUC, `${MOOD}+notify`];
const node = "https://client.example";

const connection = new Strophe.Connection(service);
const own = `${room}/${user}`;

function join() {
	// The room asks what the hash stands for.
	connection.addHandler(
		(iq) => {
			const query = { xmlns: Strophe.NS.DISCO_INFO, node: `${node}#${ver(identity, features)}` };
			const answer = $iq({ type: "result", id: iq.getAttribute("id"), to: iq.getAttribute("from") }).c("query", query);
			answer.c("identity", identity).up();
			for (const feature of features) answer.c("feature", { var: feature }).up();
			connection.send(answer);
			return true;
		},
		Strophe.NS.DISCO_INFO, "iq", "get",
	);
	connection.addHandler(onEvent, "http://jabber.org/protocol/pubsub#event", "message");
	const presence = $pres({ to: own }).c("x", { xmlns: Strophe.NS.MUC }).up();
	presence.c("c", { xmlns: CAPS, hash: "sha-1", node, ver: ver(identity, features) });
	connection.send(presence);
}

function onEvent(message) {
	const from = message.getAttribute("from");
	for (const item of message.getElementsByTagName("item")) {
		tell({ from, node: item.parentNode.getAttribute("node"), published: item.getAttribute("id") });
	}
	for (const item of message.getElementsByTagName("retract")) {
		tell({ from, node: item.parentNode.getAttribute("node"), retracted: item.getAttribute("id") });
	}
	return true;
}

function publish() {
	const request = $iq({ type: "set", to: own }).c("pubsub", { xmlns: "http://jabber.org/protocol/pubsub" });
	request.c("publish", { node: MOOD }).c("item", { id: "current" }).c("mood", { xmlns: MOOD }).c("curious");
	connection.sendIQ(request, () => tell("published"), (error) => tell(error.outerHTML ?? String(error)));
}

connection.connect(`${user}@${domain}/strophe`, password, (status) => {
	if (status !== Strophe.Status.CONNECTED) return;
	connection.addHandler(
		(presence) => {
			if (presence.getAttribute("from") === own) publish();
			return presence.getAttribute("from") !== own;
		},
		null, "presence",
	);
	join();
});
