//! What answers requests: one after the other, the last one for ever.

use crate::scenario::Answer;
use std::collections::VecDeque;
use std::sync::Mutex;

/// Answers that are left.
#[derive(Debug)]
pub(crate) struct Answers(Mutex<VecDeque<Answer>>);

impl Answers {
    pub(crate) fn new(answers: &[Answer]) -> Self {
        assert!(!answers.is_empty(), "a service or webhook needs an answer");
        Self(Mutex::new(answers.iter().copied().collect()))
    }

    pub(crate) fn replace(&self, answers: &[Answer]) {
        assert!(!answers.is_empty(), "a service or webhook needs an answer");
        *self.0.lock().expect("no panic") = answers.iter().copied().collect();
    }

    pub(crate) fn next(&self) -> Answer {
        let mut left = self.0.lock().expect("no panic");
        match left.len() {
            1 => left[0],
            _ => left.pop_front().expect("never empty"),
        }
    }
}
