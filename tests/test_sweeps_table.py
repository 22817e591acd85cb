"""The table: columns, means with their intervals, pictures, and the way to a file and back."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import snnsim as sim

CELLS = ((3, 0.9, 1, 2.0, "slow"), (3, 0.9, 2, 4.0, "slow"), (3, 2.0, 1, None, "fast"), (3, 2.0, 2, 5.0, "fast"))
TABLE = sim.SweepTable(("g", "eta", "seed"), ("rate", "regime"), CELLS, ("", "", "rate: the function returned nan", ""))


def test_a_row_is_a_dict_and_a_column_an_array():
    assert list(TABLE)[1] == {"g": 3, "eta": 0.9, "seed": 2, "rate": 4.0, "regime": "slow"}
    assert TABLE["g"].dtype == np.int64 and TABLE["g"].tolist() == [3] * 4
    assert TABLE["rate"].tolist() == [2.0, 4.0, None, 5.0] and np.ma.is_masked(TABLE["rate"])
    assert TABLE["regime"].tolist() == ["slow", "slow", "fast", "fast"]
    with pytest.raises(sim.ParameterError, match="column = 'rat' is not known. Valid: g, eta, seed, rate, regime. Did you mean 'rate'"):
        TABLE["rat"]


def test_a_mean_has_the_interval_of_student():
    stats = pytest.importorskip("scipy.stats", reason="scipy comes with the test extra")
    values = np.random.default_rng(0).normal(10.0, 2.0, 7)
    table = sim.SweepTable(("seed",), ("x",), tuple(enumerate(map(float, values))), ("",) * 7)
    (row,) = table.mean(level=0.9)
    low, high = stats.t.interval(0.9, 6, loc=values.mean(), scale=stats.sem(values))
    assert (row["x"], row["x_low"], row["x_high"], row["x_n"]) == pytest.approx((values.mean(), low, high, 7))


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    random = np.random.default_rng(1)
    cells = tuple((k, i, float(x)) for k in range(2_000) for i, x in enumerate(random.normal(5.0, 3.0, 4)))
    means = sim.SweepTable(("g", "seed"), ("x",), cells, ("",) * len(cells)).mean(level=0.8)
    inside = np.mean((means["x_low"] < 5.0) & (means["x_high"] > 5.0))
    assert inside == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 2_000))


def test_a_mean_leaves_out_what_is_missing_and_texts_and_one_value_has_no_interval():
    means = TABLE.mean(over="seed")
    assert means.columns == ("g", "eta", "rate", "rate_low", "rate_high", "rate_n")
    assert list(means)[1] == {"g": 3, "eta": 2.0, "rate": 5.0, "rate_low": None, "rate_high": None, "rate_n": 1}
    (all_of_them,) = TABLE.mean(over=["eta", "seed"])
    assert all_of_them["rate"] == pytest.approx(11 / 3) and all_of_them["rate_n"] == 3
    none = sim.SweepTable(("seed",), ("x",), ((1, None), (2, 3.0)), ("gone", "")).mean(over="seed")
    assert none["x_n"].tolist() == [1]


def test_a_mean_of_arrays_goes_element_by_element():
    cells = ((1, np.array([1.0, 5.0])), (2, np.array([3.0, 5.0])))
    (row,) = sim.SweepTable(("seed",), ("x",), cells, ("", "")).mean()
    assert row["x"].tolist() == [2.0, 5.0]
    assert row["x_low"][0] < 2.0 < row["x_high"][0] and row["x_low"][1] == row["x_high"][1] == 5.0


@pytest.mark.parametrize(
    ("cells", "over", "level", "says"),
    [
        (((1, 2.0),), "rate", 0.95, "SweepTable.mean.over = 'rate' is not known. Valid: seed"),
        (((1, 2.0),), "seed", 1.0, "SweepTable.mean.level = 1 must be < 1"),
        (((1, 2.0), (2, "fast")), "seed", 0.95, "'x' holds texts and numbers"),
        (((1, 2.0), (2, np.ones(2))), "seed", 0.95, "'x' holds arrays of several shapes"),
    ],
)
def test_a_mean_that_is_none_is_refused(cells, over, level, says):
    table = sim.SweepTable(("seed",), ("x",), cells, ("",) * len(cells))
    with pytest.raises(sim.ParameterError) as caught:
        table.mean(over=over, level=level)
    assert says in str(caught.value)


def test_a_mean_makes_no_column_twice():
    table = sim.SweepTable(("x_n", "seed"), ("x",), ((1, 1, 2.0),), ("",))
    with pytest.raises(sim.ParameterError, match="makes a column 'x_n', which is there already"):
        table.mean()


def test_a_pivot_lays_a_value_out_over_two_parameters():
    grid, g, eta = TABLE.mean(over="seed").pivot("rate", "g", "eta")
    assert (grid.tolist(), g, eta) == ([[3.0, 5.0]], [3], [0.9, 2.0])
    grid, _, seeds = TABLE.pivot("rate", "eta", "seed")
    assert grid.tolist() == [[2.0, 4.0], [None, 5.0]] and seeds == [1, 2]
    with pytest.raises(sim.ParameterError, match=r"several rows have g = 3 and eta = 0.9. Take table.mean"):
        TABLE.pivot("rate", "g", "eta")
    with pytest.raises(sim.ParameterError, match="'regime' must be a column of numbers"):
        TABLE.pivot("regime", "eta", "seed")


AWKWARD = (
    (None, "8", 0.1, "", np.array([[1, 2], [3, 4]])),
    (True, "None", 1e-300, 'a,b\n"c"', np.array([0.1, 2.0])),
    (False, "1_0", -0.0, "[1", np.array([True, False])),
    (-(2**62), "nan", 1e22, '"quoted"', None),
    (7, "True", 5.0, "inf", np.zeros(0)),
)


def test_a_table_comes_back_from_a_file_as_it_was(tmp_path):
    for problems, cut in ((("",) * 5, False), (("", "8", "", 'gone, "all"', ""), True)):
        table = sim.SweepTable(("p", "q", "r"), ("text", "array"), AWKWARD, problems, cut)
        table.save(tmp_path / "t.csv")
        again = sim.SweepTable.load(tmp_path / "t.csv")
        assert (again.parameters, again.values, again.problems, again.cut) == (table.parameters, table.values, problems, cut)
        for one, other in zip(table.cells, again.cells, strict=True):
            assert repr(one[:4]) == repr(other[:4])
            assert one[4] is other[4] or (one[4].dtype == other[4].dtype and one[4].tobytes() == other[4].tobytes())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: No such file"),
        ("g,eta\n1,2\n", "its first line is not that of a sweep"),
        ("# snnsim sweep, version 1, 1 parameters\ng,eta\n1,2\n1\n", "line 4 has another number of cells"),
        ("# snnsim sweep, version 1, 1 parameters\n", "is damaged"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text, says, tmp_path):
    if text is not None:
        (tmp_path / "t.csv").write_text(text)
    with pytest.raises(sim.FormatError, match=says):
        sim.SweepTable.load(tmp_path / "t.csv")


def test_a_table_is_saved_as_csv_alone_and_where_it_can_be(tmp_path):
    with pytest.raises(sim.ParameterError, match=r"must end in \.csv"):
        TABLE.save(tmp_path / "t.xlsx")
    with pytest.raises(sim.ParameterError, match="cannot be written to: No such file"):
        TABLE.save(tmp_path / "nowhere" / "t.csv")


def test_printing_shows_every_cell_and_says_what_is_missing():
    text = str(TABLE)
    assert [line.split()[:4] for line in text.splitlines() if line[:2] == " 3"][:2] == [["3", "0.9", "1", "2"], ["3", "0.9", "2", "4"]]
    assert "rate: the function returned nan" in text and "1 of 4 rows with a problem" in text
    long = sim.SweepTable(("x",), ("y",), tuple((i, 0.5) for i in range(35)), ("",) * 35, cut=True)
    assert "5 more rows; cut by Ctrl-C after 35 points" in str(long)
    assert repr(long) == "SweepTable(35 rows; x -> y; cut)"


def test_pandas_gets_the_same_columns():
    pandas = pytest.importorskip("pandas", reason="pandas comes with the test extra")
    frame = TABLE.to_pandas()
    assert list(frame.columns) == [*TABLE.columns, "problem"]
    assert frame["rate"].isna().tolist() == [False, False, True, False] and frame["g"].tolist() == [3] * 4
    assert frame.groupby("eta")["rate"].mean().tolist() == [3.0, 5.0]
    assert pandas.api.types.is_integer_dtype(frame["seed"])


@pytest.mark.parametrize(("call", "package"), [(lambda: TABLE.to_pandas(), "pandas"), (lambda: TABLE.mean(), "scipy.special")])
def test_a_missing_package_is_named_with_the_command(call, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(sim.ParameterError, match=f"needs the package {package.split('.')[0]}, which is not installed. Run: pip install"):
        call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda table: table.mean(over=3), "mean.over = 3 must be the name of a parameter"),
        (lambda table: table.mean(over="g", level=[0.5, 0.9]), "mean.level = .* must be one number, not an array"),
        (lambda table: table.pivot("r", "g", "g"), "pivot.rows = 'g' must differ from columns"),
        (lambda table: table.save(None), "save.path = None must be the path of a file"),
        (lambda table: sim.SweepTable.load(None), "load.path = None must be the path of a file"),
    ],
)
def test_questions_that_make_no_sense_are_refused(call, text):
    table = sim.SweepTable(("g",), ("r",), ((1, 2.0), (2, 4.0)), ("", ""), False)
    with pytest.raises(sim.ParameterError, match=text):
        call(table)
