"""The plugin by itself, on slixmpp's own base for tests: what a room may send, and what becomes of it."""

import logging
import random

import slixmpp_mep
from slixmpp import JID
from slixmpp.plugins.xep_0107.stanza import UserMood
from slixmpp.test import SlixTest

ROOM = 'den@rooms.localhost'
MOOD = 'http://jabber.org/protocol/mood'
EVENT = 'http://jabber.org/protocol/pubsub#event'
USER = 'http://jabber.org/protocol/muc#user'
EVENTS = ['mep_publish', 'mep_retract', 'mep_purge', 'mep_delete', 'mep_config', 'mep_leave', 'mep_nick']


class MEPTest(SlixTest):

    """A client that is in a room as "us"."""

    config = {}
    plugins = ['xep_0107', 'xep_0316']

    def setUp(self):
        self.stream_start(plugins=self.plugins, plugin_config={'xep_0316': self.config})
        self.mep = self.xmpp.plugin['xep_0316']
        self.join(ROOM)
        self.raised = []
        for name in EVENTS:
            self.xmpp.add_event_handler(name, lambda event, name=name: self.raised.append((name, event)))

    def join(self, room):
        rooms = self.xmpp.plugin['xep_0045']
        rooms.rooms[None][JID(room)] = {}
        rooms.our_nicks[None][JID(room)] = 'us'

    def rejoin(self):
        self.xmpp.plugin['xep_0045'].make_join_stanza(JID(ROOM), 'us').send()
        self.wait_for_send_queue()

    def names(self):
        """What was raised since the last call."""
        raised, self.raised = self.raised, []
        return [name for name, _ in raised]

    def event(self, inner, sender=f'{ROOM}/alice', attributes='', beside=''):
        self.recv(f"<message from='{sender}' {attributes}><event xmlns='{EVENT}'>{inner}</event>{beside}</message>")

    def mood(self, value, sender=f'{ROOM}/alice', id='current', **options):
        item = f"<item id='{id}'><mood xmlns='{MOOD}'><{value}/></mood></item>"
        self.event(f"<items node='{MOOD}'>{item}</items>", sender, **options)

    def unavailable(self, nick, *codes, new=None, room=ROOM):
        """An occupant who leaves, or changes to a new nick."""
        statuses = ''.join(f"<status code='{code}'/>" for code in codes)
        nick_attribute = f"nick='{new}'" if new else ''
        item = f"<item affiliation='none' role='none' {nick_attribute}/>"
        x = f"<x xmlns='{USER}'>{item}{statuses}</x>"
        self.recv(f"<presence from='{room}/{nick}' type='unavailable'>{x}</presence>")

    def moods(self, nick='alice', room=ROOM):
        return [item['mood']['value'] for item in self.mep.state(room, nick, MOOD)]


class TestEvents(MEPTest):

    def test_an_event_says_room_nick_and_node(self):
        self.mood('happy', beside="<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>")
        [(name, event)] = self.raised
        self.assertEqual(name, 'mep_publish')
        self.assertEqual((event.room, event.nick, event.node, event.occupant_id), (JID(ROOM), 'alice', MOOD, 'o1'))
        [item] = event.items
        self.assertEqual((item.id, item['mood']['value']), ('current', 'happy'))
        self.assertEqual(item.payload.tag, f'{{{MOOD}}}mood')
        self.assertEqual(event.message['from'], JID(f'{ROOM}/alice'))

    def test_the_rooms_own_event_has_no_nick(self):
        self.mood('happy', sender=ROOM, beside="<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>")
        [(_, event)] = self.raised
        self.assertEqual((event.nick, event.occupant_id), (None, None))
        self.assertEqual(self.moods(nick=None), ['happy'])
        self.assertEqual(self.moods(), [])

    def test_events_of_accounts_and_of_other_rooms_are_not_mep(self):
        for sender in ('alice@localhost', 'alice@localhost/desktop', 'other@rooms.localhost/alice', ''):
            self.mood('happy', sender=sender)
        self.assertEqual(self.names(), [])

    def test_a_handler_of_xep_0060_can_tell_an_occupant_from_an_account(self):
        seen = []
        self.xmpp.add_event_handler('pubsub_publish', lambda message: seen.append(self.mep.occupant_of(message)))
        self.mood('happy')
        self.mood('happy', sender=ROOM)
        self.mood('happy', sender='alice@localhost')
        self.assertEqual(seen, [(JID(ROOM), 'alice'), (JID(ROOM), None), None])

    def test_an_error_that_comes_back_is_no_event(self):
        self.mood('happy', attributes="type='error'")
        self.assertEqual(self.names(), [])

    def test_each_kind_is_raised(self):
        self.event("<purge node='n'/>")
        self.event("<delete node='n'><redirect uri='xmpp:x@y'/></delete>")
        self.event("<configuration node='n'/>")
        self.event("<items node='n'><retract id='1'/><item id='2'/></items>")
        self.assertEqual(self.names(), ['mep_purge', 'mep_delete', 'mep_config', 'mep_retract', 'mep_publish'])

    def test_the_time_is_what_the_room_says(self):
        self.mood('happy', beside="<delay xmlns='urn:xmpp:delay' stamp='2020-02-03T04:05:06Z'/>")
        self.mood('sad')
        for future in ('2222-02-03T04:05:06Z', '9999-12-31T23:59:59-14:00'):
            self.mood('angry', beside=f"<delay xmlns='urn:xmpp:delay' stamp='{future}'/>")
        years = [event.items[0].published.year for _, event in self.raised]
        self.assertEqual(years[0], 2020)
        self.assertTrue(2020 < years[1] <= years[2] <= years[3] < 2222)


