"""The seven-loop nest and the GEMM that it is."""

from simulator.workload.work import OPERATION_CLASSES, Contraction


def test_a_convolution_as_a_gemm():
    work = Contraction(k=8, c=3, oy=5, ox=7, fy=3, fx=2, batch=4, groups=2)
    assert (work.M, work.N, work.K) == (4 * 5 * 7, 8, 18)
    assert work.macs == 2 * 140 * 8 * 18


def test_operation_classes_are_distinct():
    assert len(set(OPERATION_CLASSES)) == len(OPERATION_CLASSES)
