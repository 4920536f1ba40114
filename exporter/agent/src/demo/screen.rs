//! What the demo prints to stdout: a table that is renewed in place on a terminal, or one plain table at the end.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowfold_fold::Fold;
use tokio::time::{MissedTickBehavior, interval};

use super::report::Report;
use crate::error::AgentError;
use crate::stdout::{self, Reader};

/// How often the table is renewed.
const PERIOD: Duration = Duration::from_secs(1);

/// How many periods a live table looks back over.
const WINDOW: usize = 5;

/// The demo's stdout.
#[derive(Debug)]
pub(super) struct Screen {
    live: bool,
    fold: Arc<Fold>,
    /// The last reports, oldest first.
    reports: VecDeque<(Instant, Report)>,
    /// The lines of the table that stand on the terminal.
    drawn: usize,
}

impl Screen {
    /// A screen that is renewed in place, or not.
    pub(super) fn new(live: bool, fold: Arc<Fold>) -> Self {
        let now = (Instant::now(), Report::default());
        Self { live, fold, reports: VecDeque::from([now]), drawn: 0 }
    }

    /// Renews the table for as long as it is polled, or until nobody sees it any more: it returns why.
    pub(super) async fn keep_drawing(&mut self) -> &'static str {
        if !self.live {
            return pending().await;
        }
        let mut periods = interval(PERIOD);
        periods.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            periods.tick().await;
            if !matches!(self.renew(), Ok(Reader::Reads)) {
                return "stdout is closed";
            }
        }
    }

    /// Draws what came in the last few seconds over the table before.
    fn renew(&mut self) -> Result<Reader, AgentError> {
        let now = (Instant::now(), Report::read(&self.fold.snapshot()));
        if self.reports.len() > WINDOW {
            self.reports.pop_front();
        }
        let (table, total) = match self.reports.front() {
            Some((then, earlier)) => (now.1.since(earlier).table(now.0.duration_since(*then)), now.1.requests()),
            None => return Ok(Reader::Reads),
        };
        self.reports.push_back(now);
        self.replace(&format!("{table}\n{total} requests read; Ctrl-C ends it"))
    }

    /// Draws everything since the start in place of what was drawn before.
    pub(super) fn draw_all_since(&mut self, start: Instant) -> Result<Reader, AgentError> {
        let report = Report::read(&self.fold.snapshot());
        let time = start.elapsed();
        let table = report.table(time);
        self.replace(&format!("{table}\n{} requests read in {:.1} s", report.requests(), time.as_secs_f64()))
    }

    fn replace(&mut self, text: &str) -> Result<Reader, AgentError> {
        let back = match self.drawn {
            0 => String::new(),
            // Up to the first line of the old table, and clear from there (ECMA-48: CPL, ED).
            lines => format!("\u{1b}[{lines}F\u{1b}[J"),
        };
        if self.live {
            self.drawn = text.lines().count();
        }
        say(&format!("{back}{text}"))
    }
}

/// Prints a text to stdout, and tells whether somebody reads there.
pub(super) fn say(text: &str) -> Result<Reader, AgentError> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    stdout::reader(written).map_err(AgentError::system("cannot write to stdout"))
}
