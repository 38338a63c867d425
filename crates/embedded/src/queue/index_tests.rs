use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn entry(seq: i64, group: &str, visible_at: Timestamp) -> Entry {
    Entry { seq, group: group.to_owned(), sent_at: at(0), visible_at, received: false }
}

fn filled(groups: &[(&str, std::ops::Range<i64>)]) -> Index {
    let mut index = Index::default();
    for (group, seqs) in groups {
        for seq in seqs.clone() {
            index.add(entry(seq, group, at(0)), at(0));
        }
    }
    index
}

#[test]
fn a_newcomer_is_next_however_much_another_group_sent() {
    let mut index = filled(&[("flood", 0..10_000)]);
    assert_eq!(index.claim(10, at(0)), (0..10).collect::<Vec<_>>());
    index.add(entry(20_000, "single", at(0)), at(0));
    assert_eq!(index.claim(1, at(0)), [20_000]);
    assert_eq!(index.claim(2, at(0)), [10, 11]);
}

#[test]
fn groups_take_turns() {
    let mut index = filled(&[("a", 0..3), ("b", 10..13), ("c", 20..23)]);
    let order: Vec<_> = std::iter::from_fn(|| index.claim(1, at(0)).pop()).collect();
    assert_eq!(order.len(), 9);
    for group in 0..3 {
        assert!(
            order[..5].iter().any(|seq| seq / 10 == group),
            "each has had its turn by the fifth: {order:?}"
        );
    }
    for group in 0..3 {
        let own: Vec<_> = order.iter().filter(|seq| *seq / 10 == group).collect();
        assert!(own.is_sorted(), "a group's messages come in the order of sending: {own:?}");
    }
}

#[test]
fn a_stream_of_fresh_groups_starves_nobody() {
    let mut index = filled(&[("old", 0..100)]);
    index.claim(1, at(0));
    let mut served = 0;
    for turn in 0..40 {
        index.add(entry(1_000 + turn, &format!("fresh-{turn}"), at(0)), at(0));
        served += index.claim(1, at(0)).iter().filter(|seq| **seq < 100).count();
    }
    assert!((15..=25).contains(&served), "every second turn: {served}");
}

#[test]
fn sending_one_message_at_a_time_gains_nothing() {
    let mut index = filled(&[("a", 0..100), ("b", 100..200), ("c", 200..300)]);
    index.claim(3, at(0));
    let mut sly = 0;
    for turn in 0..40 {
        index.add(entry(1_000 + turn, "sly", at(0)), at(0));
        sly += index.claim(1, at(0)).iter().filter(|seq| **seq >= 1_000).count();
    }
    assert!((9..=12).contains(&sly), "one turn in four: {sly}");
}

#[test]
fn what_was_given_back_goes_behind_what_waits() {
    let mut index = filled(&[("a", 0..3)]);
    assert_eq!(index.claim(1, at(1)), [0]);
    index.settle(0, Settled::Received(at(30)));
    index.hide(0, at(2), at(2));
    assert_eq!(index.claim(3, at(2)), [1, 2, 0]);
}

#[test]
fn a_claim_outlives_what_happens_to_its_message_meanwhile() {
    let mut index = filled(&[("a", 0..2)]);
    assert_eq!(index.claim(2, at(0)), [0, 1]);
    index.hide(0, at(50), at(0));
    index.remove(1);
    index.settle(0, Settled::Received(at(30)));
    index.settle(1, Settled::Received(at(30)));
    index.release(1);
    assert_eq!((index.next_due(), index.slots.len()), (Some(at(30)), 1));
}

#[derive(Debug, Clone)]
enum Op {
    Add(i64, u8, i64),
    Remove(i64),
    Claim(usize),
    Settle(i64, i64),
    Release(i64),
    Hide(i64, i64),
    Pass(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let seq = 0..12_i64;
    prop_oneof![
        3 => (seq.clone(), 0..4_u8, 0..20_i64).prop_map(|(seq, group, delay)| Op::Add(seq, group, delay)),
        1 => seq.clone().prop_map(Op::Remove),
        3 => (1..5_usize).prop_map(Op::Claim),
        2 => (seq.clone(), 1..20_i64).prop_map(|(seq, hide)| Op::Settle(seq, hide)),
        1 => seq.clone().prop_map(Op::Release),
        1 => (seq, 0..20_i64).prop_map(|(seq, hide)| Op::Hide(seq, hide)),
        2 => (0..10_i64).prop_map(Op::Pass),
    ]
}

proptest! {
    /// Whatever happens, every message stands in exactly the sets that its place names, and every ready one is reached.
    #[test]
    fn nothing_is_lost_and_nothing_is_left_behind(ops in proptest::collection::vec(op(), 0..120)) {
        let mut index = Index::default();
        let mut now = 0;
        let mut claimed = BTreeSet::new();
        for op in ops {
            match op {
                Op::Add(seq, group, delay) => {
                    claimed.remove(&seq);
                    index.add(entry(seq, &group.to_string(), at(now + delay)), at(now));
                }
                Op::Remove(seq) => { claimed.remove(&seq); index.remove(seq); }
                Op::Claim(max) => {
                    for seq in index.claim(max, at(now)) {
                        prop_assert!(claimed.insert(seq), "{seq} was claimed twice");
                    }
                }
                Op::Settle(seq, hide) => if claimed.remove(&seq) {
                    index.settle(seq, Settled::Received(at(now + hide)));
                },
                Op::Release(seq) => { claimed.remove(&seq); index.release(seq); }
                Op::Hide(seq, hide) => index.hide(seq, at(now + hide), at(now)),
                Op::Pass(seconds) => now += seconds,
            }
            let count = |kind: fn(&Place) -> bool| index.slots.values().filter(|slot| kind(&slot.place)).count();
            prop_assert_eq!(count(|place| matches!(place, Place::Claimed { .. })), claimed.len());
            prop_assert_eq!(count(|place| matches!(place, Place::Hidden { .. })), index.hidden.len());
            prop_assert_eq!(count(|place| matches!(place, Place::Ready { .. })), index.ready());
            prop_assert_eq!(index.groups.values().map(|group| group.ready.len()).sum::<usize>(), index.ready());
            let depth = index.depth(at(now));
            prop_assert_eq!((depth.visible + depth.in_flight + depth.delayed) as usize, index.slots.len());
        }
        let rest = index.slots.len() - claimed.len();
        prop_assert_eq!(index.claim(usize::MAX, at(now + 1_000)).len(), rest);
        for seq in 0..12 { index.remove(seq); }
        prop_assert!(index.hidden.is_empty() && index.ready_by_age.is_empty() && index.in_flight == 0);
        prop_assert!(index.claim(1, at(now)).is_empty());
        prop_assert!(index.groups.is_empty() && index.round.is_empty() && index.fresh.is_empty());
    }
}
