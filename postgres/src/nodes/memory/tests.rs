use super::*;

const DAY: Option<Duration> = Some(Duration::from_secs(86_400));

fn placing(number: u64, units: u64) -> (Placing, oneshot::Receiver<Did>) {
    let (answer, answered) = oneshot::channel();
    let placing = Placing {
        id: OrderId::new(format!("o{number}")).expect("it is an id"),
        lines: Lines::new([("phone", units)]).expect("it is valid"),
        ttl: DAY,
        is_retry: false,
        answer,
    };
    (placing, answered)
}

fn beat(open: &[(i64, i64)]) -> Beat {
    let open = open
        .iter()
        .map(|(epoch, rest)| (*epoch, Sku::from("phone"), *rest));
    Beat {
        open: open.collect(),
        ..Beat::default()
    }
}

fn free(memory: &Memory) -> Vec<(i64, i64)> {
    memory
        .blocks()
        .map(|(epoch, _, free)| (epoch, free))
        .collect()
}

#[test]
fn a_block_is_adopted_only_if_what_waits_on_it_fits() {
    let mut memory = Memory::default();
    memory.learn(beat(&[(1, 5)]), &[]);
    let (first, _answer) = placing(1, 4);
    memory.place(first);
    assert_eq!(free(&memory), [(1, 1)]);
    // It turns out to be too short, and to have less than what waits on it.
    memory.forget(1);
    memory.learn(beat(&[(1, 3)]), &[]);
    assert_eq!(free(&memory), [], "3 units do not serve the 4 that wait");
    memory.learn(beat(&[(1, 6)]), &[]);
    assert_eq!(free(&memory), [(1, 2)], "without those that wait");
    memory.learn(beat(&[]), &[]);
    assert_eq!(free(&memory), [], "closed");
}

#[test]
fn what_was_not_placed_comes_back_once() {
    let mut memory = Memory::default();
    memory.learn(beat(&[(1, 5)]), &[]);
    let (order, _answer) = placing(1, 4);
    memory.place(order);
    let (_, waiting) = memory.next_items(10, 10).pop_first().expect("it waits");
    memory.settle(&waiting.item, &Did::Short, &[]);
    assert_eq!(free(&memory), [(1, 5)], "no row counts these units");
    let (order, _answer) = placing(2, 4);
    memory.place(order);
    let (_, waiting) = memory.next_items(10, 10).pop_first().expect("it waits");
    memory.settle(&waiting.item, &Did::Fenced, &[]);
    assert_eq!(free(&memory), [], "the next heartbeat says what it has");
}

#[test]
fn a_recall_and_a_used_up_block_hand_back() {
    let mut memory = Memory::default();
    memory.learn(beat(&[(1, 0), (2, 3), (3, 2)]), &[]);
    assert!(!memory.has_batch());
    assert_eq!(
        memory.next_hand_backs(10),
        [(1, 0)],
        "used up, and not the newest"
    );
    assert_eq!(memory.next_hand_backs(10), [], "once");
    let mut recalled = beat(&[(1, 0), (2, 3), (3, 2)]);
    recalled.recalls = vec![("phone".into(), Duration::from_secs(60))];
    memory.learn(recalled, &[]);
    assert!(memory.has_batch());
    assert_eq!(memory.next_hand_backs(10), [(1, 0), (2, 3), (3, 2)]);
    assert!(!memory.has_batch());
}

#[test]
fn a_batch_has_so_many_lines_and_each_order_once() {
    let mut memory = Memory::default();
    memory.learn(beat(&[(1, 100)]), &[]);
    let mut answers = Vec::new();
    for number in [1, 2, 3, 2] {
        let (order, answer) = placing(number, 1);
        memory.place(order);
        answers.push(answer);
    }
    assert_eq!(memory.next_items(2, 10).len(), 2);
    assert_eq!(
        memory.next_items(2, 10).len(),
        2,
        "the third, and the second again"
    );
    assert!(memory.next_items(2, 10).is_empty());
}

#[test]
fn a_batch_that_is_not_there_waits_again_in_parts() {
    let mut memory = Memory::default();
    memory.learn(beat(&[(1, 0), (2, 10)]), &[]);
    let mut answers = Vec::new();
    for number in [1, 2, 3] {
        let (order, answer) = placing(number, 2);
        memory.place(order);
        answers.push(answer);
    }
    let items = memory.next_items(10, 10);
    let backs = memory.next_hand_backs(10);
    assert_eq!((items.len(), &*backs), (3, &[(1, 0)][..]));
    memory.again(items, &backs);
    assert_eq!(free(&memory), [(1, 0), (2, 4)], "their units stay taken");
    let first = memory.next_items(10, 2);
    let ids: Vec<&str> = first.keys().map(OrderId::as_str).collect();
    assert_eq!(ids, ["o1", "o2"], "in their order, and fewer");
    assert_eq!(memory.next_hand_backs(10), [(1, 0)], "this, too");
    assert_eq!(memory.next_items(10, 2).len(), 1);
}

#[test]
fn heartbeats_ask_by_turns_for_what_is_sold_from_pools() {
    let mut memory = Memory::default();
    let skus: Vec<Sku> = ["a", "b", "c"].map(Sku::from).into();
    memory.narrow.extend(skus.iter().cloned());
    let mut asked = memory.next_known(2);
    memory.learn(
        Beat {
            narrow: asked[..1].to_vec(),
            ..Beat::default()
        },
        &asked,
    );
    assert_eq!(memory.narrow.len(), 2, "one is sold from blocks again");
    assert!(!memory.narrow.contains(&asked[1]));
    for _ in 0..3 {
        asked.extend(memory.next_known(2));
    }
    asked.sort();
    asked.dedup();
    assert_eq!(asked, skus, "all, in some turns");
}

#[test]
fn a_refusal_is_expected_until_a_proof_or_a_heartbeat() {
    let mut memory = Memory::default();
    let lines = |units: u64| Lines::new([("phone", units)]).expect("it is valid");
    let refused = Known {
        state: State::Refused("phone".to_owned()),
        asked: None,
        units: None,
        until: None,
        before: false,
    };
    memory.note_refused(&refused, &lines(3));
    memory.note_refused(&refused, &lines(5));
    let expected = [2, 3, 4].map(|units| memory.expects_refusal(&lines(units)));
    assert_eq!(expected, [false, true, true]);
    memory.note_enough(&lines(1));
    assert!(!memory.expects_refusal(&lines(3)));
    memory.note_refused(&refused, &lines(3));
    memory.learn(beat(&[]), &[]);
    assert!(!memory.expects_refusal(&lines(3)));
}
