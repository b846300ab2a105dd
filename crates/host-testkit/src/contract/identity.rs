//! What every `astrid_host_identity::IdentityStore` does, whatever it stores in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use astrid_host_identity::{
    Account, Change, Clock, Commit, DisplayName, IdentityStore, Link, Maker, Method, Stamp, StoreError, User,
    UserId,
};

/// A store of a suite's run.
pub type Store = Arc<dyn IdentityStore>;

/// Runs every case, each on a fresh backend from `make`. Needs a runtime with a few workers.
///
/// # Panics
/// At the first wrong answer.
pub async fn all<F>(make: impl Fn() -> F)
where
    F: Future<Output = Store>,
{
    an_empty_store_knows_nobody(make().await).await;
    a_link_is_found_with_its_user_until_it_is_removed(make().await).await;
    an_account_belongs_to_one_user(make().await).await;
    a_principal_belongs_to_one_user(make().await).await;
    a_user_goes_with_its_links_and_nobody_elses(make().await).await;
    links_are_listed_by_time_then_platform_then_account(make().await).await;
    a_limit_counts_links_that_are_there(make().await).await;
    users_come_in_pages_by_id(make().await).await;
    accounts_that_look_alike_are_different(make().await).await;
    a_withdrawn_change_is_not_made(make().await).await;
    of_many_who_link_one_account_one_wins(make().await).await;
}

/// Nothing is found, and nothing can be removed.
pub async fn an_empty_store_knows_nobody(store: Store) {
    let (pair, nobody) = (account("chat", "a"), UserId::mint());
    assert_eq!(store.find(&pair).await, Ok(None));
    assert_eq!(store.link(&pair).await, Ok(None));
    assert_eq!(store.user(nobody).await, Ok(None));
    assert_eq!(store.links(nobody).await, Ok(None));
    assert_eq!(store.users(None, 10).await, Ok(vec![]));
    assert_eq!(link(&store, &pair, nobody).await, Err(StoreError::NoUser));
    assert_eq!(unlink(&store, &pair, nobody).await, Err(StoreError::NoLink));
    assert_eq!(change(&store, Change::DeleteUser(nobody)).await, Err(StoreError::NoUser));
}

/// All of it comes back: who, since when, how and by whom.
pub async fn a_link_is_found_with_its_user_until_it_is_removed(store: Store) {
    let ada = user("ada", Some("Ada"));
    let pair = account("chat", "@ada: x/y ");
    assert_eq!(change(&store, Change::CreateUser(ada.clone())).await, Ok(0));
    assert_eq!(store.user(ada.id).await, Ok(Some(ada.clone())));
    assert_eq!(store.links(ada.id).await, Ok(Some(vec![])));
    assert_eq!(store.find(&pair).await, Ok(None));
    let made_by = Maker { principal: "bob".parse().ok(), capsule: "bridge".parse().ok() };
    let wanted = Change::Link {
        account: pair.clone(),
        user: ada.id,
        method: method(),
        made_by: made_by.clone(),
        limit: 256,
    };
    assert_eq!(store.change(wanted, Commit::new(&at(1_767_323_045_678))).await, Ok(1));
    let linked_at = Stamp::from_millis(1_767_323_045_678);
    let expected = Link { account: pair.clone(), user: ada.id, linked_at, method: method(), made_by };
    assert_eq!(store.link(&pair).await, Ok(Some(expected.clone())));
    let found = store.find(&pair).await;
    assert!(matches!(found, Ok(Some(found)) if found.link == expected && found.user == ada));
    assert_eq!(store.links(ada.id).await, Ok(Some(vec![expected])));
    assert_eq!(unlink(&store, &pair, UserId::mint()).await, Err(StoreError::OtherOwner));
    assert_eq!(unlink(&store, &pair, ada.id).await, Ok(1));
    assert_eq!(unlink(&store, &pair, ada.id).await, Err(StoreError::NoLink));
    assert_eq!((store.find(&pair).await, store.link(&pair).await), (Ok(None), Ok(None)));
    assert_eq!(store.links(ada.id).await, Ok(Some(vec![])));
}

/// A second link of an account changes nothing, whoever it is for.
pub async fn an_account_belongs_to_one_user(store: Store) {
    let (ada, bob, pair) = (create(&store, "ada").await, create(&store, "bob").await, account("chat", "a"));
    assert_eq!(link(&store, &pair, ada).await, Ok(1));
    let before = store.link(&pair).await;
    for user in [ada, bob] {
        assert_eq!(link(&store, &pair, user).await, Err(StoreError::AlreadyLinked));
    }
    assert_eq!(store.link(&pair).await, before);
    assert_eq!(store.links(bob).await, Ok(Some(vec![])));
    assert_eq!(unlink(&store, &pair, ada).await, Ok(1));
    assert_eq!(link(&store, &pair, bob).await, Ok(1));
}

