"""Dates, in words and as ISO 8601: what the date translator learns from and is tested on."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from snnsim.units import check_integer, one_of

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_UNITS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
ORDINALS = (
    *_UNITS, "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth", "twentieth", *(f"twenty-{unit}" for unit in _UNITS), "thirtieth", "thirty-first",
)  # fmt: skip

FIRST, LAST = date(1930, 1, 1), date(2029, 12, 31)  # so that two digits tell the year

#: d: day, th: its ordinal in digits, word: in words; month, mon: in full, three letters; year, yy: four digits, two
FORMS = (
    "{d} {month} {year}", "{d} {mon} {year}", "{d} {mon} {yy}", "{d}. {month} {year}", "{month} {d}, {year}", "{mon} {d}, {year}",
    "{th} {month} {year}", "the {th} of {month} {year}", "{month} {th}, {year}", "{mon} {th} {yy}",
    "the {word} of {month} {year}", "{month} the {word}, {year}", "{word} {month} {year}", "{year} {month} {d}", "{d}-{mon}-{yy}",
)  # fmt: skip


def write(day: date, form: str, capitals: int = 0) -> str:
    """Return `day` in words, after one of FORMS. capitals : 0 none, 1 of months, 2 of months and of the first word"""
    suffix = "th" if 10 <= day.day <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    month = MONTHS[day.month - 1].capitalize() if capitals else MONTHS[day.month - 1]
    text = form.format(
        d=day.day, th=f"{day.day}{suffix}", word=ORDINALS[day.day - 1], month=month, mon=month[:3],
        year=day.year, yy=f"{day.year % 100:02d}",
    )  # fmt: skip
    return text[0].upper() + text[1:] if capitals == 2 else text


def date_examples(n: int, split: str = "test", seed: int = 0) -> tuple[list[str], list[str]]:
    """Return `n` random dates in words, and the same as ISO 8601.

    split : 'train', or 'test': every tenth day from 1930-01-01 on, which no text of 'train' shows in any form

    Raises ParameterError for an unknown split or n < 1.
    """
    n = check_integer("date_examples.n", n, low=1)
    one_of("date_examples.split", split, ("train", "test"))
    random = np.random.default_rng([seed, split == "test"])
    days = np.arange((LAST - FIRST).days + 1)
    days = days[(days % 10 == 0) == (split == "test")]
    texts, iso = [], []
    for which, form, capitals in zip(random.choice(days, n), random.integers(len(FORMS), size=n), random.integers(3, size=n), strict=True):
        day = FIRST + timedelta(int(which))
        texts.append(write(day, FORMS[form], int(capitals)))
        iso.append(day.isoformat())
    return texts, iso
