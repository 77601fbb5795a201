import { createClient } from "stanza";
import { MOOD, domain, password, room, service, tell, user } from "./common.mjs";

const client = createClient({
	jid: `${user}@${domain}`,
	password,
	transports: { websocket: service },
});
const own = `${room}/${user}`;

// Its join has no capabilities unless they are given to it.
client.disco.addFeature(`${MOOD}+notify`);
client.updateCaps();

client.on("pubsub:published", ({ from, pubsub: { items } }) => {
	for (const item of items.published) tell({ from, node: items.node, published: item.id, mood: item.content.value });
});
client.on("pubsub:retracted", ({ from, pubsub: { items } }) => {
	for (const id of items.retracted) tell({ from, node: items.node, retracted: id });
});

client.on("session:started", async () => {
	const { legacyCapabilities } = client.getCurrentCaps();
	await client.joinRoom(room, user, { legacyCapabilities });
	await client.publish(own, MOOD, { itemType: MOOD, value: "curious" }, "current");
	tell("published");
});

client.connect();
