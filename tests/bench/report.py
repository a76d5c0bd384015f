"""What bench prints: the table of medians, what the project holds itself to, and every sample."""

import os

import inputs

JUDGED_FROM, JUDGED_SMALL = 20, 1000                    # MiB, files: what is less is not judged
JUDGED_PAGES = 50000                                    # of an ELF file
POURED = {"gen-sign-data --from": 1, "show": 1, "verify": 1, "extract": 0, "set-sig": 1}
QUORUM_STEPS = ("deal", "check share", "partial", "verify", "combine")
# ms that a prototype took, on an AMD EPYC under load; but that it checked a share without the mask, which is longer than
# the pieces by a tenth and has a power of its own.
QUORUM = {
    "2-of-2": (13, 7 * 2 * 1.1, 44, 20, 39), "2-of-3": (23, 16 * 3 / 2 * 1.1, 62, 25, 49),
    "3-of-5": (79, 50 * 7 / 6 * 1.1, 104, 30, 89), "4-of-7": (282, 159 * 21 / 20 * 1.1, 281, 67, 267),
    "7-of-7": (59, 9 * 2 * 1.1, 48, 20, 143)}
BUSY = 1.05                                             # wall over CPU of one thread
MEMORY, MEMORY_SAME = 32 * 1024, 2 * 1024               # KiB above the libraries; between two sizes


def table(bench):
    """Medians: seconds, MiB, and how many times what the other takes ensign takes."""
    print(f"{'case':24} {'program':22} {'wall s':>9} {'cpu s':>9} {'MiB':>8} {'ensign/it':>10} "
          f"{'in cpu':>7}")
    for case in bench.cases:
        name = case.name if case.mib is None else f"{case.name}, {case.mib} MiB"
        for program in case.programs:
            ratios = case.ratio(program.name), case.ratio(program.name, "cpu")
            print(f"{name:24} {program.name:22} {program.median('wall'):9.3f} "
                  f"{program.median('cpu'):9.3f} {program.median('memory') / 1024:8.1f} "
                  + "".join(f"{r:{w}.2f}" for r, w in zip(ratios, (10, 8))
                            if r and program is not case.programs[0]))
        for program, path in (("orc's floor", bench.floor), ("orc", bench.orc)):
            if path is None and case.get("limit"):
                print(f"{name:24} {program:22} {'not here':>9}")
    print(f"{'--version':24} {'ensign':22} {bench.version.median('wall'):9.3f} "
          f"{bench.version.median('cpu'):9.3f} {bench.version.median('memory') / 1024:8.1f}")
    print(f"\n{'quorum, cpu ms':24}" + "".join(f"{step:>13}" for step in QUORUM_STEPS))
    for size, taken in bench.quorums:
        print(f"{size:24}" + "".join(f"{ms:13.1f}" for ms in taken))
    if bench.counts:
        print(f"\n{'callgrind':24} {'program':22} {'million instructions':>20}")
        for what, program, millions in bench.counts:
            print(f"{what:24} {program:22} {millions:20.2f}")
        print(f"\n{'pages of an ELF file':24} {'times poured':>14}")
        for what, times in bench.poured:
            print(f"{what:24} {times:14.2f}")


def halves(byname, mib):
    """Wall time of gen-sign-data over half of the limit program's; None if there is one core, or if
    the host is busy, which shows in the limit program: it has one thread, that never waits."""
    limit = byname["gen-sign-data", mib].get("limit")
    if len(os.sched_getaffinity(0)) < 2 or limit.median("wall") > BUSY * limit.median("cpu"):
        return None
    return byname["gen-sign-data", mib].ratio("limit") * 2


