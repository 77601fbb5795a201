/** The pinned messages and polls of a room, below its heading; pinning in a message's menu, polls in the room's. */

import { PINS, POLLS } from './nodes.js';
import { dialogButtons } from './occupant.js';

export function defineHeading(converse, api, rooms, __) {
    const { html, nothing } = converse.env;
    const MUCHeading = api.elements.registry['converse-muc-heading'];

    api.elements.define('converse-muc-heading', class extends MUCHeading {
        render() {
            const drawn = super.render();
            if (!this.model) return drawn;

            const pins = rooms.items(this.model, PINS) ?? [];
            const polls = rooms.items(this.model, POLLS) ?? [];
            return html`${drawn}
                ${pins.length || polls.length ? html`<div class="mep-panel">
                    ${pins.length ? this.renderPins(pins.toReversed()) : nothing}
                    ${polls.length ? this.renderPolls(polls.toReversed()) : nothing}
                </div>` : nothing}
                ${this.renderDialog()}`;
        }

        renderPins(pins) {
            return html`<details class="mep-pins" open>
                <summary><span aria-hidden="true">📌</span> ${__('Pinned messages')} (${pins.length})</summary>
                <ul>${pins.map(({ id, text, nick }) => html`<li>
                    <span class="mep-text"><bdi class="mep-nick">${nick}</bdi> <bdi>${text}</bdi></span>
                    ${isModerator(this.model) ? html`<button type="button" class="mep-pill" title="${__('Unpin')}"
                        aria-label="${__('Unpin: %1$s', text)}" @click=${() => rooms.unpin(this.model, id)}>✕</button>` : nothing}
                </li>`)}</ul>
            </details>`;
        }

        renderPolls(polls) {
            return html`<details class="mep-polls" open>
                <summary><span aria-hidden="true">📊</span> ${__('Polls')} (${polls.length})</summary>
                ${polls.map((poll) => this.renderPoll(poll))}
            </details>`;
        }

        renderPoll({ id, question, options, votes }) {
            const mine = this.model.get('mep_votes')?.[id];
            const all = Math.max(1, votes.reduce((sum, count) => sum + count, 0));
            const may_end = id === this.model.get('nick') || isModerator(this.model);
            return html`<div class="mep-poll" role="group" aria-label="${question}">
                <div class="mep-question"><bdi>${question}</bdi> <bdi class="mep-nick">${id}</bdi>
                    ${may_end ? html`<button type="button" class="mep-pill" title="${__('End poll')}"
                        aria-label="${__('End poll: %1$s', question)}"
                        @click=${() => rooms.endPoll(this.model, POLLS, id)}>✕</button>` : nothing}
                </div>
                ${options.map((option, i) => html`<button type="button" class="mep-option" aria-pressed="${mine === i}"
                    aria-label="${votes[i] === 1 ? __('%1$s: 1 vote', option) : __('%1$s: %2$s votes', option, votes[i])}"
                    style="--share: ${(100 * votes[i]) / all}%" @click=${() => rooms.vote(this.model, id, i)}>
                    <bdi>${option}</bdi> <span class="mep-count">${votes[i]}</span>
                </button>`)}
            </div>`;
        }

        renderDialog() {
            const submit = ({ target }) => {
                const { question, answers } = Object.fromEntries(new FormData(target));
                rooms.startPoll(this.model, question.trim(), linesOf(answers));
                target.reset();
            };
            const check = ({ target }) => target.setCustomValidity(
                linesOf(target.value).length < 2 ? __('Answers, one on each line') : '');
            return html`<dialog class="mep-dialog" aria-label="${__('New poll')}" @submit=${submit}>
                <form method="dialog">
                    <h2>${__('Ask the room a question')}</h2>
                    <label>${__('Question')} <input name="question" required maxlength="200" autocomplete="off"></label>
                    <label>${__('Answers, one on each line')}
                        <textarea name="answers" required rows="4" maxlength="2000" @input=${check}></textarea></label>
                    ${dialogButtons(html, __)}
                </form>
            </dialog>`;
        }
    });

    api.listen.on('getHeadingButtons', (view, buttons) => {
        if (!rooms.items(view.model, POLLS) || view.model.getOwnRole?.() === 'visitor') return buttons;
        return [...buttons, {
            i18n_text: __('New poll'),
            i18n_title: __('Ask the room a question'),
            handler: (event) => {
                event.preventDefault();
                view.querySelector('converse-muc-heading > dialog').showModal();
            },
            a_class: 'mep-new-poll',
            icon_class: 'fa-list-ul',
            name: 'mep-poll',
        }];
    });

    api.listen.on('getMessageActionButtons', ({ model }, buttons) => {
        const muc = model.chatbox;
        if (model.get('type') !== 'groupchat' || !model.getMessageText() || !isModerator(muc)) return buttons;
        const id = model.get(`stanza_id ${muc.get('jid')}`) ?? model.get('msgid');
        const is_pinned = rooms.items(muc, PINS)?.some((pin) => pin.id === id);
        return [...buttons, {
            i18n_text: is_pinned ? __('Unpin') : __('Pin'),
            handler: () => is_pinned
                ? rooms.unpin(muc, id)
                : rooms.pin(muc, id, { text: model.getMessageText(), nick: model.get('nick') }),
            button_class: 'chat-msg__action-pin',
            icon_class: 'fas fa-bookmark',
            name: 'pin',
        }];
    });
}

const isModerator = (muc) => muc.getOwnRole?.() === 'moderator';

const linesOf = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);
