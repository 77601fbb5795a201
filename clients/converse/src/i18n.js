import de from './locales/de.js';
import fr from './locales/fr.js';

const LOCALES = { __proto__: null, de, fr };

/**
 * A function that translates a text, and fills in what stands for `%1$s`. The setting `mep_labels` is asked first, then
 * the language that Converse is set to or, as Converse does, that of the browser.
 */
export function translator(api) {
    const wanted = [api.settings.get('i18n'), ...(globalThis.navigator?.languages ?? [])].filter(Boolean);
    const [locale = 'en'] = wanted.map((name) => name.split(/[-_]/)[0]).filter((name) => name === 'en' || LOCALES[name]);
    const labels = { __proto__: null, ...LOCALES[locale], ...api.settings.get('mep_labels') };
    return (text, ...values) =>
        values.reduce((filled, value, i) => filled.replace(`%${i + 1}$s`, () => value), labels[text] ?? text);
}
