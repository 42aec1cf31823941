"""Reading and writing only what changed comes to the same as reading and writing the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.model.names import Weight
from canaryd.model.notice import KEPT_NOTICES, Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Condition, Phase, Status
from canaryd.wire.parts import FIELDS, read_changes, status_patch
from canaryd.wire.patch import merge_patch
from canaryd.wire.status import LARGEST_STATUS, parse_status, render_status
from tests.wire.statuses import FULL, NOW, STATUSES, applied, bits

CHANGES = st.tuples(STATUSES, STATUSES, st.sets(st.sampled_from(sorted(FIELDS.values()))))


def changed(before: Status, other: Status, names: set[str]) -> Status:
    return replace(before, **{name: getattr(other, name) for name in names})


def notice(seq: int, sentence: str = "a step") -> Notice:
    return Notice(seq, "StepEntered", sentence, Severity.INFO, NOW, "Progressing", Weight(20))


def raw_of(status: Status) -> bytes:
    return orjson.dumps(render_status(status))


def reread(before: dict[str, Any] | bytes, after: dict[str, Any] | bytes) -> Status:
    known, new = (it if isinstance(it, bytes) else orjson.dumps(it) for it in (before, after))
    return read_changes(new, known, parse_status(known))


@given(CHANGES)
def test_a_status_of_which_parts_changed_is_read_like_a_new_one(
    given: tuple[Status, Status, set[str]],
) -> None:
    before, other, names = given
    after = changed(before, other, names)
    old, new = raw_of(before), raw_of(after)

    read = read_changes(new, old, parse_status(old))

    assert read == after
    assert bits(read) == bits(parse_status(new))


@given(CHANGES)
def test_a_patch_made_of_what_changed_is_the_patch_of_the_whole(
    given: tuple[Status, Status, set[str]],
) -> None:
    before, other, names = given
    after = changed(before, other, names)
    old, new = render_status(before), render_status(after)

    patch = status_patch(before, after, orjson.dumps(old))

    assert patch == merge_patch(old, new)
    assert applied(old, patch) == new


@given(STATUSES, st.integers(0, 3), st.lists(st.integers(100, 200), max_size=3))
def test_notices_that_are_told_go_over_as_they_stand(
    status: Status, gone: int, fresh: list[int]
) -> None:
    before = parse_status(orjson.dumps(render_status(status)))
    after = replace(before, notices=(*before.notices[gone:], *map(notice, fresh)))
    old, new = render_status(before), render_status(after)

    assert status_patch(before, after, orjson.dumps(old)) == merge_patch(old, new)
    assert status_patch(before, after, b"{}") == merge_patch(old, new)  # it is not known how
    assert reread(old, new) == after


def test_what_was_read_already_is_not_read_again() -> None:
    before = replace(FULL, notices=tuple(map(notice, range(KEPT_NOTICES))))
    after = replace(before, notices=(*before.notices[1:], notice(99)), phase=Phase.IDLE)
    old, new = raw_of(before), raw_of(after)
    known = parse_status(old)

    read = read_changes(new, old, known)

    assert read == after
    assert read.evidence is known.evidence
    assert all(a is b for a, b in zip(read.notices, known.notices[1:], strict=False))
    assert read_changes(new, new, read) is read


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"phase": "Dancing"}, r"status\.phase must be"),
        ({"notices": [{"seq": 1}]}, r"status\.notices\[0\]"),
        ({"notices": 7}, r"status\.notices"),
        ({"notices": None}, r"status\.notices"),
        ({"gates": None}, r"status\.gates"),
        ({"hold": {"reason": "Paused", "message": "x"}}, r"status\.hold\.since is required"),
    ],
)
def test_a_status_that_becomes_unreadable_is_told_like_one_that_was(
    change: dict[str, Any], sentence: str
) -> None:
    before = render_status(FULL)
    with pytest.raises(ValueError, match=sentence) as whole:
        parse_status(orjson.dumps(before | change))

    with pytest.raises(ValueError, match=sentence) as parts:
        reread(before, before | change)
    assert str(parts.value) == str(whole.value)


def test_too_many_notices_are_told_however_few_are_new() -> None:
    wire = render_status(replace(FULL, notices=tuple(map(notice, range(50)))))
    more = wire | {"notices": [*wire["notices"], wire["notices"][0] | {"seq": 51}]}

    with pytest.raises(ValueError, match=r"status\.notices"):
        reread(wire, more)


def test_what_no_canaryd_writes_is_read_as_it_always_was() -> None:
    before = render_status(FULL)
    odd: list[dict[str, Any]] = [
        before | {"canary_weight": 30},
        before | {"somebodys": {"own": 1}, "progress": 7},
        {name: part for name, part in before.items() if name not in ("notices", "hold")},
        {},
        before | {"hold": None, "evidence": 7, "target": None},
    ]
    for after in odd:
        assert reread(before, after) == parse_status(orjson.dumps(after))
        assert reread(after, before) == parse_status(orjson.dumps(before))


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"{"])
def test_what_is_no_object_is_an_error_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"status|readable"):
        reread(render_status(FULL), raw)


@pytest.mark.parametrize("length", [300, 900, 5000])
def test_a_status_near_its_greatest_size_is_shortened_as_a_whole(length: int) -> None:
    long = "ä" * length
    conditions = tuple(Condition(f"C{n}", "False", "Reason", long, NOW) for n in range(20))
    before = parse_status(orjson.dumps(render_status(Status(conditions=conditions))))
    after = replace(before, notices=tuple(notice(n, long) for n in range(KEPT_NOTICES)))
    old, new = render_status(before), render_status(after)

    patch = status_patch(before, after, orjson.dumps(old))

    assert applied(old, patch) == new
    assert len(orjson.dumps(applied(old, patch))) <= LARGEST_STATUS
