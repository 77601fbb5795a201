"""The charts of docs/performance.md, readable on light pages and on dark ones."""

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from report import GOALS, VERSIONS, at  # noqa: E402

INK = "#7d8590"  # text and lines: as far from white as from black
FAINT = "#7d859040"
COLOURS = {"13.0": "#2f81f7", "0.12": "#e3872d"}
GOAL = "#3fb950"

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "mod_mep",
}


def draw(results, folder):
    folder.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        save(ratios(results), folder / "performance")
        if "core" in results:
            save(growth(results["core"]), folder / "growth")


def save(figure, path):
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=160)
    plt.close(figure)


def ratios(results):
    """One line a goal: where the two versions are, and where they are to be."""
    figure, axes = plt.subplots(figsize=(9.2, 5.8), layout="constrained")
    for place, goal in enumerate(reversed(GOALS)):
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
        axes.barh(place, goal.reach, height=0.78, color=GOAL, alpha=0.13, linewidth=0, zorder=0)
        axes.plot([goal.reach] * 2, [place - 0.39, place + 0.39], color=GOAL, linewidth=1.6)
        axes.plot([goal.beyond] * 2, [place - 0.39, place + 0.39], color=GOAL, linewidth=1.2, linestyle=(0, (2, 1.5)))
        for version, offset in zip(VERSIONS, (0.15, -0.15), strict=False):
            found = results.get(version, {}).get(goal.row)
            if not found:
                continue
            ratio = at(found, goal.path)
            colour = COLOURS[version]
            if floor := goal.path == "ratios.mep" and found["ratios"].get("floor"):
                axes.plot(floor["median"], place + offset, "|", color=INK, markersize=9, markeredgewidth=1.8)
            axes.plot([ratio["low"], ratio["high"]], [place + offset] * 2, color=colour, linewidth=2, alpha=0.5)
            axes.plot(ratio["median"], place + offset, "o", color=colour, markersize=6.5)
            axes.annotate(
                f"{ratio['median']:.2f}",
                (max(ratio["high"], ratio["median"]), place + offset),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=colour,
            )
    axes.axvline(1, color=INK, linewidth=0.9)
    axes.annotate("as dear", (1, 1), (4, 2), xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8.5)
    axes.set_yticks(range(len(GOALS)), [goal.title for goal in reversed(GOALS)])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.set_ylim(-0.6, len(GOALS) - 0.4)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("CPU time of the server, to that of the yardstick: median of pairwise ratios, and quartiles")
    marks = [
        *(Line2D([], [], color=COLOURS[v], marker="o", linewidth=2, label=f"Prosody {name}") for v, name in VERSIONS.items()),
        Line2D([], [], color=INK, marker="|", markeredgewidth=1.8, linewidth=0, markersize=9, label="the octets alone"),
        Line2D([], [], color=GOAL, linewidth=1.6, label="goal"),
        Line2D([], [], color=GOAL, linewidth=1.2, linestyle=(0, (2, 1.5)), label="beyond it"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=5, frameon=False)
    return figure


def growth(core):
    """What the core's calls cost, by the number of sessions in the room."""
    figure, axes = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
    sizes = [row["sessions"] for row in core["sizes"]]
    lines = (
        ("publish_ns", "a publish to 10, from the request to the effects", "#2f81f7", "o", 10),
        ("come_and_go_ns", "somebody comes and goes", "#e3872d", "s", -19),
        ("fan_out_ns", "the list of the 10 who are interested", "#3fb950", "D", 10),
    )
    for key, label, colour, marker, above in lines:
        times = [row[key] / 1000 for row in core["sizes"]]
        axes.plot(sizes, times, color=colour, marker=marker, markersize=5.5, linewidth=1.8)
        axes.annotate(label, (sizes[0], times[0]), (0, above), textcoords="offset points", color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.05, 30)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_yticks([0.1, 1, 10], ["0.1 µs", "1 µs", "10 µs"])
    axes.minorticks_off()
    axes.grid(axis="y", color=INK, alpha=0.25, linewidth=0.7)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("sessions in the room")
    return figure