class TestState(MEPTest):

    def test_it_has_the_last_item(self):
        self.mood('happy', id='1')
        self.mood('sad', id='2')
        self.mood('angry', id='2')
        self.assertEqual(self.moods(), ['angry'])

    def test_it_has_as_many_items_as_are_asked_for(self):
        self.run_coro(self.mep.add_interest(MOOD, max_items=2))
        for id, value in enumerate(('happy', 'sad', 'angry')):
            self.mood(value, id=id)
        self.assertEqual(self.moods(), ['sad', 'angry'])

    def test_what_an_application_does_to_items_changes_nothing(self):
        self.mood('happy')
        for item in (self.raised[0][1].items[0], self.mep.state(ROOM, 'alice', MOOD)[0]):
            item['mood']['value'] = 'sad'
        self.assertEqual(self.moods(), ['happy'])

    def test_retracting_purging_and_deleting_end_it(self):
        for inner in ("<items node='{}'><retract id='current'/></items>", "<purge node='{}'/>", "<delete node='{}'/>"):
            self.mood('happy')
            self.event(inner.format('other'))
            self.assertEqual(self.moods(), ['happy'])
            self.event(inner.format(MOOD))
            self.assertEqual(self.moods(), [])

    def test_it_follows_a_nick_change(self):
        self.mood('happy')
        self.mood('sad', sender=f'{ROOM}/bob')
        self.names()
        self.unavailable('alice', 303, new='alicia')
        [(name, event)] = self.raised
        self.assertEqual((name, event), ('mep_nick', slixmpp_mep.MEPNick(JID(ROOM), 'alice', 'alicia')))
        self.assertEqual((self.moods(), self.moods('alicia'), self.moods('bob')), ([], ['happy'], ['sad']))
        self.assertEqual(set(self.mep.states(ROOM, MOOD)), {'alicia', 'bob'})

    def test_it_follows_ones_own_nick_change(self):
        self.mood('happy', sender=f'{ROOM}/us')
        self.mood('sad')
        self.unavailable('us', 110, 303, new='we')
        self.assertEqual((self.moods('we'), self.moods()), (['happy'], ['sad']))

    def test_a_change_to_a_nick_that_is_there(self):
        """No room does this."""
        self.mood('happy')
        self.unavailable('alice', 303, new='alice')
        self.assertEqual(self.moods(), ['happy'])
        self.mood('sad', sender=f'{ROOM}/bob')
        self.unavailable('alice', 303, new='bob')
        self.assertEqual((self.moods(), self.moods('bob')), ([], ['happy']))
        self.unavailable('bob')
        self.assertEqual(self.mep._rooms[ROOM].size, 0)

    def test_a_nick_says_nothing_without_its_code(self):
        self.mood('happy')
        self.names()
        self.unavailable('alice', 307, new='alicia')
        self.assertEqual((self.names(), self.moods('alicia')), (['mep_leave'], []))

    def test_the_code_of_ones_own_presence(self):
        self.mood('happy')
        self.unavailable('we', 110)
        self.assertEqual(self.moods(), [])

    def test_nothing_is_left_of_what_was_retracted(self):
        self.mood('happy')
        self.event(f"<items node='{MOOD}'><retract id='current'/></items>")
        self.assertEqual((self.mep._rooms[ROOM].nicks(), self.mep._rooms[ROOM].size), ([], 0))

    def test_the_next_one_of_a_nick_inherits_nothing(self):
        self.mood('happy')
        self.names()
        self.unavailable('alice')
        [(name, event)] = self.raised
        self.assertEqual((name, event), ('mep_leave', slixmpp_mep.MEPLeave(JID(ROOM), 'alice', [MOOD])))
        self.assertEqual(self.moods(), [])
        self.unavailable('alice')
        self.assertEqual(len(self.raised), 1, 'it has ended once')

    def test_leaving_ends_all_of_the_room_and_nothing_of_others(self):
        other = 'other@rooms.localhost'
        self.join(other)
        for room in (ROOM, other):
            self.mood('happy', sender=f'{room}/alice')
            self.mood('sad', sender=room)
        self.names()
        self.unavailable('us')
        [(name, event)] = self.raised
        self.assertEqual((name, event), ('mep_leave', slixmpp_mep.MEPLeave(JID(ROOM), None, [MOOD])))
        self.assertEqual((self.moods(), self.moods(nick=None), self.moods(room=other)), ([], [], ['happy']))

    def test_it_ends_as_soon_as_one_leaves_and_begins_anew_as_one_joins(self):
        joining = self.xmpp.plugin['xep_0045'].make_join_stanza(JID(ROOM), 'us')
        for presence in (self.xmpp.make_presence(pto=f'{ROOM}/us', ptype='unavailable'), joining,
                         self.xmpp.make_presence(ptype='unavailable')):
            self.mood('happy')
            self.assertEqual(self.moods(), ['happy'])
            presence.send()
            self.wait_for_send_queue()
            self.assertEqual(self.moods(), [])
        self.rejoin()
        self.mood('happy')
        self.xmpp.make_presence(pto=f'{ROOM}/us', pshow='away').send()
        self.wait_for_send_queue()
        self.assertEqual(self.moods(), ['happy'], 'other presence ends nothing')

    def test_it_ends_with_the_session(self):
        for event in ('session_end', 'session_bind'):
            self.rejoin()
            self.mood('happy')
            self.assertEqual(self.moods(), ['happy'])
            self.xmpp.event(event, self.xmpp.boundjid)
            self.assertEqual(self.moods(), [])

    def test_a_room_that_one_has_left_tells_nothing_until_one_is_back(self):
        """xep_0045 still lists a room after a kick; its events may come from a subscription to an open node."""
        self.unavailable('us', 110, 307)
        self.mood('happy', sender=ROOM)
        self.assertEqual((self.names(), self.moods(nick=None)), ([], []))
        self.assertRaises(ValueError, self.mep.own_jid, ROOM)
        self.rejoin()
        self.mood('happy', sender=ROOM)
        self.assertEqual((self.names(), self.moods(nick=None)), (['mep_publish'], ['happy']))

    def test_a_nick_that_slixmpp_does_not_know_how_to_prepare(self):
        self.mood('happy', sender=f'{ROOM}/\U0001fae0')
        self.assertEqual(self.moods('\U0001fae0'), ['happy'])

    def test_a_nick_is_prepared_as_the_server_does(self):
        self.mood('happy', sender=f'{ROOM}/\u212b')
        self.mood('sad', sender=f'{ROOM}/\xc5')
        self.assertEqual(self.moods('\u212b'), ['sad'])


