use proptest::prelude::*;

use super::*;

fn read(kind: &str, inner: &str) -> Result<Request<'static>, Error> {
    let iq = format!("<iq xmlns='jabber:client' type='{kind}'>{inner}</iq>");
    Request::read(Box::leak(Box::new(iq.parse().unwrap())), &Options::default())
}

fn pubsub(kind: &str, inner: &str) -> Result<Request<'static>, Error> {
    read(kind, &format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub>"))
}

#[test]
fn what_is_wrong_with_a_form_is_named() {
    let item = |inner: &str| pubsub("set", &format!("<publish node='n'><item>{inner}</item></publish>"));
    assert_eq!(item("<a xmlns='x'/><b xmlns='x'/>"), Err(Error::InvalidPayload));
    assert_eq!(item("text<a xmlns='x'/>"), Err(Error::InvalidPayload));
    assert!(item(" <a xmlns='x'/>\n").is_ok());
    assert_eq!(pubsub("set", "<publish><item/></publish>"), Err(Error::NodeRequired));
    let two = pubsub("set", "<publish node='n'><item/><item/></publish>");
    assert_eq!(two, Err(Error::Malformed("a request publishes one item only")));
    let long = format!("<publish node='{}'><item/></publish>", "n".repeat(1024));
    assert_eq!(pubsub("set", &long), Err(Error::NameTooLong));
    assert_eq!(pubsub("set", "<retract node='n'/>"), Err(Error::ItemRequired));
    assert_eq!(pubsub("get", "<items node='n' subid='1'/>"), Err(Error::InvalidSubid));
    assert!(matches!(pubsub("get", "<items node='n' max_items='0'/>"), Err(Error::Malformed(_))));
    assert_eq!(pubsub("set", "<subscribe node='n'/>"), Err(Error::JidRequired));
    assert!(matches!(pubsub("set", ""), Err(Error::Malformed(_))));
    assert!(matches!(pubsub("get", "<publish node='n'/>"), Err(Error::Malformed(_))));
    assert!(matches!(pubsub("set", "<publish xmlns='x' node='n'/>"), Err(Error::Malformed(_))));
    assert_eq!(pubsub("get", "<options node='n'/>"), Err(Error::JidRequired));
    assert!(matches!(read("set", ""), Err(Error::Malformed(_))));
}

#[test]
fn collections_are_unsupported_by_their_name() {
    let owner = |kind, inner| read(kind, &format!("<pubsub xmlns='{}'>{inner}</pubsub>", ns::OWNER));
    for (kind, inner) in [
        ("get", "<default type='collection'/>"),
        ("set", "<collection node='c'><associate node='n'/></collection>"),
        ("set", "<collection node='c'><dissociate node='n'/></collection>"),
    ] {
        assert_eq!(owner(kind, inner), Err(Error::Unsupported("collections")), "{inner}");
    }
    assert_eq!(owner("get", "<default type='leaf'/>"), Ok(Request::GetDefault));
}

#[test]
fn an_empty_node_is_the_root() {
    for node in ["", "node=''"] {
        let request = pubsub("set", &format!("<subscribe {node} jid='a@b'/>"));
        assert_eq!(
            request,
            Ok(Request::Subscribe { node: None, jid: "a@b".into(), options: Form::default() })
        );
    }
}

/// Legal requests: the type, the namespace, and the elements, which may come in any order.
const LEGAL: &[(&str, &str, &[&str])] = &[
    ("set", ns::PUBSUB, &["<publish node='n'><item id='a'><p xmlns='urn:p'/></item></publish>", OPTIONS]),
    ("set", ns::PUBSUB, &["<create node='n'/>", CONFIGURE]),
    ("set", ns::PUBSUB, &["<create/>", CONFIGURE]),
    ("set", ns::PUBSUB, &["<subscribe node='n' jid='a@b'/>", SUBSCRIBE_OPTIONS]),
    ("set", ns::PUBSUB, &["<unsubscribe node='n' jid='a@b'/>"]),
    ("set", ns::PUBSUB, &["<options node='n' jid='a@b'/>"]),
    ("set", ns::PUBSUB, &["<retract node='n'><item id='a'/></retract>"]),
    ("get", ns::PUBSUB, &["<items node='n' max_items='3'/>", SET]),
    ("get", ns::PUBSUB, &["<subscriptions/>", SET]),
    ("get", ns::PUBSUB, &["<affiliations node='n'/>", SET]),
    ("get", ns::PUBSUB, &["<options node='n' jid='a@b'/>"]),
    ("get", ns::PUBSUB, &["<default/>"]),
    ("get", ns::OWNER, &["<subscriptions node='n'/>", SET]),
    ("get", ns::OWNER, &["<affiliations node='n'/>", SET]),
    ("get", ns::OWNER, &["<configure node='n'/>"]),
    ("get", ns::OWNER, &["<default/>"]),
    ("set", ns::OWNER, &["<configure node='n'/>"]),
    ("set", ns::OWNER, &["<delete node='n'><redirect uri='xmpp:a'/></delete>"]),
    ("set", ns::OWNER, &["<purge node='n'/>"]),
    ("set", ns::OWNER, &["<subscriptions node='n'><subscription jid='a@b'/></subscriptions>"]),
    ("set", ns::OWNER, &["<affiliations node='n'><affiliation jid='a@b'/></affiliations>"]),
];
const OPTIONS: &str = "<publish-options><x xmlns='jabber:x:data'><field var='a'/></x></publish-options>";
const CONFIGURE: &str = "<configure><x xmlns='jabber:x:data'><field var='a'/></x></configure>";
const SUBSCRIBE_OPTIONS: &str = "<options><x xmlns='jabber:x:data'><field var='a'/></x></options>";
const SET: &str = "<set xmlns='http://jabber.org/protocol/rsm'><max>2</max></set>";
/// What means nothing here, be it named like something that does.
const FOREIGN: &[&str] = &["<publish xmlns='urn:x' node='m'/>", "<set xmlns='urn:x'/>", "<y xmlns='urn:y'/>"];

