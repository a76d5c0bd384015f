"""What bench prints: the table of medians, what the project holds itself to, and every sample."""

import inputs

JUDGED_FROM, JUDGED_SMALL = 20, 1000                    # MiB, files: what is less is not judged
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
    if bench.counts:
        print(f"\n{'callgrind':24} {'program':22} {'million instructions':>20}")
        for what, program, millions in bench.counts:
            print(f"{what:24} {program:22} {millions:20.2f}")


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
        for name, bound, ahead in (("gen-sign-data", 1.2, 2), ("set-sig", 1.3, 10)):
            case = byname[name, mib]
            hold(f"{name}, {mib} MiB: times the limit", case.ratio("limit"), bound)
            for other in ("orc's floor", "orc"):
                ratio = case.ratio(other)
                hold(f"{name}, {mib} MiB: times as fast as {other}", ratio and 1 / ratio, ahead,
                     True)
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
    if not any(c.name.startswith("resign") for c in bench.cases):
        hold(f"resign x {bench.small}: of the token's own rate", None, 0.90, True)
    return out


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
            "instructions": [{"case": w, "program": p, "millions": m} for w, p, m in bench.counts],
            "targets": [{"target": t, "measured": v, "bound": b and b[1], "holds": g}
                        for t, v, b, g in targets(bench)]}
