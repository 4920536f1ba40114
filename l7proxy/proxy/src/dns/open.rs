//! The questions that wait for their answers, all of a worker's.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use flowfold_wire::dns::{KeptName, Question};

/// The questions that wait on a worker. A question is long, so it stays at its place, whatever becomes of the lookup beside it.
/// There are as many places as have numbers: 65,536, some 17 MB.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenLookups(Rc<RefCell<Places>>);

/// How many places are kept where nobody waits.
const KEPT: usize = 64;

#[derive(Debug, Default)]
struct Places {
    questions: Vec<Asked>,
    free: Vec<u16>,
}

/// A question, as long as it waits.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: KeptName,
    /// The type of records.
    pub(super) kind: u16,
    class: u16,
}

impl Asked {
    const NOTHING: Self = Self { name: KeptName::ROOT, kind: 0, class: 0 };

    fn set(&mut self, question: &Question<'_>) {
        self.name.set(&question.name);
        (self.kind, self.class) = (question.kind, question.class);
    }
}

impl PartialEq<Question<'_>> for Asked {
    fn eq(&self, question: &Question<'_>) -> bool {
        (self.kind, self.class) == (question.kind, question.class) && self.name.name() == question.name
    }
}

/// A question that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Open {
    places: OpenLookups,
    place: u16,
}

impl OpenLookups {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let places = self.0.borrow();
        places.questions.len() - places.free.len()
    }

    /// Keeps a question. None: there are as many as may be.
    pub(super) fn take(&self, question: &Question<'_>) -> Option<Open> {
        let mut places = self.0.borrow_mut();
        let place = if let Some(place) = places.free.pop() {
            place
        } else {
            let place = u16::try_from(places.questions.len()).ok()?;
            places.questions.push(Asked::NOTHING);
            place
        };
        places.questions.get_mut(usize::from(place))?.set(question);
        Some(Open { places: self.clone(), place })
    }
}

impl Open {
    /// What is asked.
    pub(super) fn question(&self) -> Ref<'_, Asked> {
        const NOTHING: &Asked = &Asked::NOTHING;
        Ref::map(self.places.0.borrow(), |places| places.questions.get(usize::from(self.place)).unwrap_or(NOTHING))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut places = self.places.0.borrow_mut();
        places.free.push(self.place);
        if places.questions.len() > KEPT && places.free.len() == places.questions.len() {
            // Nobody waits: the room of a burst is given back.
            *places = Places::default();
        }
    }
}
