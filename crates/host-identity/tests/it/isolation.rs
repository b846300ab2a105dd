//! Pairs that look alike are different ones.

use std::collections::HashMap;

use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;

use crate::common::{fast, memory, on};

/// A generator of numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn text(&mut self, first: &[char], rest: &[char], most: usize) -> String {
        let length = self.roll(most);
        let mut text = String::from(first[self.roll(first.len())]);
        text.extend((0..length).map(|_| rest[self.roll(rest.len())]));
        text
    }
}

// identity case 13
#[tokio::test]
async fn ten_thousand_random_pairs_of_likely_separators_round_trip() {
    let platforms: Vec<char> = "ab1._-".chars().collect();
    let accounts: Vec<char> = "ab1._-/:|@ \\é".chars().collect();
    let mut state = on(&memory(), fast());
    let mut users = Vec::new();
    for _ in 0..60 {
        users.push(state.create(None).await.unwrap());
    }
    let (mut dice, mut expected) = (Dice(13), HashMap::new());
    while expected.len() < 10_000 {
        let pair = (dice.text(&platforms[..3], &platforms, 6), dice.text(&accounts[..3], &accounts, 8));
        if expected.contains_key(&pair) {
            continue;
        }
        let user = users[expected.len() % users.len()].clone();
        state.link(&pair.0, &pair.1, &user).await.unwrap();
        expected.insert(pair, user);
    }
    for ((platform, account), user) in &expected {
        assert_eq!(state.resolve(platform, account).await.unwrap().0, *user, "{platform} {account}");
    }
    let mut listed = 0;
    for user in &users {
        for link in state.list(user).await.unwrap() {
            assert_eq!(expected.get(&(link.platform, link.platform_user_id)), Some(user));
            listed += 1;
        }
    }
    assert_eq!(listed, 10_000);
}

// identity case 13
#[tokio::test]
async fn parts_cannot_be_moved_from_one_field_to_the_other() {
    let mut state = on(&memory(), fast());
    let user = state.create(None).await.unwrap();
    state.link("a", "b/c", &user).await.unwrap();
    for (platform, account) in [("a.b", "c"), ("a", "b"), ("a", "c"), ("ab", "c"), ("a", "/b/c")] {
        let answer = state.resolve(platform, account).await;
        assert!(matches!(answer, Err(ErrorCode::LinkNotFound)), "{platform} {account}: {answer:?}");
    }
}
