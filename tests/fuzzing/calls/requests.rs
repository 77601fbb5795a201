//! Requests of every kind, well-formed and not.

use super::crowd::{ACCOUNTS, NICKS, SESSIONS, account_of, address};
use crate::fuzzing::draw::Draw;
use crate::support::ROOM;
use crate::support::people::{owner, pubsub};

pub const NODES: [&str; 5] = ["urn:a", "urn:b", "urn:c", "urn:xmpp:avatar:metadata", "n&apos;&lt;ü"];
const IDS: [&str; 5] = ["1", "2", "3", "current", "&amp;&quot;"];
const AFFILIATIONS: [&str; 9] =
    ["member", "member", "member", "outcast", "outcast", "none", "publisher", "publish-only", "x"];
const MODELS: [&str; 3] = ["open", "presence", "whitelist"];
const PAYLOADS: [&str; 9] = [
    "<mood xmlns='http://jabber.org/protocol/mood'><happy/><text>Yay!</text></mood>",
    "<a xmlns='urn:p'/>",
    "<a/>",
    "",
    "<a xmlns='urn:p' xmlns:q='urn:q' q:b='&lt;&apos;' xml:lang='de'>1<q:b/>&amp;\n2</a>",
    "<a xmlns=''><message xmlns='jabber:client'><body>hi</body></message></a>",
    "<xml:a/>",
    "<a xmlns='urn:p'/><b xmlns='urn:p'/>",
    "<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'><activity><text>&lt;x&gt;</text></activity></conference-info>",
];
const FIELDS: [(&str, &[&str]); 19] = [
    ("access_model", &MODELS),
    ("max_items", &["1", "2", "max", "0", "256"]),
    ("persist_items", &["0", "1"]),
    ("deliver_payloads", &["0", "1", "true"]),
    ("deliver_notifications", &["0", "1"]),
    ("notify_retract", &["0", "1"]),
    ("notify_delete", &["0", "1"]),
    ("notify_config", &["0", "1"]),
    ("notify_sub", &["0", "1"]),
    ("publish_model", &["publishers", "subscribers", "open"]),
    ("send_last_published_item", &["never", "on_sub", "on_sub_and_presence"]),
    ("item_expire", &["1", "60", "max"]),
    ("itemreply", &["publisher", "owner"]),
    ("purge_offline", &["0", "1"]),
    ("notification_type", &["headline", "normal", "groupchat"]),
    ("title", &["", "a title &amp; more"]),
    ("mep#read_by", &["anyone", "participants", "moderators", "owners"]),
    ("mep#publish_by", &["participants", "moderators", "nobody"]),
    ("mep#retract_by", &["participants", "moderators", "nobody"]),
];
const OPTIONS: [(&str, &[&str]); 6] = [
    ("deliver", &["0", "1"]),
    ("show-values", &["away", "chat", "dnd", "online", "xa"]),
    ("subscription_type", &["items", "nodes"]),
    ("subscription_depth", &["1", "all"]),
    ("include_body", &["0", "1"]),
    ("expire", &["2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "presence", "x"]),
];
/// Of raw requests.
const NAMES: [&str; 24] = [
    "publish",
    "item",
    "retract",
    "items",
    "subscribe",
    "unsubscribe",
    "options",
    "subscriptions",
    "affiliations",
    "create",
    "configure",
    "default",
    "delete",
    "purge",
    "redirect",
    "subscription",
    "affiliation",
    "publish-options",
    "x",
    "field",
    "value",
    "set",
    "max",
    "query",
];
const ATTRIBUTES: [&str; 14] = [
    "node",
    "id",
    "jid",
    "xmlns",
    "type",
    "var",
    "subid",
    "max_items",
    "notify",
    "affiliation",
    "subscription",
    "xml:lang",
    "uri",
    "publisher",
];
const NAMESPACES: [&str; 6] = [
    "http://jabber.org/protocol/pubsub",
    "http://jabber.org/protocol/pubsub#owner",
    "http://jabber.org/protocol/rsm",
    "jabber:x:data",
    "http://jabber.org/protocol/disco#items",
    "urn:p",
];

/// Draws a request of a session. Returns its type and what is in it.
pub fn draw(draw: &mut Draw<'_>, session: usize) -> (&'static str, String) {
    let node = node(draw);
    match draw.below(30) {
        0..=7 => ("set", publish(draw, &node)),
        8 => ("set", pubsub(&format!("<retract{node}{}>{}</retract>", notify(draw), ids(draw)))),
        9..=10 => ("get", pubsub(&format!("<items{node}{}>{}</items>{}", max(draw), ids(draw), page(draw)))),
        11..=12 => {
            let options = options(draw);
            ("set", pubsub(&format!("<subscribe{node}{}/>{options}", jid(draw, session))))
        }
        13 => ("set", pubsub(&format!("<unsubscribe{node}{}/>", jid(draw, session)))),
        14 => ("get", pubsub(&format!("<subscriptions{node}/>"))),
        15 => ("get", pubsub(&format!("<affiliations{node}/>"))),
        16 => ("get", pubsub(&format!("<options{node}{}/>", jid(draw, session)))),
        17 => {
            let form = form(draw, "subscribe_options", &OPTIONS);
            ("set", pubsub(&format!("<options{node}{}>{form}</options>", jid(draw, session))))
        }
        18 => {
            let form = form(draw, "node_config", &FIELDS);
            ("set", pubsub(&format!("<create{node}/><configure>{form}</configure>")))
        }
        19..=20 => {
            let form = form(draw, "node_config", &FIELDS);
            ("set", owner(&format!("<configure{node}>{form}</configure>")))
        }
        21 => ("set", owner(&format!("<{}{node}/>", draw.one_of(&["delete", "purge"])))),
        22 => {
            let what = ["configure", "default", "subscriptions", "affiliations"];
            ("get", owner(&format!("<{}{node}/>{}", draw.one_of(&what), page(draw))))
        }
        23..=24 => {
            let entry = |draw: &mut Draw<'_>| {
                let jid = other(draw, session);
                format!("<affiliation{jid} affiliation='{}'/>", draw.one_of(&AFFILIATIONS))
            };
            let entries: String = (0..=draw.below(2)).map(|_| entry(draw)).collect();
            ("set", owner(&format!("<affiliations{node}>{entries}</affiliations>")))
        }
        25 => ("get", owner(&format!("<affiliations{node}/>"))),
        26 => {
            let is = draw.one_of(&["subscribed", "none"]);
            let entry = format!("<subscription{} subscription='{is}'/>", other(draw, session));
            ("set", owner(&format!("<subscriptions{node}>{entry}</subscriptions>")))
        }
        27 => {
            let kind = draw.one_of(&["info", "items"]);
            ("get", format!("<query xmlns='http://jabber.org/protocol/disco#{kind}'{node}/>"))
        }
        28 => {
            let ns = draw.one_of(&NAMESPACES);
            let inner = raw(draw, session, 4);
            (draw.one_of(&["get", "set", "result"]), format!("<pubsub xmlns='{ns}'>{inner}</pubsub>"))
        }
        _ => {
            // An account's name must not come in by chance.
            let text = draw.text(200).replace("zq-", "");
            (draw.one_of(&["get", "set"]), text)
        }
    }
}

fn publish(draw: &mut Draw<'_>, node: &str) -> String {
    let id = if draw.below(2) == 0 { format!(" id='{}'", draw.one_of(&IDS)) } else { String::new() };
    let payload = match draw.below(24) {
        0 => format!("<a xmlns='urn:{}'>{}</a>", "x".repeat(2000), "<b/>".repeat(200)),
        1 => format!("<a xmlns='urn:p'>{}</a>", "<b/>".repeat(1000)),
        2 => format!("<a xmlns='urn:p'>{}</a>", "x".repeat(5000)),
        3 => {
            let text = draw.text(100).replace("zq-", "");
            format!("<a xmlns='urn:p'>{text}</a>")
        }
        other => PAYLOADS[if other < 16 { other % 2 } else { draw.below(PAYLOADS.len()) }].to_owned(),
    };
    let options = if draw.once_in(10) {
        format!("<publish-options>{}</publish-options>", form(draw, "publish-options", &FIELDS))
    } else {
        String::new()
    };
    pubsub(&format!("<publish{node}><item{id}>{payload}</item></publish>{options}"))
}

fn node(draw: &mut Draw<'_>) -> String {
    match draw.below(17) {
        16 => String::new(),
        at => format!(" node='{}'", NODES[[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 4][at]]),
    }
}

fn ids(draw: &mut Draw<'_>) -> String {
    (0..draw.below(3)).map(|_| format!("<item id='{}'/>", draw.one_of(&IDS))).collect()
}

fn notify(draw: &mut Draw<'_>) -> &'static str {
    draw.one_of(&["", " notify='1'", " notify='0'"])
}

fn max(draw: &mut Draw<'_>) -> &'static str {
    draw.one_of(&["", "", " max_items='1'", " max_items='0'"])
}

fn page(draw: &mut Draw<'_>) -> String {
    let inner = match draw.below(6) {
        0 => "<max>1</max>".to_owned(),
        1 => "<max>2</max><before/>".to_owned(),
        2 => format!("<after>{}</after>", draw.one_of(&IDS)),
        _ => return String::new(),
    };
    format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>")
}

/// An attribute with a JID: one's own, others', of an occupant, of no one.
fn jid(draw: &mut Draw<'_>, session: usize) -> String {
    let jid = match draw.below(10) {
        0..=2 => SESSIONS[session].to_owned(),
        3 => ACCOUNTS[account_of(session)].to_owned(),
        4..=5 => address(draw.below(NICKS.len())),
        6..=7 => draw.one_of(&ACCOUNTS).to_owned(),
        8 => draw.one_of(&SESSIONS).to_owned(),
        _ => draw.one_of(&["ghost@x.example", ROOM, "", "@", "Ghost@X.example/y"]).to_owned(),
    };
    format!(" jid='{jid}'")
}

/// An attribute with whom an owner names: mostly an account or an occupant.
fn other(draw: &mut Draw<'_>, session: usize) -> String {
    match draw.below(5) {
        0..=1 => format!(" jid='{}'", draw.one_of(&ACCOUNTS)),
        2..=3 => format!(" jid='{}'", address(draw.below(NICKS.len()))),
        _ => jid(draw, session),
    }
}

fn options(draw: &mut Draw<'_>) -> String {
    if draw.once_in(3) {
        format!("<options>{}</options>", form(draw, "subscribe_options", &OPTIONS))
    } else {
        String::new()
    }
}

fn form(draw: &mut Draw<'_>, form_type: &str, fields: &[(&str, &[&str])]) -> String {
    let mut rows = format!(
        "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#{form_type}</value></field>"
    );
    for at in 0..=draw.below(3) {
        // The access model is what matters most.
        let (var, values) = if at == 0 && draw.below(3) == 0 { fields[0] } else { draw.one_of(fields) };
        let value = draw.one_of(values);
        let prefix = if var.contains('#') { "" } else { "pubsub#" };
        rows += &format!("<field var='{prefix}{var}'><value>{value}</value></field>");
    }
    format!("<x xmlns='jabber:x:data' type='submit'>{rows}</x>")
}

/// Elements that requests are made of, put together at random.
fn raw(draw: &mut Draw<'_>, session: usize, levels: usize) -> String {
    let mut text = String::new();
    for _ in 0..=draw.below(2) {
        let name = draw.one_of(&NAMES);
        text += &format!("<{name}");
        let first = draw.below(ATTRIBUTES.len());
        for attribute in ATTRIBUTES.iter().cycle().skip(first).take(draw.below(4)) {
            match *attribute {
                "jid" | "publisher" => text += &jid(draw, session).replace(" jid", &format!(" {attribute}")),
                "node" => text += &node(draw),
                "xmlns" => text += &format!(" xmlns='{}'", draw.one_of(&NAMESPACES)),
                other => text += &format!(" {other}='{}'", draw.one_of(&["1", "", "none", "en", "get"])),
            }
        }
        text.push('>');
        if levels > 1 && draw.below(2) == 1 {
            text += &raw(draw, session, levels - 1);
        } else if draw.once_in(3) {
            text.push_str(draw.one_of(&["text", " ", "http://jabber.org/protocol/pubsub#node_config"]));
        }
        text += &format!("</{name}>");
    }
    text
}
