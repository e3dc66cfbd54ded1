"""Full collections are put off inside a block and come back after the last one."""

import gc

import pytest

from adjoint.base.collector import full_collections_put_off


def test_full_collections_come_back_after_the_last_block_in_whatever_order_they_end():
    before = gc.get_threshold()
    first, second = full_collections_put_off(), full_collections_put_off()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold() == (*before[:2], 1000)
    first.__exit__(None, None, None)
    assert gc.get_threshold()[2] == 1000
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_an_error_in_the_block_changes_nothing():
    before = gc.get_threshold()
    with pytest.raises(KeyError), full_collections_put_off():
        raise KeyError
    assert gc.get_threshold() == before
