"""Tables and sentences in so many columns: what they hold is all there."""

from summ_collapse.report.layout import plain, rendered, wrapped

LONG = "evaluate/a-verifier-with-a-long-name-within-strata-0.125@12"


def test_names_fold_and_numbers_stay_whole() -> None:
    table = plain(["stage", "rows", *"abc", "detail"], {"stage", "detail"})
    table.add_row(LONG, "1,234,567", *["12,345.67"] * 3, "it does not fit at all")
    lines = rendered(table)
    assert max(map(len, lines)) <= 80
    name = lines[0].index("rows") - len("1,234,5")
    assert "".join(line[:name].strip() for line in lines[2:]) == LONG
    assert lines[2].split()[1:5] == ["1,234,567", *["12,345.67"] * 3]
    assert all(sum(line.count(word) for line in lines) == 1 for word in ("does", "not", "fit", "all"))


def test_columns_that_have_no_room_are_named() -> None:
    headings = [f"column {place}" for place in range(12)]
    table = plain(headings, {headings[0]})
    table.add_row("name", *["1,234,567"] * 11)
    lines = rendered(table)
    assert max(map(len, lines)) <= 80
    shown = [heading for heading in headings if heading in lines[0]]
    assert lines[2].split() == ["name", *["1,234,567"] * (len(shown) - 1)]
    text = " ".join(lines[3:])
    assert text.startswith(f"no room here for {headings[len(shown)]}, ")
    assert text.endswith(f"{headings[-1]}: see --wide")
    assert len(shown) == 7  # 8 and 2 wide for the name, 9 and 2 for each number, 9 for the last
    table = plain(headings, {headings[0]})
    table.add_row("name", *["1,234,567"] * 11)
    assert len(rendered(table, None)[2].split()) == 12


def test_what_a_cell_says_is_no_markup() -> None:
    table = plain(["what"], {"what"})
    table.add_row("expected [red] or [a, b], got :smile:")
    assert rendered(table)[-1] == "expected [red] or [a, b], got :smile:"


def test_sentences_wrap_at_words_and_leave_paths_whole() -> None:
    path = "/".join(["folder"] * 20)
    lines = wrapped(f"{'word ' * 30}{path} and more")
    assert path in [line.strip() for line in lines]
    assert all(len(line) <= 80 for line in lines if path not in line)
    assert [line.startswith("  ") for line in lines] == [False] + [True] * (len(lines) - 1)
    assert " ".join(line.strip() for line in lines) == f"{'word ' * 30}{path} and more"
