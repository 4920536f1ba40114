//! What expired label sets have left in the series that they were added to.
//!
//! Where a row makes one series of several label sets, the series must not fall when one of them expires: a fall is a
//! restart to whoever computes a rate, and all that is left would count as new. So what the label set held stays in the
//! sum for as long as the series is shown, that is, until the last of its label sets has expired, too.

use std::sync::Arc;
use std::time::SystemTime;

use super::groups::{Group, Groups};
use super::{Projection, Rows};
use crate::labels::Registered;
use crate::registry::{Registry, RetiredSet};
use crate::series::{Reading, SeriesCopy};
use crate::snapshot::Detail;

/// What is left, for each row.
#[derive(Debug, Default)]
pub(crate) struct Residues {
    rows: Vec<OfRow>,
}

#[derive(Debug, Default)]
struct OfRow {
    groups: Groups,
    /// One for each group.
    left: Vec<Residue>,
}

/// What label sets that have expired gave to a series.
#[derive(Debug)]
struct Residue {
    part: usize,
    /// Any of the label sets: they have the same labels here.
    registered: Arc<Registered>,
    since: SystemTime,
    reading: Reading,
}

impl OfRow {
    fn add(&mut self, rows: &Rows, (row, part): (usize, usize), added: Residue) {
        let of_part = &rows.list[row].parts[part];
        // Parts of a row may have the same labels and give different numbers.
        let kind = u8::try_from(part).unwrap_or(u8::MAX);
        match self.groups.find(kind, of_part, &added.registered) {
            Group::New => self.left.push(added),
            Group::Known(position) => {
                if let Some(left) = self.left.get_mut(position) {
                    left.since = left.since.min(added.since);
                    left.reading.add(&added.reading);
                }
            }
        }
    }
}

impl Residues {
    /// Keeps what these label sets have left to series that are still shown.
    pub(crate) fn add(&mut self, rows: &Rows, retired: &[RetiredSet], registry: &Registry) {
        if rows.list.iter().all(|row| row.is_exact) || retired.is_empty() {
            return;
        }
        self.rows.resize_with(rows.list.len(), OfRow::default);
        let (mut reading, mut copy) = (Reading::default(), SeriesCopy::default());
        for set in retired {
            reading.read(&set.series, Detail::ALL, &mut copy);
            for (row, part) in &rows.feeds[set.registered.labels.family as usize] {
                if rows.list[*row].is_exact || !rows.list[*row].parts[*part].takes(&set.registered) {
                    continue;
                }
                let (registered, reading) = (Arc::clone(&set.registered), reading.clone());
                let residue = Residue { part: *part, since: registered.since, registered, reading };
                self.rows[*row].add(rows, (*row, *part), residue);
            }
        }
        self.forget_unshown(rows, registry);
    }

    /// Forgets what is left of series that are no longer shown.
    fn forget_unshown(&mut self, rows: &Rows, registry: &Registry) {
        let mut projections: Vec<_> = rows.list.iter().map(|row| Projection::new(row, Detail::CLASSIC)).collect();
        let nothing = Reading::default();
        registry.for_each(|registered, _| {
            for (row, part) in &rows.feeds[registered.labels.family as usize] {
                if !rows.list[*row].is_exact {
                    projections[*row].add(&rows.list[*row].parts[*part], registered, &nothing);
                }
            }
        });
        self.add_to(rows, &mut projections);
    }

    /// Adds to each series what is left to it, and forgets what is left to none.
    pub(crate) fn add_to(&mut self, rows: &Rows, projections: &mut [Projection<'_>]) {
        for (row, of_row) in self.rows.iter_mut().enumerate() {
            let parts = &rows.list[row].parts;
            let before = of_row.left.len();
            let left = std::mem::take(&mut of_row.left);
            let mut shown = |residue: &Residue| {
                let Residue { part, registered, since, reading } = residue;
                projections[row].add_expired(&parts[*part], registered, *since, reading)
            };
            of_row.left = left.into_iter().filter(|residue| shown(residue)).collect();
            if of_row.left.len() < before {
                let mut kept = OfRow::default();
                for residue in of_row.left.drain(..) {
                    kept.add(rows, (row, residue.part), residue);
                }
                *of_row = kept;
            }
        }
    }
}