class TestInterest(MEPTest):

    plugins = ['xep_0316']  # none that would update the capabilities by itself

    def features(self):
        return self.run_coro(self.xmpp.plugin['xep_0030'].get_info(local=True))['features']

    def test_it_goes_into_the_capabilities_of_this_and_the_next_session(self):
        self.run_coro(self.mep.add_interest('urn:n'))
        self.assertIn('urn:n+notify', self.features())
        self.xmpp.boundjid = JID('tester@localhost/another')
        self.xmpp.event('session_bind', self.xmpp.boundjid)
        self.wait_()
        self.assertIn('urn:n+notify', self.features())
        self.assertTrue(self.run_coro(self.xmpp.plugin['xep_0115'].get_verstring()))

    def test_it_is_told_to_the_rooms_without_changing_ones_presence_there(self):
        entry = {'nick': 'us', 'show': 'away', 'status': 'lunch'}
        self.xmpp.plugin['xep_0045'].rooms[None][JID(ROOM)]['us'] = entry
        self.run_coro(self.mep.add_interest('urn:n'))
        sent = self.run_coro(self.xmpp.plugin['xep_0115'].get_verstring())
        node = self.xmpp.plugin['xep_0115'].caps_node
        self.send(f"""
            <presence to='{ROOM}/us'><show>away</show><status>lunch</status>
              <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{node}' ver='{sent}'/>
            </presence>""")

    def test_losing_it_forgets_the_state(self):
        self.run_coro(self.mep.add_interest(MOOD))
        self.mood('happy')
        self.run_coro(self.mep.remove_interest(MOOD))
        self.assertEqual(self.mep.state(ROOM, 'alice', MOOD), [])
        self.assertNotIn(f'{MOOD}+notify', self.features())


