//! wrk, held to an exact number of requests: left alone it stops in the middle of some.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::account::Account;
use crate::eventually::within;
use crate::peers::KINDS;
use crate::process::Launch;
use crate::world::World;

/// The most that a run may take.
const LIMIT: Duration = Duration::from_mins(3);

/// Sends exactly `requests` of [`KINDS`], in turn, over `connections` that are kept.
pub fn load(world: &World, wrk: Launch, server: SocketAddr, connections: u32, requests: u64) -> Account {
    let finished = world.directory().join("wrk-finished");
    let script = world.directory().join("wrk.lua");
    fs::write(&script, lua(requests, &finished.display().to_string())).expect("a script for wrk");
    let command = wrk
        .args(["-t1", "-c", &connections.to_string(), "-d", &LIMIT.as_secs().to_string(), "--timeout", "60s", "-s"])
        .arg(&script)
        .arg(format!("http://{server}/"));
    let mut process = command.start(world.directory(), "wrk");
    within(LIMIT, "wrk to have all its answers", || {
        assert!(process.ended().is_none(), "wrk ended:\n{}", process.stderr());
        finished.exists().then_some(())
    });
    // its main thread sleeps for the whole duration, whatever its worker does
    process.signal(Signal::INT);
    let status = process.wait(LIMIT);
    let said = process.stdout();
    assert!(status.success(), "wrk: {status}: {said}");
    let line = said.lines().last().expect("wrk reports");
    let report: Value = serde_json::from_str(line).expect("the script writes JSON");
    assert_eq!(report["failed"], 0, "{line}");
    fs::remove_file(finished).expect("the script made it");

    let mut account = planned(requests);
    account.sent = report["sent"].as_u64().expect("a count");
    account.received = report["received"].as_u64().expect("a count");
    for (status, times) in report["statuses"].as_object().expect("counts by status") {
        let wanted: u64 = account.answered.iter().filter(|(key, _)| key.1.to_string() == *status).map(|(_, n)| n).sum();
        assert_eq!(times.as_u64(), Some(wanted), "answers with {status}: {line}");
    }
    assert_eq!(report["requests"].as_u64(), Some(requests), "{line}");
    account
}

fn planned(requests: u64) -> Account {
    let mut account = Account::default();
    let kinds = KINDS.len() as u64;
    for (place, kind) in (0..).zip(KINDS) {
        account.answer(kind.method, kind.status, requests / kinds + u64::from(place < requests % kinds));
    }
    account
}

/// `delay` is asked before each request: after the last one it holds the connection for longer than the run.
fn lua(requests: u64, finished: &str) -> String {
    let mut kinds = String::new();
    for kind in KINDS {
        let body = if kind.body.is_empty() { "nil".to_owned() } else { format!("[[{}]]", kind.body) };
        writeln!(kinds, "  {{\"{}\", \"{}\", {body}}},", kind.method, kind.path).expect("strings grow");
    }
    format!(
        "local kinds = {{\n{kinds}}}\n\
         local allowed, asked, answered = {requests}, 0, 0\n\
         statuses, sent = '', 0\n\
         local texts, by_status, threads = {{}}, {{}}, {{}}\n\
         function setup(thread) table.insert(threads, thread) end\n\
         function init(args)\n\
         \x20 for place, kind in ipairs(kinds) do texts[place] = wrk.format(kind[1], kind[2], nil, kind[3]) end\n\
         end\n\
         local held = 0\n\
         function delay()\n\
         \x20 held = held + 1\n\
         \x20 if held > allowed then return 3600000 end\n\
         \x20 return 0\n\
         end\n\
         function request()\n\
         \x20 if held == 0 then return texts[1] end -- wrk looks at one request before it begins\n\
         \x20 local text = texts[asked % #kinds + 1]\n\
         \x20 asked = asked + 1\n\
         \x20 sent = sent + #text\n\
         \x20 return text\n\
         end\n\
         function response(status)\n\
         \x20 by_status[status] = (by_status[status] or 0) + 1\n\
         \x20 answered = answered + 1\n\
         \x20 if answered == allowed then\n\
         \x20   local parts = {{}}\n\
         \x20   for code, times in pairs(by_status) do table.insert(parts, string.format('\"%d\": %d', code, times)) end\n\
         \x20   statuses = '{{' .. table.concat(parts, ', ') .. '}}'\n\
         \x20   io.open('{finished}', 'w'):close()\n\
         \x20 end\n\
         end\n\
         function done(summary)\n\
         \x20 local errors = summary.errors\n\
         \x20 local thread = threads[1]\n\
         \x20 io.write(string.format(\n\
         \x20   '{{\"requests\": %d, \"sent\": %d, \"received\": %d, \"statuses\": %s, \"failed\": %d}}\\n',\n\
         \x20   summary.requests, thread:get('sent'), summary.bytes, thread:get('statuses'),\n\
         \x20   errors.connect + errors.read + errors.write + errors.timeout))\n\
         end\n"
    )
}
