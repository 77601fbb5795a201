/** What stands under a name in the list of occupants, and under one's own the controls to publish with. */

import { ACTIVITIES, ACTIVITY, HAND, MOODS, OCCUPANT_NODES, TUNE, words } from './nodes.js';

const NO_FIELDS = { activity: '', text: '', artist: '', title: '' };

export function defineOccupant(converse, api, rooms, __) {
    const { html, nothing } = converse.env;
    const OccupantListItem = api.elements.registry['converse-muc-occupant-list-item'];

    api.elements.define('converse-muc-occupant-list-item', class extends OccupantListItem {
        async initialize() {
            await super.initialize();
            this.is_mep_room = await api.disco.getIdentity('pubsub', 'mep', this.muc.get('jid'));
            this.requestUpdate();
        }

        /** The list hands its elements round among the occupants when it is sorted anew. */
        willUpdate(changed) {
            super.willUpdate(changed);
            if (changed.has('model')) this.listenTo(this.model, 'change', () => this.requestUpdate());
        }

        render() {
            const mep = this.model.get('mep') ?? {};
            const lines = Object.keys(OCCUPANT_NODES).filter((node) => mep[node])
                .map((node) => this.renderState(node, mep[node]));
            const is_own = this.is_mep_room && this.model === this.muc.getOwnOccupant();
            if (is_own && this.model.get('role') !== 'visitor') lines.push(this.renderControls(Boolean(mep[HAND])));
            return html`${super.render()}${lines.length ? html`<ul class="mep">${lines}</ul>` : nothing}`;
        }

        /** Lit escapes what it is given, and a name in a right-to-left script must not turn its neighbours around. */
        renderState(node, { icon, text, name }) {
            const line = text || __(name);
            return html`<li class="mep-state" data-node="${node}" title="${line}">
                <span class="mep-icon" aria-hidden="true">${icon}</span> <bdi>${line}</bdi>
            </li>`;
        }

        renderControls(is_raised) {
            const publishMood = ({ target }) => {
                rooms.publishMood(this.muc, target.value);
                target.selectedIndex = 0;
            };
            return html`<li class="mep-controls">
                <select class="mep-pill" aria-label="${__('Publish your mood')}" @change=${publishMood}>
                    <option selected disabled>${__('How are you?')}</option>
                    ${options(MOODS)}
                    <option value="">${__('No mood')}</option>
                </select>
                <button type="button" class="mep-pill" aria-pressed="${is_raised}"
                    title="${is_raised ? __('Lower hand') : __('Raise hand')}"
                    aria-label="${__('Raise hand')}"
                    @click=${() => rooms.raiseHand(this.muc, !is_raised)}>✋</button>
                <button type="button" class="mep-pill" title="${__('What you are doing')}"
                    @click=${() => this.openDialog()}>${__('More…')}</button>
                ${this.renderDialog()}
            </li>`;
        }

        /** With what is published already: what the user leaves as it is stays as it is. */
        openDialog() {
            const dialog = this.querySelector('dialog');
            const mep = this.model.get('mep');
            this.published = { ...NO_FIELDS, ...mep?.[ACTIVITY]?.fields, ...mep?.[TUNE]?.fields };
            for (const [name, value] of Object.entries(this.published)) {
                dialog.querySelector('form').elements[name].value = value;
            }
            dialog.showModal();
        }

        renderDialog() {
            const submit = ({ target }) => {
                const entered = Object.fromEntries([...new FormData(target)].map(([name, text]) => [name, text.trim()]));
                const { activity, text, artist, title } = entered;
                const changes = (...names) => names.some((name) => entered[name] !== this.published[name]);
                if (changes('activity', 'text')) rooms.publishActivity(this.muc, activity || (text && 'undefined'), text);
                if (changes('artist', 'title')) rooms.publishTune(this.muc, artist, title);
            };
            return html`<dialog class="mep-dialog" aria-label="${__('What you are doing')}" @submit=${submit}>
                <form method="dialog">
                    <h2>${__('What you are doing')}</h2>
                    <label>${__('Activity')}
                        <select name="activity"><option value="">${__('No activity')}</option>${options(ACTIVITIES)}</select>
                    </label>
                    <label>${__('In your own words')} <input name="text" maxlength="200" autocomplete="off"></label>
                    <label>🎵 ${__('Artist')} <input name="artist" maxlength="200" autocomplete="off"></label>
                    <label>🎵 ${__('Title')} <input name="title" maxlength="200" autocomplete="off"></label>
                    ${dialogButtons(html, __)}
                </form>
            </dialog>`;
        }
    });

    const options = (names) => Object.entries(names).map(([name, icon]) => html`
        <option value="${name}">${icon} ${__(words(name))}</option>`);
}

export const dialogButtons = (html, __) => html`<div class="mep-buttons">
    <button type="button" class="mep-pill" @click=${({ target }) => target.closest('dialog').close()}>
        ${__('Cancel')}</button>
    <button type="submit" class="mep-pill mep-main">${__('Publish')}</button>
</div>`;