class TestRequests(MEPTest):

    def sends(self, request, iq):
        self.send(iq, use_values=False)
        request.cancel()

    def test_publish(self):
        mood = UserMood()
        mood['value'] = 'happy'
        inner = f"<publish node='{MOOD}'><item id='current'><mood xmlns='{MOOD}'><happy/></mood></item></publish>"
        for options, to in (({}, f'{ROOM}/us'), ({'as_room': True}, ROOM)):
            for payload in (mood, mood.xml):
                request = self.mep.publish(ROOM, payload, **options)
                self.sends(request, f"""
                    <iq type='set' id='{request_id(self)}' to='{to}'>
                      <pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub>
                    </iq>""")

    def test_subscribe_to_all_nodes(self):
        self.sends(self.mep.subscribe(ROOM, 'alice'), f"""
            <iq type='set' id='1' to='{ROOM}/alice'>
              <pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe jid='tester@localhost'/></pubsub>
            </iq>""")

    def test_a_room_that_is_not_joined(self):
        with self.assertRaisesRegex(ValueError, 'other@rooms.localhost is not joined'):
            self.mep.retract('other@rooms.localhost', MOOD)


def request_id(test):
    test.count = getattr(test, 'count', 0) + 1
    return test.count


class TestBounds(MEPTest):

    config = {'max_nodes': 3, 'max_size': 100_000}

    def publish(self, node, nick, size=10):
        self.event(f"<items node='{node}'><item id='1'><a xmlns='a'>{'x' * size}</a></item></items>", f'{ROOM}/{nick}')

    def held(self, nick, nodes=20):
        return [node for node in range(nodes) if self.mep.state(ROOM, nick, str(node))]

    def test_one_occupants_nodes(self):
        self.publish('0', 'bob')
        for node in (0, 1, 2, 0, 3):
            self.publish(node, 'alice')
        self.assertEqual(self.held('alice'), [0, 2, 3], 'the one that was silent for longest goes')
        self.assertEqual(self.held('bob'), [0])

    def test_a_flood_ends_its_own_items(self):
        self.publish('0', 'bob', size=20_000)
        for node in range(3):
            self.publish(node, 'alice', size=40_000)
        self.assertEqual((self.held('bob'), self.held('alice')), ([0], [2]))

    def test_many_nicks(self):
        for number in range(1000):
            self.publish('0', f'nick{number}')
        self.assertLess(len(self.mep.states(ROOM, '0')), 100)

    def test_an_item_that_is_larger_than_all(self):
        self.publish('0', 'alice', size=200_000)
        self.assertEqual(self.names(), ['mep_publish'])
        self.assertEqual(self.held('alice'), [])
        self.publish('0', 'alice')
        self.assertEqual(self.held('alice'), [0])

    def test_what_goes_is_subtracted(self):
        for _ in range(10):
            for _ in range(3):
                self.publish('0', 'alice', size=40_000)
            self.publish('1', 'alice', size=20_000)
            self.event("<items node='1'><retract id='1'/></items>")
            self.unavailable('alice', 303, new='bob')
            self.publish('2', 'alice')
            self.assertEqual((self.held('bob'), self.held('alice')), ([0], [2]))
            self.unavailable('bob')
            self.unavailable('alice')
        self.assertEqual(self.mep._rooms[ROOM].size, 0)


