"""The tables of docs/security.md, and its chart."""

import re

from floods import FLOODS

HEAD = [
    "flood", "p50 beside groupchat", "p50", "p99 beside groupchat", "p99", "octets out, each in", "written, each in", "memory grown by",
]  # fmt: skip


def ms(value):
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.0f} s"


def line(name, found):
    chat, flood = found["groupchat"], found["flood"]
    end = "" if flood["lives"] else " (the server ended)"
    cut = ", cut off" if flood["cut"] else ""
    return [
        f"{FLOODS[name].title}{cut}{end}",
        ms(chat["p50"]),
        ms(flood["p50"]),
        ms(chat["p99"]),
        ms(flood["p99"]),
        f"{flood['out']:.1f}",
        f"{flood['written']:.2f}",
        f"{flood['grown'] / 2**20:.0f} MiB",
    ]


def table(found):
    floods = found.get("floods", {})
    rows = [HEAD, *(line(name, floods[name]) for name in FLOODS if name in floods)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- |" + " ---: |" * (len(HEAD) - 1))
    return "\n".join(lines)


def plain(floods):
    """What Prosody itself does with the presence that some floods consist of."""
    found = [
        f"{FLOODS[name].title}: p50 {ms(floods[name]['plain']['p50'])}, p99 {ms(floods[name]['plain']['p99'])}, "
        f"{floods[name]['plain']['out']:.1f} octets out for each in"
        for name in FLOODS
        if "plain" in floods.get(name, {})
    ]
    return f"\n\nThe same presence in rooms without mod_mep: {'; '.join(found)}." if found else ""


def slope(samples):
    """Octets a second, by least squares."""
    if len(samples) < 2:
        return 0
    count = len(samples)
    x, y = (sum(sample[at] for sample in samples) / count for at in (0, 1))
    over = sum((sample[0] - x) * (sample[1] - y) for sample in samples)
    under = sum((sample[0] - x) ** 2 for sample in samples)
    return over / under if under else 0


def endurance(version, found):
    e = found["endurance"]
    peaks = ", ".join(f"{octets / 2**20:.0f}" for _, octets in e["cycles"])
    return (
        f"Prosody {version}, all floods in turn for {e['seconds'] / 60:.0f} minutes, {e['sent'] / 1e6:.0f} MB: from "
        f"{e['samples'][0][1] / 2**20:.0f} MiB of memory to a peak of {peaks} MiB each time round, which from the second time on is "
        f"{e['slope'] * 3600 / 2**20:+.1f} MiB an hour. The honest user's p50 is "
        f"{ms(e['p50'])}, the p99 {ms(e['p99'])}."
    )


def text(results):
    parts = []
    for version, found in results.items():
        if not isinstance(found, dict):
            continue
        if found.get("floods"):
            parts.append(f"Prosody {version}, {found['rate'] / 1000:.0f} kB a second, {found['seconds']:.0f} seconds each:\n\n{table(found)}{plain(found['floods'])}")
        if "endurance" in found:
            parts.append(endurance(version, found))
        if "faults" in found:
            f = found["faults"]
            parts.append(
                f"Prosody {version}, storage that fails: {f['requests']} requests in {f['rounds']} rounds, {f['failed']} of them refused for a "
                f"fault, {f['kills']} kills; {f['lost']} differences from the model."
            )
    return "\n\n".join((*parts, results["machine"]))


def write(results, docs):
    path = docs / "security.md"
    if not path.exists():
        return
    between = re.compile("(<!-- soak: .*? -->\n).*?(<!-- end -->)", re.S)
    path.write_text(between.sub(lambda found: f"{found[1]}{text(results)}\n{found[2]}", path.read_text()))
    draw(results, docs / "images")


def draw(results, folder):
    """The honest user's p99 beside each flood, over that beside its like as groupchat."""
    import chart  # noqa: PLC0415 (matplotlib is slow to load)
    from matplotlib import pyplot as plt  # noqa: PLC0415

    versions = [version for version in chart.COLOURS if results.get(version, {}).get("floods")]
    names = [name for name in reversed(FLOODS) if any(name in results[version]["floods"] for version in versions)]
    if not names:
        return
    with plt.rc_context(chart.STYLE):
        figure, axes = plt.subplots(figsize=(9.2, 0.42 * len(names) + 1.2), layout="constrained")
        for place, name in enumerate(names):
            axes.axhline(place, color=chart.FAINT, linewidth=0.6, zorder=0)
            for offset, version in zip((0.14, -0.14), versions, strict=False):
                found = results[version]["floods"].get(name)
                if found:
                    for kind, marker in (("groupchat", "|"), ("flood", "o")):
                        axes.plot(found[kind]["p99"], place + offset, marker, color=chart.COLOURS[version], markersize=7, markeredgewidth=1.6)
                    ends = [found[kind]["p99"] for kind in ("groupchat", "flood")]
                    axes.plot(ends, [place + offset] * 2, color=chart.COLOURS[version], linewidth=2, alpha=0.4)
        axes.set_xscale("log")
        axes.set_yticks(range(len(names)), [FLOODS[name].title for name in names])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("p99 of an honest publish in another room, ms: | beside groupchat, ● beside the flood")
        for version in versions:
            axes.plot([], [], "o", color=chart.COLOURS[version], label=f"Prosody {version}")
        axes.legend(frameon=False, fontsize=8.5)
        chart.save(figure, folder / "soak")
