"""Turns measurements into what a person reads: a table, ratios, and targets with pass or miss."""

from statistics import median

# Target ratios of the steered agent, from the project's plan; "least" and "most" say which way is good.
RATIO_TARGETS = [
    ("throughput, c=32", "requests_per_second", 32, "envoy", "least", 2.2),
    ("throughput, c=32", "requests_per_second", 32, "haproxy", "least", 1.05),
    ("CPU per request, c=32", "cpu_us_per_request", 32, "envoy", "most", 0.4),
    ("CPU per request, c=32", "cpu_us_per_request", 32, "haproxy", "most", 0.85),
    ("p50, c=1", "p50_us", 1, "envoy", "most", 0.65),
]
IDLE_CONNECTIONS = 9000
IDLE_BYTES = 4096
START_BYTES = 25 * 1000 * 1000

FIELDS = [
    ("req/s", "requests_per_second", "{:.0f}"),
    ("p50 us", "p50_us", "{:.0f}"),
    ("p99 us", "p99_us", "{:.0f}"),
    ("CPU us/req", "cpu_us_per_request", "{:.1f}"),
    ("RSS MB", "rss_bytes", "{:.1f}"),
]


def medians(rounds):
    """The median of each measure over the rounds."""
    return {name: None if rounds[0][name] is None else median(each[name] for each in rounds) for name in rounds[0]}


def cell(value, form, name):
    if value is None:
        return "-"
    return form.format(value / 1e6 if name == "rss_bytes" else value)


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def cost_table(results, connections):
    """One line per subject, with its ratios against Envoy and HAProxy."""
    rows = [[f"c={connections}", *(title for title, _, _ in FIELDS), "req/s:envoy", "req/s:haproxy", "CPU:envoy",
             "CPU:haproxy", "p50:envoy", "p50:haproxy"]]
    for subject in results.values():
        values = subject["load"][connections]
        row = [subject["title"], *(cell(values[name], form, name) for _, name, form in FIELDS)]
        for name in ("requests_per_second", "cpu_us_per_request", "p50_us"):
            row += [cell(ratio(results, subject["key"], other, name, connections), "{:.2f}", "")
                    for other in ("envoy", "haproxy")]
        rows.append(row)
    return aligned(rows)


def ratio(results, key, other, name, connections):
    """The median of the ratios within each round: what disturbs a whole round disturbs both sides of it."""
    if other not in results or key not in results:
        return None
    pairs = zip(*(results[which]["rounds"][connections] for which in (key, other)))
    ratios = [value[name] / base[name] for value, base in pairs if value[name] is not None and base[name]]
    return median(ratios) if ratios else None


def idle_table(results):
    rows = [["idle keep-alive", "connections", "bytes each", "RSS at start MB", "RSS held MB"]]
    for subject in results.values():
        idle = subject.get("idle")
        if idle:
            rows.append([subject["title"], str(idle["connections"]), f"{idle['bytes_per_connection']:.0f}",
                         f"{subject['rss_at_start'] / 1e6:.1f}", f"{idle['rss_held'] / 1e6:.1f}"])
    return aligned(rows) if len(rows) > 1 else "no idle connections were measured"


def targets(results):
    """What was to be reached, what was, and pass or miss; empty where the agent was not measured steered."""
    if "flowfold" not in results:
        return []
    found = []
    for title, name, connections, other, way, bound in RATIO_TARGETS:
        value = ratio(results, "flowfold", other, name, connections)
        if value is not None:
            found.append(target(f"{title}, against {other}", value, way, bound, "{:.2f}"))
    agent = results["flowfold"]
    if "idle" in agent:
        held, each = agent["idle"]["connections"], agent["idle"]["bytes_per_connection"]
        found.append(target("idle connections relayed", held, "least", IDLE_CONNECTIONS, "{:.0f}"))
        found.append(target("bytes per idle connection", each, "most", IDLE_BYTES, "{:.0f}"))
    found.append(target("RSS at start, MB", agent["rss_at_start"] / 1e6, "most", START_BYTES / 1e6, "{:.1f}"))
    return found


def target(title, value, way, bound, form):
    met = value >= bound if way == "least" else value <= bound
    return {"target": title, "value": value, "bound": bound, "way": way, "met": met,
            "shown": form.format(value), "wanted": f"at {way} {bound:g}"}


def targets_table(found):
    rows = [["target", "reached", "wanted", ""]]
    rows += [[each["target"], each["shown"], each["wanted"], "pass" if each["met"] else "miss"] for each in found]
    return aligned(rows)
