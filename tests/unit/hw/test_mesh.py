"""Paths over a mesh, and the routes that a network is given."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from simulator.hw.mesh import nearest, path, route_table, tree_links


@pytest.mark.parametrize(
    ("source", "destination", "nodes"),
    [
        ((0, 0), (0, 0), [(0, 0)]),
        ((0, 0), (2, 1), [(0, 0), (1, 0), (2, 0), (2, 1)]),
        ((2, 1), (0, 0), [(2, 1), (1, 1), (0, 1), (0, 0)]),
        ((1, 2), (1, 0), [(1, 2), (1, 1), (1, 0)]),
    ],
)
def test_the_row_comes_first(source, destination, nodes):
    assert path(source, destination) == nodes


def test_a_path_is_as_long_as_its_coordinates_are_apart():
    places = list(product(range(4), range(3)))
    for a, b in product(places, places):
        assert len(path(a, b)) == 1 + abs(a[0] - b[0]) + abs(a[1] - b[1])


def test_a_tree_holds_shared_links_once():
    """Both paths share the row to (2, 0)."""
    links = tree_links((0, 0), [(2, 1), (3, 0)])
    assert links == [*pairwise([(0, 0), (1, 0), (2, 0), (2, 1)]), ((2, 0), (3, 0))]


def test_the_union_of_paths_is_a_tree():
    """No node is entered twice, whatever the destinations."""
    places = list(product(range(4), range(3)))
    for source in places:
        entered = [b for _, b in tree_links(source, places)]
        assert sorted(entered) == sorted(set(places) - {source})


def test_of_several_places_the_nearest_counts():
    corners = [(0, 0), (3, 0)]
    assert nearest(corners, [[(2, 1)]]) == ((3, 0), [(2, 1)])
    assert nearest([(1, 1)], [corners]) == ((1, 1), [(0, 0)])
    assert nearest([(0, 0), (2, 0)], [[(1, 0)]]) == ((0, 0), [(1, 0)]), "the first of two that are as near"


def test_the_source_of_a_tree_is_the_one_with_the_fewest_links():
    """From (0, 0) the tree to both has 1 + 2 links; from (3, 0) it has 3 in the row and 1 more."""
    assert nearest([(3, 0), (0, 0)], [[(0, 1)], [(2, 0)]]) == ((0, 0), [(0, 1), (2, 0)])


def test_a_route_passes_ports_and_each_link_of_its_tree_once():
    routes = route_table([((0, 0), [(2, 1), (3, 0), (0, 0)])])
    assert routes.hops == [4]
    assert len(routes.passes[0]) == len(set(routes.passes[0])) == 1 + 4 + 3
    kinds = [kind for kind, _, _ in routes.links]
    assert (kinds.count("in"), kinds.count("link"), kinds.count("out")) == (1, 4, 3)
    assert routes.table[0][4] == 3, "three ends"


def test_routes_share_the_numbers_of_links():
    routes = route_table([((0, 0), [(1, 0)]), ((0, 0), [(2, 0)]), ((1, 0), [(0, 0)])])
    assert routes.links == [
        ("in", (0, 0), (0, 0)),
        ("link", (0, 0), (1, 0)),
        ("out", (1, 0), (1, 0)),
        ("link", (1, 0), (2, 0)),
        ("out", (2, 0), (2, 0)),
        ("in", (1, 0), (1, 0)),
        ("link", (1, 0), (0, 0)),
        ("out", (0, 0), (0, 0)),
    ]
    assert routes.passes == [(0, 1, 2), (0, 1, 3, 4), (5, 6, 7)]


def test_a_destination_written_twice_is_reached_once():
    assert route_table([((0, 0), [(1, 0), (1, 0)])]).table[0][4] == 1