/// Also while both are created at once by others.
pub async fn a_principal_belongs_to_one_user(store: Store) {
    let first = user("ada", Some("Ada"));
    assert_eq!(change(&store, Change::CreateUser(first.clone())).await, Ok(0));
    let second = user("ada", None);
    let refused = change(&store, Change::CreateUser(second.clone())).await;
    assert_eq!(refused, Err(StoreError::PrincipalTaken));
    assert_eq!(store.user(second.id).await, Ok(None));
    assert_eq!(store.user(first.id).await, Ok(Some(first)));
    // Names of people may be the same.
    assert_eq!(change(&store, Change::CreateUser(user("ada-2", Some("Ada")))).await, Ok(0));
}

/// The principal and the accounts are free then.
pub async fn a_user_goes_with_its_links_and_nobody_elses(store: Store) {
    let (ada, bob) = (create(&store, "ada").await, create(&store, "bob").await);
    let pairs = [account("chat", "a"), account("mail", "a"), account("chat", "b")];
    for (pair, whose) in pairs.iter().zip([ada, ada, bob]) {
        assert_eq!(link(&store, pair, whose).await, Ok(1));
    }
    assert_eq!(change(&store, Change::DeleteUser(ada)).await, Ok(2));
    for pair in pairs.iter().take(2) {
        assert_eq!((store.find(pair).await, store.link(pair).await), (Ok(None), Ok(None)));
        assert_eq!(link(&store, pair, ada).await, Err(StoreError::NoUser));
    }
    assert_eq!((store.user(ada).await, store.links(ada).await), (Ok(None), Ok(None)));
    assert!(matches!(store.links(bob).await, Ok(Some(links)) if links.len() == 1));
    let next = create(&store, "ada").await;
    for pair in pairs.iter().take(2) {
        assert_eq!(link(&store, pair, next).await, Ok(1));
    }
    assert!(matches!(store.links(next).await, Ok(Some(links)) if links.len() == 2));
}

/// Whatever order they were made in, and with platforms of different lengths.
pub async fn links_are_listed_by_time_then_platform_then_account(store: Store) {
    let ada = create(&store, "ada").await;
    let made = [
        (3, "b", "2"),
        (1, "zz", "1"),
        (1, "b", "9"),
        (1, "b", "10"),
        (1, "aaa", "x"),
        (u64::from(u32::MAX), "a", "1"),
        (2, "a", "1"),
    ];
    for (millis, platform, id) in made {
        let wanted = change_of(&account(platform, &format!("{id}@{millis}")), ada, 256);
        assert_eq!(store.change(wanted, Commit::new(&at(millis))).await, Ok(1));
    }
    let listed = store.links(ada).await.ok().flatten().unwrap_or_default();
    let order: Vec<_> = listed.iter().map(|link| link.account.user.as_str()).collect();
    assert_eq!(order, ["x@1", "10@1", "9@1", "1@1", "1@2", "2@3", "1@4294967295"]);
}

/// A place comes back with a link that is removed.
pub async fn a_limit_counts_links_that_are_there(store: Store) {
    let (ada, bob) = (create(&store, "ada").await, create(&store, "bob").await);
    let pairs = [account("chat", "1"), account("chat", "2"), account("chat", "3")];
    let [one, two, three] = &pairs;
    for pair in [one, two] {
        assert_eq!(change(&store, change_of(pair, ada, 2)).await, Ok(1));
    }
    assert_eq!(change(&store, change_of(three, ada, 2)).await, Err(StoreError::TooManyLinks(2)));
    assert_eq!(change(&store, change_of(one, ada, 2)).await, Err(StoreError::AlreadyLinked));
    assert_eq!(unlink(&store, one, ada).await, Ok(1));
    assert_eq!(change(&store, change_of(three, ada, 2)).await, Ok(1));
    assert_eq!(change(&store, change_of(one, bob, 2)).await, Ok(1));
}

/// Each user once.
pub async fn users_come_in_pages_by_id(store: Store) {
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.push(create(&store, &format!("u{n}")).await);
    }
    expected.sort_by_key(|id| id.uuid().as_u128());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.users(after, 3).await.unwrap_or_default();
        assert!(page.len() <= 3);
        seen.extend(page.iter().map(|user| user.id));
        after = seen.last().copied();
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(store.users(after, 3).await, Ok(vec![]));
}