class TestHostile(MEPTest):

    """Nothing that comes from a room raises an exception: slixmpp would log it, and answer with an error."""

    def setUp(self):
        super().setUp()
        self.records = []
        self.handler = logging.Handler(logging.WARNING)
        self.handler.emit = self.records.append
        logging.getLogger().addHandler(self.handler)
        # slixmpp's own parts have faults of their own with some of this.
        for name in list(self.xmpp._XMLStream__handlers):
            if 'MEP' not in name.name:
                self.xmpp._XMLStream__handlers.remove(name)

    def tearDown(self):
        logging.getLogger().removeHandler(self.handler)
        super().tearDown()

    def unharmed(self):
        self.wait_()
        self.assertEqual([record.getMessage() for record in self.records], [])
        self.assertIsNone(self.xmpp.socket.next_sent(timeout=0.01))
        self.names()
        self.mood('happy')
        self.assertEqual((self.names(), self.moods()), (['mep_publish'], ['happy']))

    def test_malformed_events_are_ignored(self):
        for inner in (
            '', 'text', '<items/>', "<items node=''/>", "<items node='n'/>", "<items node='n'>text</items>",
            "<items node='n'><item/></items>", "<items node='n'><item id=''/></items>", "<items><item id='1'/></items>",
            "<items node='n'><retract/></items>", "<items node='n'><item xmlns='x' id='1'/></items>",
            "<items node='n' xmlns='x'><item id='1'/></items>", "<purge node='n' xmlns='x'/>", "<purge/>", "<delete/>", '<configuration/>',
            "<subscription node='n' jid='@@' expiry='x'/>", "<collection node='n'/>", "<foo node='n'/>",
        ):
            for sender in (f'{ROOM}/alice', ROOM):
                self.event(inner, sender)
        self.assertEqual(self.names(), [])
        self.unharmed()

    def test_half_of_an_event_may_be_well_formed(self):
        self.event("<items/><purge node='n'/><items node='n'><item/><item id='1'/></items>")
        self.assertEqual(self.names(), ['mep_purge', 'mep_publish'])
        self.unharmed()

    def test_stamps(self):
        for stamp in ('', 'x', '0000-00-00T00:00:00Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59-14:00', '١'):
            self.mood('happy', beside=f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>")
        self.mood('happy', beside="<delay xmlns='urn:xmpp:delay'/>")
        self.assertEqual(len(self.names()), 7)
        self.unharmed()

    def test_presence(self):
        self.mood('sad', sender=f'{ROOM}/bob')
        x = f"<x xmlns='{USER}'>{{}}</x>"
        for inner in ('', '<x/>', x.format(''), x.format('<status/>'), x.format("<status code='x'/>"),
                      x.format("<status code='303'/>"), x.format("<item/><status code='303'/>"),
                      x.format("<item nick=''/><status code='303'/>"), x.format("<item jid='@@'/>")):
            self.mood('happy')
            self.recv(f"<presence from='{ROOM}/alice' type='unavailable'>{inner}</presence>")
            self.assertEqual(self.moods(), [], inner)
        self.recv("<presence type='unavailable'/>")
        self.recv("<presence from='' type='unavailable'/>")
        self.assertEqual(self.moods('bob'), ['sad'])
        self.unharmed()

    def test_a_deep_payload(self):
        for depth in (300, 20_000):
            self.event(f"<items node='n'><item id='1'>{'<a>' * depth}{'</a>' * depth}</item></items>")
        self.assertEqual(self.names(), [])
        self.unharmed()

    def test_anything(self):
        """Some thousands of random messages and presences."""
        chance = random.Random(316)
        names = ['items', 'item', 'retract', 'purge', 'delete', 'configuration', 'event', 'x', 'status', 'delay', 'a']
        spaces = [EVENT, USER, 'urn:xmpp:delay', 'urn:xmpp:occupant-id:0', 'a', None]
        values = ['', 'n', 'alice', '303', '110', '@@', '\U0001fae0', 'x' * 2000, MOOD]

        def attributes():
            chosen = chance.sample(['id', 'node', 'code', 'nick', 'jid', 'stamp', 'from'], chance.randrange(5))
            return ''.join(f" {name}='{chance.choice(values)}'" for name in chosen)

        def element(depth):
            space = chance.choice(spaces)
            xmlns = '' if space is None else f" xmlns='{space}'"
            inner = ''.join(element(depth - 1) for _ in range(chance.randrange(4))) if depth else 'text'
            name = chance.choice(names)
            return f'<{name}{xmlns}{attributes()}>{inner}</{name}>'

        for _ in range(1500):
            sender = chance.choice([ROOM, f'{ROOM}/alice', f'{ROOM}/us', f'{ROOM}/\U0001fae0', 'bob@localhost', '@@'])
            self.event(element(3), sender, beside=element(2))
            self.recv(f"<presence from='{sender}' type='unavailable'>{element(2)}</presence>")
            self.mep._left.clear()  # as by joining again
        self.unharmed()


del MEPTest  # not to be collected: it has no tests of its own
