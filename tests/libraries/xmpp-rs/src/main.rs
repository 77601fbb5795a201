//! xmpp-rs in a room: it joins with its capabilities, publishes a mood, and tells what it is told.
//!
//! Usage: `mep-with-xmpp-rs ADDRESS DOMAIN USER PASSWORD ROOM`

use futures::StreamExt;
use std::io::{Read, stdin};
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, Event, IqRequest, IqResponse, Stanza};
use xmpp_parsers::caps::{Caps, compute_disco, hash_caps};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, Identity};
use xmpp_parsers::hashes::Algo;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::message::Message;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::mood::MoodEnum;
use xmpp_parsers::muc::Muc;
use xmpp_parsers::muc::user::{MucUser, Status};
use xmpp_parsers::ns;
use xmpp_parsers::presence::{Presence, Type};
use xmpp_parsers::pubsub::{self, ItemId, NodeName, PubSub};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, domain, user, password, room] = arguments.as_slice() else {
        return Err("usage: mep-with-xmpp-rs ADDRESS DOMAIN USER PASSWORD ROOM".into());
    };
    // The test closes the input when it has seen enough.
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });

    let account: BareJid = format!("{user}@{domain}").parse()?;
    let server = DnsConfig::addr(address);
    let mut client = Client::new_plaintext(account, password.as_str(), server, Timeouts::default());
    let own: Jid = format!("{room}/{user}").parse()?;

    while let Some(event) = client.next().await {
        match event {
            Event::Online { .. } => {
                let hash = hash_caps(&compute_disco(&about()), Algo::Sha_1)?;
                let caps = Caps::new("https://client.example", hash);
                let join = Presence::new(Type::None).with_to(own.clone());
                let join = join.with_payload(Muc::new()).with_payload(caps);
                client.send_stanza(join.into()).await?;
            }
            Event::Stanza(Stanza::Iq(Iq::Get { from, id, payload, .. })) => {
                // The room asks what the hash stands for.
                let Ok(question) = DiscoInfoQuery::try_from(payload) else { continue };
                let answer = DiscoInfoResult { node: question.node, ..about() };
                let answer = Iq::Result { from: None, to: from, id, payload: Some(answer.into()) };
                client.send_stanza(answer.into()).await?;
            }
            Event::Stanza(Stanza::Presence(presence)) if is_own(&presence) => {
                let request = IqRequest::Set(publishing(mood(MoodEnum::Curious)).into());
                let answer = client.send_iq(Some(own.clone()), request).await;
                // Not awaited here: few stanzas wait for this loop, and the answer comes behind them.
                tokio::spawn(async move {
                    match answer.await {
                        Ok(IqResponse::Result(_)) => println!("\"published\""),
                        refused => eprintln!("{refused:?}"),
                    }
                });
            }
            Event::Stanza(Stanza::Message(message)) => tell(message),
            Event::Disconnected(error) => return Err(error.into()),
            Event::Stanza(_) => {}
        }
    }
    Ok(())
}

/// What the client answers about itself.
fn about() -> DiscoInfoResult {
    let features = [ns::DISCO_INFO.to_owned(), ns::MUC.to_owned(), format!("{}+notify", ns::MOOD)];
    DiscoInfoResult {
        node: None,
        identities: vec![Identity::new_anonymous::<_, _, String, String>("client", "pc")],
        features: features.into_iter().collect(),
        extensions: Vec::new(),
    }
}

fn is_own(presence: &Presence) -> bool {
    let users = presence.payloads.iter().filter_map(|payload| MucUser::try_from(payload.clone()).ok());
    presence.type_ == Type::None && users.into_iter().any(|user| user.status.contains(&Status::SelfPresence))
}

fn mood(kind: MoodEnum) -> Element {
    Element::builder("mood", ns::MOOD).append(Element::from(kind)).build()
}

fn publishing(mood: Element) -> PubSub {
    let item =
        pubsub::pubsub::Item { id: Some(ItemId("current".to_owned())), publisher: None, payload: Some(mood) };
    let publish = pubsub::pubsub::Publish { node: NodeName(ns::MOOD.to_owned()), items: vec![item] };
    PubSub::Publish { publish, publish_options: None }
}

/// One line of JSON for each item that an event brings or takes.
fn tell(message: Message) {
    let event =
        message.payloads.iter().find_map(|payload| pubsub::event::Event::try_from(payload.clone()).ok());
    let (Some(from), Some(pubsub::event::Event { payload })) = (message.from, event) else { return };
    let pubsub::event::Payload::Items { node, published, retracted } = payload else { return };
    let (from, node) = (from.to_string(), node.0);
    for item in published {
        let id = item.id.map(|id| id.0).unwrap_or_default();
        let kind = item.payload.as_ref().and_then(|mood| mood.children().next()).map_or("", Element::name);
        println!(r#"{{"from":{from:?},"node":{node:?},"published":{id:?},"mood":{kind:?}}}"#);
    }
    for ItemId(id) in retracted {
        println!(r#"{{"from":{from:?},"node":{node:?},"retracted":{id:?}}}"#);
    }
}