fn parse(kind: &str, ns: &str, children: &[&str]) -> Result<Request<'static>, Error> {
    read(kind, &format!("<pubsub xmlns='{ns}'>{}</pubsub>", children.concat()))
}

/// A legal request, and its elements with some foreign ones in any order.
fn shuffled() -> impl Strategy<Value = (usize, Vec<&'static str>)> {
    (0..LEGAL.len(), prop::sample::subsequence(FOREIGN, 0..=FOREIGN.len()))
        .prop_flat_map(|(at, foreign)| (Just(at), Just([LEGAL[at].2, &foreign].concat()).prop_shuffle()))
}

proptest! {
    #[test]
    fn the_order_of_its_elements_changes_no_request((at, elements) in shuffled()) {
        let (kind, ns, legal) = LEGAL[at];
        prop_assert_eq!(parse(kind, ns, &elements).unwrap(), parse(kind, ns, legal).unwrap());
    }
}

#[test]
fn each_element_comes_once_and_with_the_action_that_it_belongs_to() {
    for (kind, ns, legal) in LEGAL {
        for at in 0..legal.len() {
            let twice = [legal, &legal[at..=at]].concat();
            assert!(matches!(parse(kind, ns, &twice), Err(Error::Malformed(_))), "{twice:?}");
        }
    }
    for stray in [
        ["<retract node='n'><item id='a'/></retract>", OPTIONS],
        ["<publish node='n'><item/></publish>", CONFIGURE],
        ["<create node='n'/>", SUBSCRIBE_OPTIONS],
        ["<create node='n'/>", "<subscribe node='n' jid='a@b'/>"],
    ] {
        assert_eq!(
            parse("set", ns::PUBSUB, &stray),
            Err(Error::Malformed("a request has one action only")),
            "{stray:?}"
        );
    }
    let form = "<x xmlns='jabber:x:data'/>";
    let two = format!("<configure node='n'>{form}{form}</configure>");
    assert_eq!(parse("set", ns::OWNER, &[&two]), Err(Error::Malformed("an element occurs twice")));
    let two = "<delete node='n'><redirect uri='xmpp:a'/><redirect uri='xmpp:b'/></delete>";
    assert_eq!(parse("set", ns::OWNER, &[two]), Err(Error::Malformed("an element occurs twice")));
}

#[test]
fn a_payload_keeps_the_language_that_it_inherited() {
    let payload = |iq: &str, pubsub: &str, publish: &str, item: &str, own: &str| {
        let iq: Element = format!(
            "<iq xmlns='jabber:client' type='set' {iq}><pubsub xmlns='{}' {pubsub}><publish node='n' {publish}>\
             <item {item}><p xmlns='urn:p' {own}><q/></p></item></publish></pubsub></iq>",
            ns::PUBSUB
        )
        .parse()
        .unwrap();
        match Request::read(&iq, &Options::default()) {
            Ok(Request::Publish { item: Some(Published { payload: Some(payload), lang, .. }), .. }) => {
                xml::lang(payload).or(lang).map(str::to_owned)
            }
            other => panic!("{other:?}"),
        }
    };
    let [de, fr, none] = ["xml:lang='de'", "xml:lang='fr'", ""];
    assert_eq!(payload(none, none, none, none, none), None);
    assert_eq!(payload(de, none, none, none, none).as_deref(), Some("de"));
    assert_eq!(payload(fr, de, none, none, none).as_deref(), Some("de"), "the closest is inherited");
    assert_eq!(payload(fr, fr, de, none, none).as_deref(), Some("de"));
    assert_eq!(payload(fr, fr, fr, de, none).as_deref(), Some("de"));
    assert_eq!(payload(fr, fr, fr, fr, de).as_deref(), Some("de"), "its own goes before all");
    assert_eq!(payload(de, none, none, none, "xml:lang=''").as_deref(), Some(""));
    assert_eq!(payload("xml:lang='en'", none, none, none, none), None, "its readers inherit that anyway");
    assert_eq!(payload(de, none, none, "xml:lang='EN'", none), None);
    assert_eq!(payload(none, none, none, none, "xml:lang='en'").as_deref(), Some("en"));
}
