"""``chipsim memory``: what it prints and writes, and what it says to wrong input."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import simulator
from simulator.experiment.memory import memory
from simulator.experiment.memorysetup import choose
from simulator.hw import tracefile
from simulator.hw.dramtrace import serve_trace
from simulator.hw.tracefile import read_trace

ROOT = Path(simulator.__file__).parent.parent
KEYS = ["standard", "preset", "organisation", "channels", "mapping", "controller", "controller_settings", "timing_cycles", "tck_ps", "access_bytes", "capacity_bytes", "peak_bytes_per_s", "trace", "requests", "requests_per_channel", "reads", "writes", "forwarded", "coalesced", "cycles", "cycle_last_read", "cycle_last_accept", "time_s", "bandwidth_bytes_per_s", "mean_read_latency_cycles", "p50_read_latency_cycles", "p95_read_latency_cycles", "p99_read_latency_cycles", "max_read_latency_cycles", "read_latency_at_least", "row_hits", "row_misses", "row_conflicts", "commands", "refreshes", "energy_j", "energy_complete", "energy_unknown", "energy_pj_per_bit", "energy"]
#: Bytes to the next row of the same bank of the default DDR4 device.
ROW = 128 << 10
DDR4 = ("memory", "ddr4", "--preset", "DDR4_3200AA", "--org", "DDR4_8Gb_x8")


@pytest.fixture
def trace(tmp_path: Path) -> Callable[..., Path]:
    """Write a trace."""

    def write(*lines: str, name: str = "trace.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def refused(chipsim, files: Callable[[], list[str]], tmp_path: Path) -> Callable[..., list[str]]:
    """Lines of the message; exit 2, nothing on stdout, nothing left behind."""

    def call(*arguments: object) -> list[str]:
        before = files()
        outcome = chipsim("memory", *arguments)
        assert outcome.code == 2, outcome.err
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        assert files() == before
        return [line for line in outcome.err.splitlines() if not line.endswith("...")]

    return call


class TestNumbers:
    def test_one_read_takes_what_the_timings_say(self, chipsim, trace):
        """Offered in clock 0; ACT in 1, RD nRCD = 22 later, data after nCL + nBL = 26."""
        record = chipsim(*DDR4, "--trace", trace("R 0"), "--json").json
        assert list(record) == KEYS
        assert record["cycles"] == 1 + 22 + 26
        assert record["cycle_last_read"] == 48
        assert record["cycle_last_accept"] == 0
        assert record["mean_read_latency_cycles"] == 49.0
        for name in ("p50", "p95", "p99", "max"):
            assert record[f"{name}_read_latency_cycles"] == 49
        assert (record["row_hits"], record["row_misses"], record["row_conflicts"]) == (0, 1, 0)
        assert {name: n for name, n in record["commands"].items() if n} == {"ACT": 1, "RD": 1}
        assert record["time_s"] == pytest.approx(49 * 625e-12)
        assert record["bandwidth_bytes_per_s"] == pytest.approx(64 / (49 * 625e-12))
        assert record["tck_ps"] == 625
        assert record["capacity_bytes"] == 8 << 30
        assert record["peak_bytes_per_s"] == 25.6e9

    def test_a_request_waits_for_its_cycle(self, chipsim, trace):
        late = chipsim(*DDR4, "--trace", trace("R 0 1000"), "--json").json
        assert late["cycles"] == 1000 + 49
        assert late["mean_read_latency_cycles"] == 49.0
        assert late["cycle_last_accept"] == 1000

    def test_hits_misses_and_conflicts(self, chipsim, trace):
        record = chipsim(*DDR4, "--trace", trace("R 0", "R 64", f"R {ROW} 500", "W 0 1000"), "--json").json
        assert (record["row_hits"], record["row_misses"], record["row_conflicts"]) == (1, 1, 2)
        assert (record["reads"], record["writes"]) == (3, 1)
        assert record["commands"]["PREpb"] == 2

    def test_what_the_write_queue_answers(self, chipsim, trace):
        record = chipsim(*DDR4, "--trace", trace("R 0", f"W {ROW}", f"R {ROW}", f"W {ROW}"), "--json").json
        assert (record["reads"], record["writes"], record["forwarded"], record["coalesced"]) == (2, 2, 1, 1)
        assert (record["commands"]["RD"], record["commands"]["WR"]) == (1, 1)
        assert record["mean_read_latency_cycles"] == (49 + 1) / 2
        assert record["bandwidth_bytes_per_s"] == pytest.approx(2 * 64 / record["time_s"]), "what reached the DRAM"

    def test_without_reads_latencies_are_null(self, chipsim, trace):
        record = chipsim(*DDR4, "--trace", trace("W 0"), "--json").json
        assert all(record[key] is None for key in record if "read_latency_cycles" in key)
        assert record["cycle_last_read"] is None
        assert "  read latency  no reads" in chipsim(*DDR4, "--trace", trace("W 0")).out

    def test_percentiles_are_the_least_that_so_many_do_not_exceed(self, chipsim, trace):
        """100 reads that never meet, of which 6 find another row open (nRP = 22 more): p95 is among these."""
        reads, row = [], 0
        for i in range(100):
            row += i % 16 == 15
            reads.append(f"R {row * ROW + 64 * i % 8192} {i * 200}")
        record = chipsim(*DDR4, "--controller", "noref", "--trace", trace(*reads), "--json").json
        assert record["row_conflicts"] == 6
        assert record["p50_read_latency_cycles"] == 1 + 26
        assert record["p95_read_latency_cycles"] == record["max_read_latency_cycles"] == 1 + 22 + 22 + 26
        mean = (93 * 27 + 1 * 49 + 6 * 71) / 100
        assert record["mean_read_latency_cycles"] == pytest.approx(mean)

    def test_longest_latencies_are_marked(self, chipsim, trace):
        """1024 reads of as many rows of one bank, nRC = 74 apart."""
        reads = [f"R {i * ROW}" for i in range(1024)]
        call = (*DDR4, "--controller", "noref", "--set", "controller.read_queue=1024", "--trace", trace(*reads))
        record = chipsim(*call, "--json").json
        assert record["p95_read_latency_cycles"] == record["p99_read_latency_cycles"] == 65535
        assert record["max_read_latency_cycles"] > 65535
        assert record["read_latency_at_least"] == ["p95", "p99"]
        assert chipsim(*call).out.count("≥ 65\u202f535") == 2

    def test_channels_are_runs_of_their_own(self, chipsim, trace):
        """Of two channels the lowest bit above a burst chooses; each has its requests, at its own pace."""
        lines = [f"R {64 * (i * i % 977)}" for i in range(500)]
        both = chipsim(*DDR4, "--channels", 2, "--trace", trace(*lines), "--json").json
        alone = []
        for channel in range(2):
            mine = [int(line[2:]) for line in lines if int(line[2:]) >> 6 & 1 == channel]
            path = trace(*(f"R {(a >> 7) << 6}" for a in mine))
            alone.append(chipsim(*DDR4, "--trace", path, "--json").json)
        assert both["requests_per_channel"] == [one["requests"] for one in alone]
        assert both["cycles"] == max(one["cycles"] for one in alone)
        for key in ("row_hits", "row_misses", "row_conflicts"):
            assert both[key] == sum(one[key] for one in alone)
        assert both["peak_bytes_per_s"] == 2 * 25.6e9

    def test_a_channel_without_requests(self, chipsim, trace):
        record = chipsim(*DDR4, "--channels", 4, "--trace", trace("R 0 20000", "R 256 30000"), "--json").json
        assert record["requests_per_channel"] == [2, 0, 0, 0]
        assert record["refreshes"] == 4 * 2, "all channels refresh until the last is done"

    def test_energy_is_counts_times_energies(self, chipsim, trace):
        record = chipsim("memory", "hbm2", "--trace", trace("R 0", "W 64 3", "R 4096 9"), "--json").json
        assert record["energy_complete"]
        assert record["energy"]["activate"]["count"] == record["commands"]["ACT"]
        assert record["energy"]["io"]["count"] == 3 * record["access_bytes"]
        sum_pj = sum(row["count"] * row["pj_each"] for row in record["energy"].values())
        assert record["energy_j"] == pytest.approx(sum_pj / 1e12)
        assert record["energy_pj_per_bit"] == pytest.approx(sum_pj / (3 * 8 * record["access_bytes"]))
        standby_ps = sum(record["energy"][f"standby_{state}"]["count"] for state in ("active", "idle"))
        assert standby_ps == pytest.approx(2 * record["time_s"] * 1e12), "two pseudo channels"

    def test_unknown_energies_are_named_and_never_0(self, chipsim, trace):
        outcome = chipsim(*DDR4, "--trace", trace("R 0"))
        assert re.search(r"^  energy        \d.*J without what is unknown: io$", outcome.out, re.M)
        record = chipsim(*DDR4, "--trace", trace("R 0"), "--json").json
        assert record["energy_unknown"] == ["io"]
        assert not record["energy_complete"]
        assert record["energy_pj_per_bit"] is None
        assert record["energy"]["io"]["pj"] is None

    @pytest.mark.parametrize("stride", [1, 7, 1000])
    def test_nothing_depends_on_how_often_progress_is_told(self, trace, stride: int):
        lines = [f"{'RRW'[i % 3]} {(i * 7919) % 4096 * ROW % (8 << 30)}" for i in range(300)]
        lines.append("R 0 40000")
        setup = choose("ddr4", preset="DDR4_3200AA")
        requests = read_trace(str(trace(*lines)), setup)
        shares: list[float] = []
        often = serve_trace(setup, requests, progress=shares.append, stride_cycles=stride)
        assert often == serve_trace(setup, requests)
        assert shares == sorted(shares)
        assert len(shares) > 20

    @pytest.mark.parametrize("standard", ["ddr3", "ddr4", "ddr5", "gddr6", "hbm2", "hbm3", "lpddr4", "lpddr5"])
    @pytest.mark.parametrize("controller", ["frfcfs", "rowhit", "fcfs", "closed", "noref"])
    def test_every_standard_under_every_controller(self, chipsim, trace, standard: str, controller: str):
        lines = [f"{'RRW'[i % 3]} {(i * 1000003) % (1 << 29)}" for i in range(200)]
        record = chipsim(
            "memory", standard, "--controller", controller, "--trace", trace(*lines), "--json"
        ).json
        waited = record["row_hits"] + record["row_misses"] + record["row_conflicts"]
        assert waited == 200 - record["forwarded"] - record["coalesced"]
        assert 0 < record["bandwidth_bytes_per_s"] < record["peak_bytes_per_s"]


class TestOutput:
    def test_the_table(self, chipsim, trace):
        outcome = chipsim(*DDR4, "--trace", trace("R 0", "R 64", "W 0x20000"))
        lines = outcome.out.splitlines()
        assert lines[:8] == [
            "ddr4 DDR4_3200AA, DDR4_8Gb_x8: 1 channel, 8 GiB, peak 25.6 GB/s",
            "  mapping       RoBaRaCoCh",
            "  controller    frfcfs, open page, all-bank refresh, queues of 32 reads and 32 writes",
            f"  trace         {Path('trace.txt').absolute()}",
            "  requests      3 of 64 B: reads 2 (forwarded 0), writes 1 (coalesced 0)",
            "  cycles        97 of 625 ps: 60.62 ns",
            "  bandwidth     3.167 GB/s, 12.4 % of the peak",
            "  read latency        mean       p50       p95       p99       max",
        ]
        assert "  rows          hits 1 (33.3 %), misses 1 (33.3 %), conflicts 1 (33.3 %)" in lines
        assert "  commands      ACT 2, PREpb 1, RD 2, WR 1" in lines
        assert "  refreshes     0" in lines
        assert outcome.err.splitlines()[0] == f"reading {Path('trace.txt').absolute()} ..."
        assert outcome.err.splitlines()[-1] == "serving 3 requests ..."

    def test_choices_are_shown(self, chipsim, trace):
        out = chipsim(
            *DDR4, "--ranks", 2, "--channels", 2, "--mapping", "MOP4CLXOR", "--controller", "closed",
            "--set", "controller.power_down_cycles=100", "--trace", trace("R 0"),
        ).out  # fmt: skip
        assert "2 channels of 2 ranks, 32 GiB, peak 51.2 GB/s" in out
        assert "  mapping       MOP4CLXOR\n" in out
        assert "closed: frfcfs, closed page, all-bank refresh" in out
        assert "power-down after 100 quiet cycles" in out
        assert "  spread        0 to 1 requests per channel" in out

    def test_quiet_leaves_the_table_alone(self, chipsim, trace):
        outcome = chipsim(*DDR4, "--trace", trace("R 0"), "--quiet")
        assert outcome.err == ""
        assert outcome.out.startswith("ddr4 DDR4_3200AA")

    def test_the_same_input_gives_the_same_bytes(self, chipsim, trace):
        path = trace("R 0", "W 64", "R 8192")
        assert len({chipsim(*DDR4, "--trace", path, "--json").out for _ in range(2)}) == 1

    def test_without_a_trace_presets_and_organisations_are_listed(self, chipsim):
        lines = chipsim("memory", "LPDDR-5").out.splitlines()
        assert lines[0] == "lpddr5 (JESD209-5); the first of each is the default"
        assert any(re.match(r"  LPDDR5_6400 +6400 MT/s  1250 ps  published  LPDDR5-6400$", line) for line in lines)
        assert any(re.match(r"  LPDDR5_16Gb_x16 +2 GiB +16 banks  rows of 2 KiB", line) for line in lines)
        record = chipsim("memory", "lpddr5", "--json").json
        assert [entry["preset"] for entry in record["presets"]][0] == "LPDDR5_6400"
        assert record["organisations"][0]["capacity_bytes"] == 1 << 30

    def test_timings_and_controller_may_be_set(self, chipsim, trace):
        path = trace("R 0", f"R {ROW}")
        plain = chipsim(*DDR4, "--trace", path, "--json").json
        clocks = chipsim(*DDR4, "--set", "timing.nRC=174", "--set", "timing.nRAS=152", "--trace", path, "--json").json
        assert clocks["cycles"] == plain["cycles"] + 100
        time = chipsim(*DDR4, "--set", "timing.tRAS=95 ns", "--set", "timing.tRC=108.75 ns", "--trace", path, "--json")
        assert time.json["cycles"] == clocks["cycles"]
        one = chipsim(*DDR4, "--set", "controller.read_queue=1", "--trace", path, "--json").json
        assert one["controller_settings"]["read_queue"] == 1
        assert one["timing_cycles"]["nRC"] == 74

    def test_a_controller_of_a_file(self, chipsim, trace, tmp_path):
        (tmp_path / "mine.yaml").write_text("policy: fcfs\nrefresh: none\nread_queue: 4\n")
        outcome = chipsim(*DDR4, "--controller", "mine.yaml", "--set", "controller.write_queue=8", "--trace", trace("R 0"))
        assert "mine.yaml: fcfs, open page, no refresh, queues of 4 reads and 8 writes" in outcome.out


class TestCommands:
    def test_are_written(self, chipsim, trace):
        outcome = chipsim(*DDR4, "--trace", trace("R 0", f"W {ROW + 8192 * 5} 100"), "--commands", "new/c.csv")
        assert outcome.code == 0
        assert Path("new/c.csv").read_text().splitlines() == [
            "clock,command,channel,rank,bankgroup,bank,row,address",
            "1,ACT,0,0,0,0,0,0x0",
            "23,RD,0,0,0,0,0,0x0",
            "101,ACT,0,0,1,1,1,0x2a000",
            "123,WR,0,0,1,1,1,0x2a000",
        ]
        assert os.listdir("new") == ["c.csv"]

    def test_a_refresh_has_no_bank(self, chipsim, trace):
        chipsim(*DDR4, "--trace", trace("R 0", "R 0 13000"), "--commands", "c.csv")
        rows = list(csv.reader(Path("c.csv").read_text().splitlines()))
        assert [row[1:] for row in rows if row[1] in ("PREab", "REFab")] == [
            ["PREab", "0", "0", "", "", "", ""],
            ["REFab", "0", "0", "", "", "", ""],
        ]

    def test_levels_are_those_of_the_standard(self, chipsim, trace):
        chipsim("memory", "hbm3", "--trace", trace("R 0"), "--commands", "c.csv.gz")
        with gzip.open("c.csv.gz", "rt") as file:
            lines = file.read().splitlines()
        assert lines[0] == "clock,command,channel,pseudochannel,sid,bankgroup,bank,row,address"
        assert len(lines) == 3
        first = Path("c.csv.gz").read_bytes()
        chipsim("memory", "hbm3", "--trace", "trace.txt", "--commands", "d.csv.gz")
        assert Path("d.csv.gz").read_bytes() == first

    def test_are_all_there_however_many(self, chipsim, trace, monkeypatch):
        monkeypatch.setattr("simulator.hw.dramtrace.LOG_COMMANDS", 16)
        lines = [f"{'RRW'[i % 3]} {(i * 7919) % 4096 * 8192}" for i in range(300)] + ["R 0 40000"]
        record = chipsim(*DDR4, "--channels", 2, "--trace", trace(*lines), "--commands", "c.csv", "--json").json
        rows = list(csv.DictReader(Path("c.csv").read_text().splitlines()))
        for name, many in record["commands"].items():
            assert sum(row["command"] == name for row in rows) == many, name
        clocks = [int(row["clock"]) for row in rows]
        assert clocks == sorted(clocks)

    def test_an_interrupted_run_leaves_nothing(self, trace, tmp_path):
        def interrupt(text: str) -> None:
            if text.startswith("serving"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            memory(choose("ddr4"), str(trace("R 0")), commands=str(tmp_path / "c.csv"), say=interrupt)
        assert os.listdir(tmp_path) == ["trace.txt"]

    def test_other_places_are_refused(self, refused, trace, tmp_path):
        path = trace("R 0")
        (tmp_path / "folder").mkdir()
        assert refused("ddr4", "--trace", path, "--commands", "folder") == [
            "folder: expected a file for --commands, this is a folder"
        ]
        assert refused("ddr4", "--trace", path, "--commands", "trace.txt") == [
            "trace.txt: expected another file for --commands than the trace"
        ]
        assert refused("ddr4", "--trace", path, "--commands", "trace.txt/c.csv") == [
            "trace.txt/c.csv: cannot be written: File exists"
        ]


class TestTraceFile:
    TEXT = "# a trace\nR 0\n\nw 0x40 7 # late\r\nR 128 9\nR 0x1fffff000"

    def record(self, chipsim, path: object) -> dict[str, object]:
        record = chipsim(*DDR4, "--trace", path, "--json").json
        del record["trace"]
        return record

    def test_plain_gzipped_marked_piped_or_from_standard_input(self, chipsim, tmp_path, monkeypatch):
        (tmp_path / "plain").write_text(self.TEXT)
        expected = self.record(chipsim, "plain")
        assert (expected["reads"], expected["writes"]) == (3, 1)
        (tmp_path / "zipped").write_bytes(gzip.compress(self.TEXT.encode()))
        assert self.record(chipsim, "zipped") == expected, "known by what it holds, not by its name"
        (tmp_path / "marked").write_text("\ufeff" + self.TEXT)
        assert self.record(chipsim, "marked") == expected
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(self.TEXT.encode())))
        assert self.record(chipsim, "-") == expected
        os.mkfifo(tmp_path / "pipe")
        feeder = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(self.TEXT))
        feeder.start()
        assert self.record(chipsim, "pipe") == expected
        feeder.join()

    @pytest.mark.parametrize("block", [20, 21, 33, 64])
    def test_is_read_alike_in_blocks_of_any_size(self, chipsim, tmp_path, monkeypatch, block: int):
        (tmp_path / "t").write_text(self.TEXT)
        expected = self.record(chipsim, "t")
        monkeypatch.setattr(tracefile, "BLOCK_BYTES", block)
        assert self.record(chipsim, "t") == expected

    def test_flaws_behind_the_first_block_have_their_line(self, refused, tmp_path, monkeypatch):
        (tmp_path / "t").write_text("R 0\n" * 100 + "R 0 x\n" + "R 0\n" * 100 + "Q\n")
        monkeypatch.setattr(tracefile, "BLOCK_BYTES", 50)
        assert [line.split(": ")[0] for line in refused("ddr4", "--trace", "t")] == ["t:101:5", "t:202:1"]

    def test_one_that_changes_is_refused(self, refused, trace, monkeypatch):
        path, read = trace("R 0"), tracefile._read

        def read_and_add(*arguments):
            last = read(*arguments)
            with path.open("a") as file:
                file.write("R 64\n")
            return last

        monkeypatch.setattr(tracefile, "_read", read_and_add)
        assert refused("ddr4", "--trace", path) == [f"{path}: has changed while it was read"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("Q 5", "1: expected R or W, got 'Q'"),
            ("0x40 R", "1: expected R or W, got '0x40'"),
            ("R", "2: expected an address (decimal or 0x…), got the end of the line"),
            ("R  # none", "4: expected an address (decimal or 0x…), got the end of the line"),
            ("R xyz", "3: expected an address (decimal or 0x…), got 'xyz'"),
            ("R 0x2,5", "3: expected an address (decimal or 0x…), got '0x2,5'"),
            ("R " + "y" * 99, "3: expected an address (decimal or 0x…), got '" + "y" * 40 + "…'"),
            ("R 5 1e3", "5: expected a cycle (a whole number) or the end of the line, got '1e3'"),
            ("R 5 900", "5: expected a cycle of 1000 or more, as before, got '900': cycles must not decrease"),
            ("R 5 200000000000000000", "5: expected a cycle below 2^57, got '200000000000000000'"),
            ("R 5 2000 64", "10: expected the end of the line, got '64'"),
            ("W 0x200000000", "3: address 0x200000000 is beyond the capacity of 8 GiB (1 channel of DDR4_8Gb_x8)"),
        ],
    )
    def test_a_bad_line_is_answered_with_its_place(self, refused, trace, line: str, message: str):
        trace("R 0 1000", line, "R 64 2000")
        assert refused(*DDR4[1:], "--trace", "trace.txt") == [f"trace.txt:2:{message}"]

    def test_twenty_bad_lines_are_shown_and_the_rest_counted(self, refused, trace):
        trace(*(f"x{i}" for i in range(23)))
        lines = refused("ddr4", "--trace", "trace.txt", "--commands", "c.csv")
        assert lines[0] == "trace.txt:1:1: expected R or W, got 'x0'"
        assert lines[19:] == ["trace.txt:20:1: expected R or W, got 'x19'", "trace.txt: and 3 more bad lines"]
        trace(*(f"x{i}" for i in range(21)))
        assert refused("ddr4", "--trace", "trace.txt")[-1] == "trace.txt: and 1 more bad line"

    def test_capacity_counts_channels_and_ranks(self, chipsim, refused, trace):
        path = trace(f"R {(32 << 30) - 1}")
        assert chipsim(*DDR4, "--channels", 2, "--ranks", 2, "--trace", path).code == 0
        trace(f"R {32 << 30}")
        (line,) = refused(*DDR4[1:], "--channels", 2, "--ranks", 2, "--trace", "trace.txt")
        assert line.endswith("beyond the capacity of 32 GiB (2 channels of DDR4_8Gb_x8, 2 ranks each)")

    def test_rows_that_a_device_of_6_gb_lacks(self, chipsim, refused, trace):
        """49152 rows; with the row at the top they end with the capacity, else they leave gaps."""
        device = ("lpddr4", "--org", "LPDDR4_6Gb_x16", "--trace", "trace.txt")
        trace(f"R {(768 << 20) - 1}")
        assert chipsim("memory", *device).code == 0
        trace(f"R {768 << 20}")
        (line,) = refused(*device)
        assert line.endswith("is beyond the capacity of 768 MiB (1 channel of LPDDR4_6Gb_x16)")
        trace(f"R {768 << 20}", f"R {49152 << 11}")
        (line,) = refused(*device, "--mapping", "BaRaRoCoCh")
        assert line == f"trace.txt:2:3: address {49152 << 11} lies in a row beyond the 49152 of LPDDR4_6Gb_x16"

    def test_one_that_is_not_there(self, refused, trace, tmp_path):
        trace("R 0")
        (line,) = refused("ddr4", "--trace", "trac.txt")
        assert line == (
            "trac.txt: no such trace: expected a file of lines `R address [cycle]` or `W address [cycle]`; "
            "did you mean 'trace.txt'?"
        )
        (line,) = refused("ddr4", "--trace", tmp_path)
        assert line == f"{tmp_path}: cannot be read: Is a directory"

    def test_empty_ones_and_what_is_no_text(self, refused, tmp_path):
        (tmp_path / "empty").write_text("# nothing\n\n")
        (line,) = refused("ddr4", "--trace", "empty")
        assert line == "empty: expected requests, one a line, as `R address [cycle]` or `W address [cycle]`; there are none"
        (tmp_path / "short.gz").write_bytes(gzip.compress(b"R 0\n" * 9999)[:40])
        (line,) = refused("ddr4", "--trace", "short.gz")
        assert line.startswith("short.gz: cannot be read: Compressed file ended")
        (tmp_path / "wide").write_text("R " + "0" * (2 << 20))
        (line,) = refused("ddr4", "--trace", "wide")
        assert line == "wide: a line is longer than 1048574 characters"
        (tmp_path / "binary").write_bytes(bytes(range(256)) * 4)
        assert all(line.startswith("binary:") for line in refused("ddr4", "--trace", "binary"))


class TestChoices:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["ddr44"], "STANDARD: expected one of the standards ddr3, ddr4, ddr5, gddr6, gddr6_aim, hbm2, hbm2_pim, hbm3, lpddr4, lpddr5, lpddr5_pim, got "
                        "'ddr44'; did you mean 'ddr4'?"),
            (["lpddr5", "--preset", "LPDDR5_640"], "--preset: unknown preset 'LPDDR5_640', expected one of LPDDR5_6400, "),
            (["ddr4", "--org", "DDR4_8Gb_x9"], "--org: unknown organisation 'DDR4_8Gb_x9', expected one of DDR4_8Gb_x8, "),
            (["ddr4", "--preset", "DDR4-3200", "--org", "DS3_DDR4_2400"], "--org: "),
            (["hbm2", "--ranks", "2"], "--ranks: hbm2 has no ranks"),
            (["ddr4", "--channels", "3"], "--channels: expected a power of two of channels to map addresses to, got 3"),
            (["ddr4", "--mapping", "RoBaRaCo"], "--mapping: "),
            (["ddr4", "--controller", "frfcs"], "--controller: unknown controller 'frfcs', expected one of frfcfs, rowhit, "
                "fcfs, closed, noref or a YAML file; did you mean 'frfcfs'?"),
            (["ddr4", "--controller", "a.yaml"], "a.yaml: no file 'a.yaml'"),
            (["ddr4", "--set", "timing.nRC=60"], "--set timing.nRC=60: timing.nRC: expected at least nRAS 52 + nRP 22 = 74 "
                "clocks, got nRC 60"),
            (["ddr4", "--set", "timing.tRC=10 ns"], "--set timing.tRC=10 ns: timing.nRC: expected at least nRAS 52 + nRP 22 "
                "= 74 clocks, got nRC 16"),
            (["ddr4", "--set", "timing.nRAS=80"], "--set: timing.nRC: expected at least nRAS 80 + nRP 22 = 102 clocks, got "
                "nRC 74"),
            (["ddr4", "--set", "timing.nRCC=60"], "--set timing.nRCC=60: timing.nRCC: ddr4 has no timing nRCC; did you "
                "mean 'nRC'?"),
            (["ddr4", "--set", "timing.nRC=4.5"], "--set timing.nRC=4.5: timing.nRC: expected a whole number of clocks, got "
                "'4.5'; timing.tRC takes a time"),
            (["ddr4", "--set", "timing.tRC=46"], "--set timing.tRC=46: timing.tRC: expected a time such as '15 ns', got "
                "'46' (no unit)"),
            (["ddr4", "--set", "controller.read_quee=3"], "--set controller.read_quee=3: controller.read_quee: unknown key; "
                "did you mean 'read_queue'?"),
            (["ddr4", "--set", "controller.read_queue=0"], "--set controller.read_queue=0: controller.read_queue: expected "
                "more than 0, got 0"),
            (["ddr4", "--set", "controller.refresh=per_bank"], "--set controller.refresh=per_bank: controller.refresh: ddr4 "
                "has no per-bank refresh"),
            (["ddr4", "--set", "controller.write_low=0.9"], "--set controller.write_low=0.9: controller.write_low: expected "
                "less than write_high (0.8), got 0.9"),
            (["ddr4", "--set", "rows=4"], "--set rows=4: rows: unknown setting; a memory has controller.FIELD and "
                "timing.NAME"),
            (["ddr4", "--set", "nRC"], "--set: expected PATH=VALUE such as timing.nRC=80, got 'nRC'"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )  # fmt: skip
    def test_a_wrong_one_is_answered_at_its_option(self, refused, trace, arguments: list[str], message: str):
        (line,) = refused(*arguments, *([] if "--preset" in arguments or arguments[0] != "ddr4" or "--org" in arguments
                                        else ["--preset", "DDR4_3200AA"]), "--trace", trace("R 0"))  # fmt: skip
        assert line.startswith(message)

    def test_a_file_of_a_controller_is_answered_with_its_place(self, refused, trace, tmp_path):
        (tmp_path / "c.yaml").write_text("policy: frfcfs\nread_quee: 4\npage: ajar\n")
        assert refused("ddr4", "--controller", "c.yaml", "--trace", trace("R 0")) == [
            "c.yaml:2:1: read_quee: unknown key; did you mean 'read_queue'?",
            "c.yaml:3:1: page: expected 'open' or 'closed', got 'ajar'",
        ]

    def test_all_are_answered_at_once(self, refused, trace):
        lines = refused(
            "ddr4", "--preset", "x", "--controller", "y", "--set", "timing.nRC=z", "--set", "a=b", "--trace", trace("R 0")
        )
        assert len(lines) == 4

    def test_a_wrong_choice_loads_no_kernel(self):
        probe = (
            "import sys; sys.argv = ['chipsim', 'memory', 'ddr4', '--preset', 'x', '--trace', 'none']\n"
            "from simulator.experiment.cli import main\n"
            "try: main()\n"
            "except SystemExit as exit: print(exit.code, [m for m in ('numba', 'matplotlib', 'onnx', 'simpy') if m in "
            "sys.modules])"
        )
        run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, check=True)
        assert run.stdout == "2 []\n"
        assert run.stderr.startswith("--preset: unknown preset 'x'")
