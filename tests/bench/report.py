"""The tables: as text, and into the page of the docs."""

import re
from dataclasses import dataclass

VERSIONS = {"13.0": "13.0.1", "0.12": "0.12.3"}
TRUST = 0.03  # what an A/A run may be off


@dataclass(frozen=True)
class Goal:
    """A row: its title, where its figure is, and how far down it is to come."""

    title: str
    row: str
    path: str
    reach: float
    beyond: float


GOALS = (
    Goal("a publish, to groupchat", "bare", "ratios.mep", 0.40, 0.33),
    Goal("8 publishes at once", "together", "ratios.mep", 0.40, 0.33),
    Goal("a publish, many modules loaded", "loaded", "ratios.mep", 0.50, 0.40),
    Goal("a publish, stream management in use", "managed", "ratios.mep", 0.50, 0.42),
    Goal("8 at once, stream management in use", "managed_together", "ratios.mep", 0.50, 0.42),
    Goal("a publish, to the naive MEP", "bare", "to_naive", 0.50, 0.40),
    Goal("10 of 5,000 interested, to 10 of 10", "size", "ratio", 1.2, 1.0),
    Goal("a join with MEP, to a plain one", "joins", "ratio", 1.03, 1.01),
    Goal("the same, each kind of client asked", "joins", "asked", 1.03, 1.01),
    Goal("200 last items, to 200 of history", "last_items", "ratio", 0.6, 0.4),
)
CORE = (
    ("memory of a session, 100,000 in one room", "bytes_per_session", "B", 400, 200),
    ("memory of a session, 100,000 in rooms of 50", "bytes_per_session_in_rooms_of_50", "B", 400, 200),
)
MODES = {
    "groupchat": "groupchat",
    "naive": "naive MEP in Lua",
    "pep": "mod_pep",
    "mep": "mod_mep",
    "floor": "the octets alone, written to each connection",
}


def at(found, path):
    for key in path.split("."):
        found = found[key]
    return found


def core_figures(results):
    """Title, value, unit, goals."""
    core = results.get("core")
    if not core:
        return
    for title, key, unit, reach, beyond in CORE:
        yield title, core[key], unit, reach, beyond
    most = core["sizes"][-1]
    title = f"fan-out list, {core['interested']} of {most['sessions']:,} sessions"
    yield title, most["fan_out_ns"] / 1000, "µs", 1, 0.2


def verdict(value, reach, beyond):
    return "beyond" if value <= beyond else "reached" if value <= reach else "not reached"


def judge(goal, found):
    """What a row's figure is worth."""
    ratio, again = at(found, goal.path)["median"], found["again"]["median"]
    if goal.row == "joins" and abs(ratio - 1) <= abs(again - 1):
        word = verdict(min(ratio, goal.reach), goal.reach, goal.beyond)
    else:
        word = verdict(ratio, goal.reach, goal.beyond)
    return word if abs(again - 1) <= TRUST else word + "?"


def ratio_text(ratio):
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def summary(found):
    """The lines that are shown while it runs."""
    ratios = found.get("ratios", {}) | {key: found[key] for key in ("ratio", "asked", "to_naive", "again") if key in found}
    return [f"{name:9} {ratio_text(ratio)}" for name, ratio in ratios.items()]


def goals_table(results):
    head = ["", "goal", "beyond it"]
    for name in VERSIONS.values():
        head += [name, "A/A", ""]
    rows = [head]
    for goal in GOALS:
        row = [goal.title, f"≤ {goal.reach:.2f}", f"≤ {goal.beyond:.2f}"]
        for version in VERSIONS:
            if found := results.get(version, {}).get(goal.row):
                again = f"{found['again']['median']:.2f}"
                row += [ratio_text(at(found, goal.path)), again, judge(goal, found)]
            else:
                row += ["", "", ""]
        rows.append(row)
    return rows


def core_table(results):
    rows = [["core", "goal", "beyond it", "measured", ""]]
    for title, value, unit, reach, beyond in core_figures(results):
        shown = f"{value:.0f} {unit}" if unit == "B" else f"{value:.2f} {unit}"
        rows.append([title, f"≤ {reach} {unit}", f"≤ {beyond} {unit}", shown, verdict(value, reach, beyond)])
    return rows


SETTINGS = {
    "bare": "one at a time",
    "together": "8 at once",
    "loaded": "modules loaded",
    "managed": "stream management",
    "managed_together": "the same, 8 at once",
}
TUNING = {
    "usual": "Prosody's default",
    "generational": "generational",
    "tuned": "generational, direct writes",
}


def of_a_delivery(results, key, title):
    """A line for each setting, a column for each mode: what a delivery costs of something."""
    rows = [[title, *MODES.values()]]
    for version, name in VERSIONS.items():
        for setting in SETTINGS:
            found = results.get(version, {}).get(setting, {}).get(key)
            if found:
                figures = (found.get(mode) for mode in MODES)
                line = ("" if figure is None else f"{figure:.0f}" for figure in figures)
                rows.append([f"{SETTINGS[setting]}, {name}", *line])
    return rows


def cost_table(results):
    """µs of the server's CPU."""
    return of_a_delivery(results, "us", "µs a delivery")


def garbage_table(results):
    """Octets that Lua allocates."""
    return of_a_delivery(results, "octets", "octets a delivery")


def collector_table(results):
    rows = [["settings", *(f"{name}: {what}" for name in VERSIONS.values() for what in ("groupchat", "mod_mep", "memory"))]]
    for row, title in TUNING.items():
        line = [title]
        for version in VERSIONS:
            found = results.get(version, {}).get(row)
            if not found:
                line += ["", "", ""]
                continue
            us = found["us"]
            line += [f"{us['groupchat']:.0f} µs", f"{us['mep']:.0f} µs", f"{found['peak'] / 2**20:.0f} MiB"]
        rows.append(line)
    return rows


def split_table(results):
    """µs a delivery where the rooms have a process of their own."""
    rows = [["µs a delivery", "all in one", "the rooms' process", "the users' process"]]
    for version, name in VERSIONS.items():
        found = results.get(version, {})
        if "usual" not in found or "split" not in found:
            continue
        for mode in ("groupchat", "mep"):
            apart = found["split"]["us"][mode]
            figures = found["usual"]["us"][mode], apart["rooms"], apart["users"]
            rows.append([f"{name}, {MODES[mode]}", *(f"{us:.0f}" for us in figures)])
    return rows


def text(results):
    tables = (goals_table, core_table, cost_table, garbage_table, collector_table, split_table)
    tables = [table(results) for table in tables]
    return "\n\n".join(map(aligned, tables)) + f"\n\nMeasured on {results.get('machine')}."


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- |" + " ---: |" * (len(rows[0]) - 1))
    return "\n".join(lines)


def write(results, page):
    """Puts the tables between the page's markers."""
    parts = {
        "goals": markdown(goals_table(results)) + "\n\n" + markdown(core_table(results)),
        "costs": markdown(cost_table(results)),
        "garbage": markdown(garbage_table(results)),
        "collector": markdown(collector_table(results)),
        "split": markdown(split_table(results)),
        "machine": f"Measured on {results['machine']}.",
    }
    content = page.read_text()
    for name, part in parts.items():
        between = re.compile(f"(<!-- {name}: .*? -->\n).*?(<!-- end -->)", re.S)
        content = between.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", content)
    page.write_text(content)
