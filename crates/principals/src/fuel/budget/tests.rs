use super::*;

fn rate(per_second: u64) -> FuelRate {
    FuelRate::new(per_second, 1)
}

fn budget() -> Arc<FuelBudget> {
    FuelBudget::new(10_000)
}

fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

// principals case 15
#[tokio::test(start_paused = true)]
async fn a_reservation_that_is_never_settled_stays_charged_and_one_that_is_settled_with_nothing_is_free() {
    let fuel = budget();
    let nobody = fuel.account(None);
    let _never_settled = nobody.admit(rate(1000), None).await.unwrap();
    let until = Some(Instant::now());
    assert!(fuel.account(None).admit(rate(1000), until).await.is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    fuel.account(None).admit(rate(1000), None).await.unwrap().settle(0);
    assert!(fuel.account(None).admit(rate(1000), Some(Instant::now())).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_overshoot_is_a_debt_that_later_seconds_pay() {
    let fuel = budget();
    let nobody = fuel.account(None);
    let mut call = nobody.admit(rate(1000), None).await.unwrap();
    let pauses: Vec<_> = (1..=5).map(|second| call.spent(1000 * second)).collect();
    assert_eq!(pauses, [0, 1, 2, 3, 4].map(Duration::from_secs));
    call.settle(5000);
    assert_eq!(fuel.ledger().total(None), 5000);
    assert!(fuel.account(None).admit(rate(1000), None).await.is_none());
}

// principals case 14
#[tokio::test(start_paused = true)]
async fn one_principal_over_budget_leaves_the_other_untouched_and_totals_are_exact() {
    let fuel = budget();
    let (alice, bob) = (principal("alice"), principal("bob"));
    let (of_alice, of_bob) = (fuel.account(Some(&alice)), fuel.account(Some(&bob)));
    let mut call = of_alice.admit(rate(1000), None).await.unwrap();
    call.spent(9000);
    assert_eq!(fuel.window(Some(&alice)), 9000);
    assert!(fuel.account(Some(&alice)).admit(rate(1000), None).await.is_none());
    let other = of_bob.admit(rate(1000), Some(Instant::now())).await.unwrap();
    call.settle(9001);
    other.settle(7);
    let mut totals = fuel.ledger().snapshot();
    totals.sort();
    assert_eq!(totals, [(Some(alice), 9001), (Some(bob), 7)]);
}

#[tokio::test(start_paused = true)]
async fn two_principals_with_different_rates_get_different_shares() {
    let fuel = budget();
    let (alice, bob) = (principal("alice"), principal("bob"));
    let until = Some(Instant::now());
    let four = FuelRate::new(1000, 4);
    let (of_alice, of_bob) = (fuel.account(Some(&alice)), fuel.account(Some(&bob)));
    let held: Vec<_> = [of_alice.admit(four, until).await, of_alice.admit(four, until).await]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!((held.len(), fuel.window(Some(&alice))), (2, 500));
    let _wide = of_bob.admit(rate(8000), until).await.unwrap();
    assert_eq!(fuel.window(Some(&bob)), 8000);
}

#[tokio::test(start_paused = true)]
async fn idle_windows_are_forgotten_at_most_once_a_minute() {
    let fuel = budget();
    let visit = async |n: u32| {
        let who = principal(&format!("p{n}"));
        fuel.account(Some(&who)).admit(rate(1000), None).await.unwrap().settle(1);
    };
    for n in 0..2000 {
        visit(n).await;
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    visit(2000).await;
    assert_eq!(fuel.windows(), 2001);
    tokio::time::advance(Duration::from_secs(31)).await;
    visit(2001).await;
    assert_eq!(fuel.windows(), 1);
    assert_eq!(fuel.ledger().snapshot().len(), 2002, "totals are kept");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_somebody_holds_is_never_forgotten_and_none_is_a_second_budget() {
    let fuel = budget();
    let alice = principal("alice");
    let held = fuel.account(Some(&alice));
    for n in 0..2000 {
        let _ = fuel.account(Some(&principal(&format!("p{n}"))));
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    let again = fuel.account(Some(&alice));
    assert_eq!(fuel.windows(), 1);
    let now = Instant::now();
    assert!(held.try_admit(rate(1000), now).is_some());
    assert!(again.try_admit(rate(1000), now).is_none());
}
