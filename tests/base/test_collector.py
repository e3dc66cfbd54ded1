"""The garbage collector looks more seldom inside a block, and as before after the last one."""

import gc

import pytest

from adjoint.base.collector import collections_put_off


def test_collections_come_back_after_the_last_block_in_whatever_order_they_end():
    before = gc.get_threshold()
    first, second = collections_put_off(), collections_put_off()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold() == (5000, before[1], 1000)
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (5000, before[1], 1000)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_an_error_in_the_block_changes_nothing():
    before = gc.get_threshold()
    with pytest.raises(KeyError), collections_put_off():
        raise KeyError
    assert gc.get_threshold() == before


def test_a_collector_that_was_turned_off_stays_off():
    before = gc.get_threshold()
    gc.set_threshold(0, *before[1:])
    try:
        with collections_put_off():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)
