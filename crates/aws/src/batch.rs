//! Calls that take several entries and may fail for some of them: what failed and may succeed is sent again, what was
//! refused is an error, and nothing is left out unnoticed.

use crate::call::Calls;
use std::sync::{Mutex, PoisonError};
use tenantry_app::http::retry::{RetryPolicy, Transient, retry};
use tenantry_core::ports::PortError;

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<R> {
    /// It is in.
    Done(R),
    /// It is not, and may be sent again: the service's code and sentence.
    Again(String),
    /// It is not, and never will be: the service's code and sentence.
    Refused(String),
}

/// Tries of a batch whose entries fail one by one; those of the call as a whole are [`Calls`]' own.
const TRIES: RetryPolicy = RetryPolicy { tries_max: 8, ..RetryPolicy::SHORT };

struct Failed {
    error: PortError,
    again: bool,
}

impl Transient for Failed {
    fn is_transient(&self) -> bool {
        self.again
    }
}

/// Sends the entries, and again those that failed and may succeed. `op` answers an outcome for each entry that it is
/// given, in their order; `name` says which entry an error is about.
///
/// # Errors
/// `op`'s own; [`PortError::Refused`] where an entry was refused; [`PortError::Unavailable`] where some still failed at
/// the last try. After an error some entries may be in.
pub(crate) async fn complete<T: Clone, R, F>(
    calls: &Calls,
    port: &'static str,
    entries: &[T],
    name: impl Fn(&T) -> String,
    mut op: impl FnMut(Vec<T>) -> F,
) -> Result<Vec<R>, PortError>
where
    F: Future<Output = Result<Vec<Outcome<R>>, PortError>>,
{
    let results: Mutex<Vec<Option<R>>> = Mutex::new(entries.iter().map(|_| None).collect());
    let lock = || results.lock().unwrap_or_else(PoisonError::into_inner);
    let attempt = || {
        let left: Vec<usize> = (0..entries.len()).filter(|place| lock()[*place].is_none()).collect();
        // The SDK's futures are large.
        let call = Box::pin(op(left.iter().map(|place| entries[*place].clone()).collect()));
        let (lock, name) = (&lock, &name);
        async move {
            let outcomes = call.await.map_err(|error| Failed { error, again: false })?;
            let mut failure = None;
            let mut outcomes = outcomes.into_iter();
            for place in left {
                let what = || name(&entries[place]);
                match outcomes.next() {
                    Some(Outcome::Done(result)) => lock()[place] = Some(result),
                    Some(Outcome::Refused(why)) => {
                        let message = format!("{} was refused: {why}", what());
                        failure = Some(Failed { error: PortError::Refused { port, message }, again: false });
                    }
                    Some(Outcome::Again(why)) => {
                        failure.get_or_insert_with(|| unavailable(port, &what(), &why));
                    }
                    None => {
                        failure.get_or_insert_with(|| unavailable(port, &what(), "the answer leaves it out"));
                    }
                }
            }
            failure.map_or(Ok(()), Err)
        }
    };
    retry(calls.clock().as_ref(), calls.ids().as_ref(), &TRIES, attempt)
        .await
        .map_err(|failed| failed.error)?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().flatten().collect())
}

fn unavailable(port: &'static str, what: &str, why: &str) -> Failed {
    Failed { error: PortError::Unavailable { port, message: format!("{what} failed: {why}") }, again: true }
}

/// The lengths of the runs into which entries of these sizes are cut: at most `count_max` entries and `bytes_max` bytes
/// each, in order. An entry that is too large by itself stands alone.
pub(crate) fn runs(sizes: impl IntoIterator<Item = usize>, count_max: usize, bytes_max: usize) -> Vec<usize> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for size in sizes {
        match runs.last_mut() {
            Some((count, bytes)) if *count < count_max && *bytes + size <= bytes_max => {
                *count += 1;
                *bytes += size;
            }
            _ => runs.push((1, size)),
        }
    }
    runs.into_iter().map(|(count, _)| count).collect()
}

/// The entries, cut into runs of these lengths.
pub(crate) fn cut<T>(entries: Vec<T>, lengths: Vec<usize>) -> Vec<Vec<T>> {
    let mut entries = entries.into_iter();
    lengths.into_iter().map(|length| entries.by_ref().take(length).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;
    use tenantry_system::{SystemClock, SystemIds};

    fn calls() -> Calls {
        let ids = SystemIds::new().unwrap();
        Calls::new(Arc::new(SystemClock), Arc::new(ids), Duration::from_secs(5))
    }

    async fn run(script: Vec<Vec<Outcome<u32>>>) -> (Result<Vec<u32>, PortError>, Vec<Vec<&'static str>>) {
        let mut script = script.into_iter();
        let mut asked = Vec::new();
        let result = complete(
            &calls(),
            "test",
            &["a", "b", "c"],
            |entry| (*entry).to_owned(),
            |left| {
                asked.push(left);
                let outcomes = script.next().expect("no further call");
                async { Ok(outcomes) }
            },
        )
        .await;
        (result, asked)
    }

    #[tokio::test]
    async fn only_what_failed_is_sent_again_and_results_keep_their_places() {
        use Outcome::{Again, Done};
        let again = || Again("InternalError".to_owned());
        let (result, asked) =
            run(vec![vec![again(), Done(2), again()], vec![again(), Done(3)], vec![Done(1)]]).await;
        assert_eq!(result.unwrap(), [1, 2, 3]);
        assert_eq!(asked, [vec!["a", "b", "c"], vec!["a", "c"], vec!["a"]]);
    }

    #[tokio::test]
    async fn a_refused_entry_is_named_and_ends_it() {
        let refused = Outcome::Refused("InvalidParameterValue: no".to_owned());
        let (result, asked) =
            run(vec![vec![Outcome::Again("x".to_owned()), refused, Outcome::Done(3)]]).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, PortError::Refused { message, .. }
            if message == "b was refused: InvalidParameterValue: no"),
            "{error}"
        );
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn what_the_answer_leaves_out_is_no_success() {
        let (result, asked) =
            run(vec![vec![Outcome::Done(1)], vec![Outcome::Done(2), Outcome::Done(3)]]).await;
        assert_eq!((result.unwrap(), asked.len()), (vec![1, 2, 3], 2));
    }

    #[test]
    fn runs_hold_both_limits() {
        assert_eq!(runs([1; 25], 10, 100), [10, 10, 5]);
        assert_eq!(runs([40, 40, 30, 100, 1, 101, 1], 10, 100), [2, 1, 1, 1, 1, 1]);
        assert_eq!(runs([], 10, 100), [0_usize; 0]);
        assert_eq!(cut(vec![1, 2, 3], vec![2, 1]), [vec![1, 2], vec![3]]);
    }
}