def targets(bench):
    """What the project holds itself to: [(text, measured, bound, holds)]; None: not measured,
    or nothing to hold to."""
    out = []

    def hold(text, value, bound, least=False, judged=True):
        good = None if value is None else value >= bound if least else value <= bound
        good = good if judged else None
        out.append((text, value, ("at least" if least else "at most", bound), good))

    byname = {(c.name, c.mib): c for c in bench.cases}
    judged = [mib for mib in bench.sizes if mib >= JUDGED_FROM]
    for mib in judged:
        hold(f"gen-sign-data, {mib} MiB: times the limit, one core, CPU",
             byname["gen-sign-data, one core", mib].ratio("limit", "cpu"), 1.10)
        hold(f"gen-sign-data, {mib} MiB: times half the limit, two cores", halves(byname, mib), 1.20)
        hold(f"set-sig, {mib} MiB: times gen-sign-data, CPU",
             byname["set-sig", mib].programs[0].median("cpu")
             / byname["gen-sign-data", mib].programs[0].median("cpu"), 1.10)
        for name, ahead in (("gen-sign-data", 2), ("set-sig", 10)):
            case = byname[name, mib]
            for other in ("orc's floor", "orc"):
                ratio = case.ratio(other)
                hold(f"{name}, {mib} MiB: times as fast as {other}", ratio and 1 / ratio, ahead,
                     True)
    for name, bound in (("gen-sign-data", 1.1), ("set-sig", 1.2)):
        case = byname[f"ELF, {name}", None]
        judge_it = bench.pages >= JUDGED_PAGES
        hold(f"ELF, {name}: times openssl dgst, CPU", case.ratio("openssl dgst", "cpu"), bound,
             judged=judge_it)
        if case.get("sgx_sign"):
            hold(f"ELF, {name}: times sgx_sign, CPU", case.ratio("sgx_sign", "cpu"), bound,
                 judged=judge_it)
    hold("show of a stream: times openssl dgst, CPU",
         byname["show of a stream", bench.stream].ratio("openssl dgst", "cpu"), 1.2,
         judged=bench.stream >= 100)
    hold("Gramine, 1 GiB: times openssl dgst, CPU",
         byname["Gramine, 1 GiB, show", None].ratio("openssl dgst", "cpu"), 1.1)
    shown = byname["extract", None].get("show of 256 bytes").median("cpu")
    for program in byname["extract", None].programs[:2]:
        hold(f"extract ({program.name.split()[-1]}): times show of 256 bytes, CPU",
             program.median("cpu") / shown, 2)
    for size, taken in bench.quorums:
        worst, step = max((ms / least, step) for ms, least, step in zip(taken, QUORUM[size], QUORUM_STEPS))
        hold(f"quorum {size}: times the prototype, CPU ({step})", worst, 1.5)
    millions = {(what, program): m for what, program, m in bench.counts}
    if millions:
        hold("show of 256 bytes: instructions, times those of --version",
             millions["show sign-data", "ensign"] / millions["start", "ensign"], 1.4)
    for what, times in bench.poured:
        hold(f"{what}: each page of an ELF file poured, times", times, POURED[what])
    base = bench.version.median("memory")
    for name in ("gen-sign-data", "set-sig"):
        held = [byname[name, mib].programs[0].median("memory") for mib in judged]
        if held:
            hold(f"{name}: MiB above the libraries", (max(held) - base) / 1024, MEMORY / 1024)
        if len(held) > 1:
            hold(f"{name}: MiB between the sizes", (max(held) - min(held)) / 1024,
                 MEMORY_SAME / 1024)
        if len(judged) > 1:
            small, large = judged[-2:]
            cost = [byname[name, mib].programs[0].median("wall") for mib in (small, large)]
            limit = [byname[name, mib].get("limit").median("wall") for mib in (small, large)]
            hold(f"{name}: {large} MiB over {large}/{small} x {small} MiB",
                 cost[1] / cost[0] / (large / small), 1.1)
            out.append(("    the same of the limit program", limit[1] / limit[0] / (large / small),
                        None, None))
    for case in bench.cases:
        if case.get("token loop"):
            rate = case.get("token loop").median("loop") / case.programs[0].median("wall")
            hold(f"{case.name}: of the token's own rate", rate,
                 0.95 if case.name.startswith("sign") else 0.90, True,
                 bench.small >= JUDGED_SMALL)
        if case.get("ensign, counted"):
            each = 1000 * case.get("token loop").median("cpu") / bench.small
            hold(f"{case.name}: of the token's own rate, CPU of the helper",
                 each / bench.helper_cost("helper-signs"), 0.96, True, bench.small >= JUDGED_SMALL)
    sessions(bench, hold)
    if not any(c.name.startswith("resign") for c in bench.cases):
        hold(f"resign x {bench.small}: of the token's own rate", None, 0.90, True)
    return out


def sessions(bench, hold):
    """What the process of the module costs, and what several of them gain."""
    at_once = next(c for c in bench.cases if c.name.endswith("answered at once"))
    hold("answered at once: CPU of the helper, ms a signature", bench.helper_cost("helper"), 0.05,
         judged=bench.small >= JUDGED_SMALL)

    def more(case, count):
        """ms of CPU that it takes more than before, for each of `count`."""
        before = case.get("ensign before")
        if before is None:
            return None
        return 1000 * (case.programs[0].median("cpu") - before.median("cpu")) / count

    hold("answered at once: CPU of both, ms more than before", more(at_once, bench.small), 0.05,
         judged=bench.small >= JUDGED_SMALL and bench.old is not None)
    one = next(c for c in bench.cases if c.name == "sign, one process")
    hold("sign, one process: CPU, ms more than before", more(one, 1), 5, judged=bench.old is not None)
    for case in bench.cases:
        if case.get("one session"):
            hold(f"{case.name}: {case.programs[0].name}, times as fast as one",
                 case.get("one session").median("wall") / case.programs[0].median("wall"), 6, True,
                 bench.small >= JUDGED_SMALL)


def judge(bench):
    """Prints the targets. Returns whether all that were measured hold."""
    rows = targets(bench)
    print("\nwhat the project holds itself to")
    for text, value, bound, good in rows:
        shown = "not here" if value is None else f"{value:.2f}"
        wanted = "" if bound is None else f"{bound[0]} {bound[1]:g}"
        verdict = "-" if good is None else "ok" if good else "MISSED"
        print(f"{text:54} {shown:>9}   {wanted:14} {verdict}")
    return all(good is not False for _, _, _, good in rows)


def raw(bench):
    """Every sample, for other programs to read."""
    return {"rounds": bench.rounds, "small": bench.small, "seed": inputs.SEED,
            "version": [vars(s) for s in bench.version.samples],
            "cases": [{"case": c.name, "mib": c.mib, "program": p.name,
                       "samples": [vars(s) for s in p.samples]}
                      for c in bench.cases for p in c.programs],
            "poured": dict(bench.poured), "quorum": dict(bench.quorums),
            "instructions": [{"case": w, "program": p, "millions": m} for w, p, m in bench.counts],
            "targets": [{"target": t, "measured": v, "bound": b and b[1], "holds": g}
                        for t, v, b, g in targets(bench)]}
