//! What the kernel says of the agent's process, read from `/proc/self`.

use flowfold_fold::names::{self, Metric};
use flowfold_fold::{Labels, Number, Scalar, Snapshot};
use procfs::process::{LimitValue, Process};

/// Adds the `process_*` families. What cannot be read is left out: a scrape does not fail for it.
pub(crate) fn add_to(snapshot: &mut Snapshot) {
    let Ok(process) = Process::myself() else { return };
    let mut push = |metric: &'static Metric, value: Option<Number>| {
        if let Some(value) = value {
            snapshot.push(metric, vec![Scalar::new(Labels::none(), value)]);
        }
    };
    let stat = process.stat().ok();
    let ticks = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let stat = stat.as_ref();
    push(&names::PROCESS_CPU, stat.map(|stat| ticks(stat.utime + stat.stime).into()));
    push(&names::PROCESS_RESIDENT_MEMORY, stat.map(|stat| (stat.rss * procfs::page_size()).into()));
    push(&names::PROCESS_OPEN_FDS, process.fd_count().ok().map(|count| (count as u64).into()));
    let limit = process.limits().ok().map(|limits| match limits.max_open_files.soft_limit {
        LimitValue::Value(most) => Number::Whole(most),
        LimitValue::Unlimited => Number::Real(f64::INFINITY),
    });
    push(&names::PROCESS_MAX_FDS, limit);
    let since_boot = stat.map(|stat| ticks(stat.starttime));
    let boot = procfs::boot_time_secs().ok();
    push(&names::PROCESS_START_TIME, since_boot.zip(boot).map(|(after, boot)| (boot as f64 + after).into()));
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use flowfold_fold::Points;

    use super::*;

    #[test]
    fn a_process_can_be_read() {
        let mut snapshot = Snapshot { taken: SystemTime::now(), started: SystemTime::now(), families: Vec::new() };
        add_to(&mut snapshot);
        let value = |metric: &Metric| {
            let family = snapshot.families.iter().find(|family| family.metric == metric).unwrap();
            match &family.points {
                Points::Scalars(points) => match points[0].value {
                    Number::Whole(whole) => whole as f64,
                    Number::Real(real) => real,
                },
                Points::Histograms(_) => panic!("{} is a histogram", metric.name),
            }
        };
        assert!(value(&names::PROCESS_RESIDENT_MEMORY) > 100_000.0);
        assert!(value(&names::PROCESS_OPEN_FDS) >= 3.0);
        assert!(value(&names::PROCESS_MAX_FDS) >= value(&names::PROCESS_OPEN_FDS));
        assert!(value(&names::PROCESS_CPU) >= 0.0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let start = value(&names::PROCESS_START_TIME);
        assert!(start > now - 86_400.0 && start < now + 10.0, "{start} is not lately before {now}");
    }
}
