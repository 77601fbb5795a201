/** What becomes of a node's state when an event about it arrives. */

/**
 * Of a node that has one item: an occupant's.
 * @param {{ id: string }|undefined} state - what was shown until now
 * @param {Element} change - a child of pubsub's <event/>
 * @param {(payload: Element) => object|undefined} read
 */
export function nextItem(state, change, read) {
    if (['delete', 'purge'].includes(change.localName)) return undefined;
    if (change.localName !== 'items') return state;

    const item = itemsOf(change).at(-1);
    if (item?.firstElementChild) {
        const line = read(item.firstElementChild);
        return line && { id: item.getAttribute('id'), ...line };
    }
    return retractedOf(change).includes(state?.id) ? undefined : state;
}

/**
 * Of a node with many: the room's. The newest is the last; an item that is published once more stays where it is.
 * @param {{ id: string }[]} state
 * @param {Element} change - as above, or <items/> of a reply
 * @param {(payload: Element) => object|undefined} read
 * @param {number} max - how many are kept
 */
export function nextItems(state, change, read, max) {
    if (['delete', 'purge'].includes(change.localName)) return [];
    if (change.localName !== 'items') return state;

    const gone = retractedOf(change);
    const next = state.filter(({ id }) => !gone.includes(id));
    for (const item of itemsOf(change)) {
        if (!item.firstElementChild) continue;
        const id = item.getAttribute('id');
        const read_item = read(item.firstElementChild);
        const at = next.findIndex((other) => other.id === id);
        if (!read_item) {
            if (at >= 0) next.splice(at, 1);
        } else if (at >= 0) {
            next[at] = { id, ...read_item };
        } else {
            next.push({ id, ...read_item });
        }
    }
    return next.slice(-max);
}

const itemsOf = (el) => [...el.children].filter(({ localName }) => localName === 'item');

const retractedOf = (el) =>
    [...el.children].filter(({ localName }) => localName === 'retract').map((child) => child.getAttribute('id'));
