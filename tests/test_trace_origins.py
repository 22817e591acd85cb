"""Every call of a program keeps the nodes that it became, also inside a graph of its own, and where nothing reads it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402  (needs torch)

from snnsim.trace.torch_export import trace_torch, translate  # noqa: E402  (needs torch)


class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(3, 3)

    def forward(self, x):
        x = x * 3.0
        with torch.no_grad():  # a graph inside the program, until it is decomposed
            y = torch.relu(self.map(x))
        torch.tanh(y)
        return y + 1.0


def test_calls_of_a_graph_inside_another_bear_the_name_of_its_call():
    program = torch.export.export(Inside().eval(), (torch.randn(1, 3),))
    outer = next(node.name for node in program.graph.nodes if "set_grad" in str(node.target))
    graph = translate(program, {}, 0)
    became = {operation.call: operation for operation in graph.operations}
    assert {"mul", outer, f"{outer}.linear", f"{outer}.relu", "tanh", "add"} <= set(became)
    assert became[f"{outer}.linear"].nodes == ("map",) and became[f"{outer}.linear"].own
    (rectified,) = became[f"{outer}.relu"].nodes
    assert became["add"].nodes == (rectified,) and "relu" in str(graph.nodes[rectified].function)
    assert became["add"].own and not became[f"{outer}.relu"].own  # it waits for the addition, and both are one table
    assert "map" in became[outer].nodes and became["mul"].nodes[0] in graph.nodes["map"].inputs
    assert became["tanh"].nodes == () and not became["tanh"].own


def test_a_layout_is_taken_in_by_those_that_read_its_places():
    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            left, right = x.chunk(2, dim=1)
            return torch.relu(self.left(left)) + self.right(right.flip(1))

    graph = trace_torch(Halves().eval(), torch.randn(1, 6))
    became = {operation.operation: operation for operation in graph.operations if operation.operation in ("chunk", "split", "flip")}
    assert became["flip"].nodes == ("right.layout",) and not became["flip"].own
    (parted,) = [operation for name, operation in became.items() if name != "flip"]
    assert set(parted.nodes) == {"left.layout", "right.layout"}


def test_shapes_leave_out_the_batch_wherever_it_is():
    graph = trace_torch(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).eval(), torch.randn(4, 1, 3), batch_axis=1)
    assert [operation.shape for operation in graph.operations] == [(4, 2), (4, 2)]


def test_what_a_later_node_took_in_is_no_node_of_its_own():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(3, 3)

        def forward(self, x):
            return torch.relu(self.map(x) * torch.arange(1.0, 4.0))

    graph = trace_torch(Scaled().eval(), torch.randn(1, 3))
    scale = next(operation for operation in graph.operations if operation.operation == "mul")
    assert scale.nodes == ("map",) and not scale.own
    assert all(set(operation.nodes) <= set(graph.nodes) for operation in graph.operations)