/// No separator can be put into one part to make another pair of it.
pub async fn accounts_that_look_alike_are_different(store: Store) {
    let pairs = [("a", "b/c"), ("a.b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc"), ("a", "b|c"), ("b", "a")];
    let mut users = Vec::new();
    for (n, (platform, id)) in pairs.iter().enumerate() {
        let whose = create(&store, &format!("u{n}")).await;
        assert_eq!(link(&store, &account(platform, id), whose).await, Ok(1), "{platform} {id}");
        users.push(whose);
    }
    for ((platform, id), whose) in pairs.iter().zip(users) {
        let found = store.find(&account(platform, id)).await.ok().flatten();
        assert_eq!(found.map(|found| found.user.id), Some(whose), "{platform} {id}");
        let listed = store.links(whose).await.ok().flatten().unwrap_or_default();
        assert_eq!(listed.len(), 1, "{platform} {id}");
    }
}

/// Whatever it was; and the store goes on.
pub async fn a_withdrawn_change_is_not_made(store: Store) {
    let (ada, pair) = (create(&store, "ada").await, account("chat", "a"));
    assert_eq!(link(&store, &pair, ada).await, Ok(1));
    let other = user("bob", None);
    for wanted in [
        change_of(&account("chat", "b"), ada, 256),
        Change::Unlink { account: pair.clone(), owner: ada },
        Change::CreateUser(other.clone()),
        Change::DeleteUser(ada),
    ] {
        let commit = Commit::new(&now());
        assert!(commit.withdraw());
        assert_eq!(store.change(wanted, commit).await, Err(StoreError::Withdrawn));
    }
    assert_eq!(store.find(&account("chat", "b")).await, Ok(None));
    assert!(matches!(store.links(ada).await, Ok(Some(links)) if links.len() == 1));
    assert_eq!(store.user(other.id).await, Ok(None));
    assert_eq!(unlink(&store, &pair, ada).await, Ok(1));
}

/// And its user alone has it in the list.
pub async fn of_many_who_link_one_account_one_wins(store: Store) {
    let pair = account("chat", "a");
    let mut users = Vec::new();
    for n in 0..100 {
        users.push(create(&store, &format!("u{n}")).await);
    }
    let won = Arc::new(AtomicU64::new(0));
    let tasks = users.iter().map(|id| {
        let (store, pair, id, won) = (store.clone(), pair.clone(), *id, won.clone());
        tokio::spawn(async move {
            match link(&store, &pair, id).await {
                Ok(_) => _ = won.fetch_add(1, Ordering::Relaxed),
                other => assert_eq!(other, Err(StoreError::AlreadyLinked)),
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert!(task.await.is_ok());
    }
    assert_eq!(won.load(Ordering::Relaxed), 1);
    let mut listed = 0;
    for id in users {
        listed += store.links(id).await.ok().flatten().unwrap_or_default().len();
    }
    assert_eq!(listed, 1);
}

async fn change(store: &Store, change: Change) -> Result<u64, StoreError> {
    store.change(change, Commit::new(&now())).await
}

async fn link(store: &Store, account: &Account, user: UserId) -> Result<u64, StoreError> {
    change(store, change_of(account, user, 256)).await
}

async fn unlink(store: &Store, account: &Account, owner: UserId) -> Result<u64, StoreError> {
    change(store, Change::Unlink { account: account.clone(), owner }).await
}

async fn create(store: &Store, principal: &str) -> UserId {
    let user = user(principal, None);
    let id = user.id;
    assert_eq!(change(store, Change::CreateUser(user)).await, Ok(0), "creating {principal}");
    id
}

fn change_of(account: &Account, user: UserId, limit: u64) -> Change {
    Change::Link { account: account.clone(), user, method: method(), made_by: Maker::default(), limit }
}

fn now() -> Clock {
    Arc::new(SystemTime::now)
}

fn at(millis: u64) -> Clock {
    Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

#[expect(clippy::unwrap_used, reason = "names of this suite")]
fn user(principal: &str, name: Option<&str>) -> User {
    let display_name = name.map(|name| DisplayName::parse(name).unwrap());
    User { id: UserId::mint(), principal: principal.parse().unwrap(), display_name }
}

#[expect(clippy::unwrap_used, reason = "names of this suite")]
fn account(platform: &str, user: &str) -> Account {
    Account::parse(platform, user).unwrap()
}

#[expect(clippy::unwrap_used, reason = "names of this suite")]
fn method() -> Method {
    Method::parse("chat_command").unwrap()
}
