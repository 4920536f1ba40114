//! What expired label sets have left in the series that they were added to.
//!
//! Where a row makes one series of several label sets, the series must not fall when one of them expires: a fall is a
//! restart to whoever computes a rate, and all that is left would count as new. So what the label set held stays in the
//! sum for as long as the series is shown, that is, until the last of its label sets has expired, too.

use std::sync::Arc;
use std::time::SystemTime;

use super::groups::{Group, Groups};
use super::{Part, Projection, Row, Rows, Value};
use crate::budget::Budget;
use crate::labels::{ExchangeLabels, Field, Key, Registered, Uses};
use crate::registry::{Registry, RetiredSet};
use crate::series::{Reading, SeriesCopy};
use crate::snapshot::Detail;

/// What is read of a label set that expires. Its exemplars go with it: the traces that they lead to get old.
const KEPT: Detail = Detail { exponential: true, exemplars: false };

/// What is left, for each row.
#[derive(Debug, Default)]
pub(crate) struct Residues {
    rows: Vec<OfRow>,
    /// The memory that the budget has been told of.
    bytes: usize,
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
    /// What the row shows of any of the label sets: they have the same labels here.
    registered: Arc<Registered>,
    since: SystemTime,
    reading: Reading,
}

impl OfRow {
    fn add(&mut self, row: &Row, added: Residue) {
        // Parts of a row may have the same labels and give different numbers.
        let kind = u8::try_from(added.part).unwrap_or(u8::MAX);
        match self.groups.find(kind, &row.parts[added.part], &added.registered) {
            Group::New => self.left.push(added),
            Group::Known(position) => {
                if let Some(left) = self.left.get_mut(position) {
                    left.since = left.since.min(added.since);
                    left.reading.add(&added.reading);
                }
            }
        }
    }

    /// Keeps what `is_shown` says.
    fn retain(&mut self, row: &Row, is_shown: impl FnMut(&Residue) -> bool) {
        let before = self.left.len();
        let mut left = std::mem::take(&mut self.left);
        left.retain(is_shown);
        if left.len() == before {
            self.left = left;
        } else {
            *self = Self::default();
            for residue in left {
                self.add(row, residue);
            }
        }
    }

    fn bytes(&self) -> usize {
        let of_residue = |residue: &Residue| {
            size_of::<Residue>() + size_of_val(residue.reading.exponential.view().counts) + Budget::PER_ALLOCATION
        };
        self.groups.bytes() + self.left.iter().map(of_residue).sum::<usize>()
    }
}

impl Residues {
    /// Keeps what these label sets have left to series that are still shown, and forgets what is left to others.
    pub(crate) fn add(&mut self, rows: &Rows, retired: &[RetiredSet], registry: &Registry) {
        if retired.is_empty() {
            return;
        }
        self.rows.resize_with(rows.list.len(), OfRow::default);
        let (mut reading, mut copy) = (Reading::default(), SeriesCopy::default());
        // Row by row, so that no more than the series of one row have to be written down at a time.
        let is_fed = |row: &Row| {
            let families = retired.iter().map(|set| set.registered.labels.family);
            row.parts.iter().any(|part| families.clone().any(|family| family == part.family))
        };
        let touched = |(row, _): &(&Row, &mut OfRow)| !row.is_exact && is_fed(row);
        for (row, of_row) in rows.list.iter().zip(&mut self.rows).filter(touched) {
            let mut shown = shown_by(row, registry);
            of_row.retain(row, |residue| shown.known(0, &row.parts[residue.part], &residue.registered).is_some());
            for set in retired {
                let family = set.registered.labels.family;
                for (position, part) in row.parts.iter().enumerate() {
                    if part.family != family
                        || !part.takes(&set.registered)
                        || shown.known(0, part, &set.registered).is_none()
                    {
                        continue;
                    }
                    let is_histogram = part.value == Value::Histogram;
                    let detail = if is_histogram { KEPT } else { Detail::CLASSIC };
                    reading.read(&set.series, detail, &mut copy);
                    let (registered, reading) = (part.without_hidden_name(&set.registered), reading.clone());
                    let residue = Residue { part: position, since: registered.since, registered, reading };
                    of_row.add(row, residue);
                }
            }
        }
        self.account(registry.budget());
    }

    /// Adds to each series what is left to it, and forgets what is left to none.
    pub(crate) fn add_to(&mut self, rows: &Rows, projections: &mut [Projection<'_>], budget: &Budget) {
        for ((of_row, row), projection) in self.rows.iter_mut().zip(&rows.list).zip(projections) {
            of_row.retain(row, |residue| {
                let Residue { part, registered, since, reading } = residue;
                projection.add_expired(&row.parts[*part], registered, *since, reading)
            });
        }
        self.account(budget);
    }

    /// Calls `visit` with each field that something of a label set is shown by, and its key.
    pub(crate) fn for_each_shown(&self, rows: &Rows, mut visit: impl FnMut(Field, Key)) {
        for (of_row, row) in self.rows.iter().zip(&rows.list) {
            for residue in &of_row.left {
                let columns = row.parts.get(residue.part).map_or(&[][..], |part| &part.columns);
                for column in columns {
                    visit(column.field, residue.registered.labels.key);
                }
            }
        }
    }

    /// Tells the budget what is kept here. A number that must not fall is kept whatever the budget says, at the expense of
    /// label sets that are yet to come.
    fn account(&mut self, budget: &Budget) {
        let bytes = self.rows.iter().map(OfRow::bytes).sum();
        budget.take(bytes);
        budget.give(std::mem::replace(&mut self.bytes, bytes));
    }
}

impl Part {
    /// A label set without the server's name, if that is not shown: it shall make room for others.
    fn without_hidden_name(&self, registered: &Arc<Registered>) -> Arc<Registered> {
        let mut shown = Uses::default();
        self.columns.iter().for_each(|column| shown.add(self.family, column.field));
        if shown.destination_name || registered.labels.destination_name.is_none() {
            return Arc::clone(registered);
        }
        let Registered { hash, labels, since, vocabulary } = &**registered;
        let labels = ExchangeLabels { destination_name: None, ..labels.clone() };
        Arc::new(Registered { hash: *hash, labels, since: *since, vocabulary: Arc::clone(vocabulary) })
    }
}

/// The series of a row that label sets of the store feed.
fn shown_by(row: &Row, registry: &Registry) -> Groups {
    let mut shown = Groups::default();
    registry.for_each(|registered, _| {
        for part in row.parts.iter().filter(|part| part.family == registered.labels.family && part.takes(registered)) {
            shown.find(0, part, registered);
        }
    });
    shown
}
