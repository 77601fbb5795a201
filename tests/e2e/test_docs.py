"""What `docs/protocol.md` names is there, and each row of its tables names something."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "protocol.md").read_text()
SHOWN_BY_NOTHING = {"can't be shown here", "nothing to show"}


def found(pattern, *globs):
    """What the pattern finds in these files of the repository."""
    paths = [path for glob in globs for path in TOP.glob(glob)]
    return {name for path in paths for name in re.findall(pattern, path.read_text(), re.M)}


def all_tests():
    """The names of all tests: Python's, Rust's and Lua's."""
    python = found(r"^(?:async )?def (test_\w+)\(", "tests/e2e/test_*.py")
    rust = found(r"#\[test\]\s+fn (\w+)\(", "src/**/*.rs", "tests/*.rs")
    return python | rust | found(r"\bit\(\"([^\"]+)\"", "spec/*.lua")


def test_what_the_page_on_security_names_exists():
    page = (TOP / "docs" / "security.md").read_text()
    options = set(re.findall(r"`(mep_\w+)`", page))
    assert len(options) > 15 and options - found(r'"(mep_\w+)"', "src/settings/*.rs") == set()
    named = re.findall(r"`([\w/]+/[\w.]+\.(?:rs|py|lua|md))`", page)
    assert len(named) > 5 and [path for path in named if not (TOP / path).exists()] == []


def tables(heading):
    """The rows of the tables under a heading, as lists of cells, without the tables' heads."""
    section = re.split(r"^## ", PAGE.partition(f"\n## {heading}\n")[2], flags=re.M)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = [number for number, row in enumerate(rows) if set(row[0]) == {"-"}]
    return [row for number, row in enumerate(rows) if number not in heads and number + 1 not in heads]


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 50
    assert named - all_tests() == set()


def test_every_file_that_the_page_names_exists():
    named = re.findall(r"`([\w/]+/[\w.]+\.(?:rs|py|lua|md))`", PAGE)
    assert named and [path for path in named if not (TOP / path).exists()] == []


@pytest.mark.parametrize("heading", ["Errors", "What the XEPs demand"])
def test_every_row_names_its_test_or_says_that_there_is_none(heading):
    rows = tables(heading)
    assert len(rows) > 20
    for row in rows:
        assert row[-1] in SHOWN_BY_NOTHING or re.fullmatch(r"`test_\w+`(, `test_\w+`)*", row[-1]), row


def test_the_errors_are_those_of_the_core():
    core = (TOP / "src" / "error.rs").read_text()
    table = core.partition("fn rule(")[2].partition("struct Rule")[0]
    rules = set(re.findall(r'\(\s*"(\w+)",\s*"([\w-]+)",\s*(?:None|Condition\("([\w-]+)"\)|Feature)', table))
    page = {(kind, condition, pubsub) for _, kind, condition, pubsub, _ in tables("Errors")}
    assert {(*error[:2], error[2].removeprefix("unsupported, with the feature")) for error in page} == rules


def test_the_reserved_nodes_are_those_of_the_core_each_with_its_reason():
    core = (TOP / "src" / "options" / "reserved.rs").read_text()
    lists = re.findall(r"const (\w+): &\[&str\] = &\[\n(.*?)\n\];", core, re.S)
    names = {node: kind for kind, body in lists for node in re.findall(r'^    "([^"]+)",\s*// \w', body, re.M)}
    assert len(names) == core.count('    "') > 20, "each has a comment"
    said = {"IDENTITY": ["refused", "welcome"], "ACCOUNT": ["refused"] * 2, "DISCO": ["always refused"] * 2}
    rows = tables("Reserved nodes")
    page = {node: refusals for nodes, *refusals, _ in rows for node in re.findall(r"`([^`]+)`", nodes)}
    assert page == {node: said[kind] for node, kind in names.items()}
