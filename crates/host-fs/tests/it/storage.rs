//! The bytes that a principal's files hold, charged to one budget for home and one for tmp.

use std::sync::Arc;

use crate::common::{State, state};
use crate::place::{Place, arm};
use astrid_host_context::{Budgets, CapsuleId, Principal, Quota, Subject};
use astrid_host_fs::{
    Direct, Directories, FsView, HOME_BYTES, OpenMode, Places, TMP_BYTES, arms::V1_0 as Arm,
};
use astrid_host_testkit::FakeHost;

const LIMIT: u64 = 1000;
const FULL: Result<(), Arm> = Err(Arm::Quota);

struct Charged {
    place: Place,
    budgets: Arc<Budgets>,
}

impl Charged {
    fn new() -> Self {
        let budgets = Budgets::new().with_limit(&HOME_BYTES, LIMIT).with_limit(&TMP_BYTES, LIMIT);
        Self { place: Place::new(), budgets: Arc::new(budgets) }
    }

    fn host(&self) -> State {
        let root = self.place.directory.path().to_owned();
        let workspace = Direct::builder().open(&self.place.at("workspace")).unwrap();
        let mounts = Directories::new().workspace(Arc::new(workspace)).quota(self.budgets.clone()).places(
            move |who: &Principal, _: &CapsuleId| {
                let home = root.join("home").join(who.as_str());
                Some(Places { tmp: home.join(".local/tmp"), home })
            },
        );
        state(FakeHost::builder(), Arc::new(mounts))
    }

    /// What is charged for alice's home.
    fn held(&self) -> u64 {
        let (who, capsule) = (Principal::parse("alice").unwrap(), CapsuleId::parse("fake").unwrap());
        let subject = Subject { principal: Some(&who), capsule: &capsule };
        assert_eq!(Quota::limit(&*self.budgets, &subject, &HOME_BYTES), LIMIT);
        self.budgets.held(&subject, &HOME_BYTES)
    }
}

fn bytes(count: usize) -> Vec<u8> {
    vec![7; count]
}

// principals case 26, the part of files
#[tokio::test]
async fn a_full_home_takes_no_byte_more_until_one_is_given_back_and_others_are_not_affected() {
    let charged = Charged::new();
    let mut host = charged.host();
    host.fs().write_file("home://a".into(), bytes(600)).await.unwrap();
    host.fs().append("home://b".into(), bytes(400)).await.unwrap();
    assert_eq!(charged.held(), LIMIT);
    assert_eq!(arm(host.fs().append("home://b".into(), bytes(1)).await), FULL);
    assert_eq!(arm(host.fs().write_file("home://c".into(), bytes(1)).await), FULL);
    assert_eq!(arm(host.fs().copy("home://a".into(), "home://c".into()).await), FULL);
    assert_eq!(
        arm(host.fs().exists("home://c".into()).await),
        Ok(false),
        "nothing is left of what was refused"
    );
    // As much as there was is not more.
    host.fs().write_file("home://a".into(), bytes(600)).await.unwrap();
    host.fs().write_file("home://empty".into(), bytes(0)).await.unwrap();
    host.fs().write_file("tmp://t".into(), bytes(1000)).await.unwrap();
    host.fs().write_file("workspace://w".into(), bytes(5000)).await.unwrap();
    host.fake.serve("bob");
    host.fs().write_file("home://a".into(), bytes(1000)).await.unwrap();
    host.fake.serve("alice");
    host.fs().unlink("home://b".into()).await.unwrap();
    assert_eq!(charged.held(), 600);
    host.fs().write_file("home://c".into(), bytes(400)).await.unwrap();
}

#[tokio::test]
async fn every_way_to_change_a_size_is_charged() {
    let charged = Charged::new();
    let mut host = charged.host();
    let f = host.fs().open("home://f".into(), OpenMode::Write).await.unwrap();
    host.fs().write_at(&f, 90, bytes(10)).await.unwrap();
    host.fs().write_at(&f, 0, bytes(50)).await.unwrap();
    assert_eq!(charged.held(), 100);
    assert_eq!(arm(host.fs().write_at(&f, 999, bytes(2)).await.map(drop)), FULL);
    assert_eq!(arm(host.fs().set_len(&f, 1001).await), FULL);
    host.fs().set_len(&f, 1000).await.unwrap();
    host.fs().set_len(&f, 300).await.unwrap();
    assert_eq!(charged.held(), 300);
    // In place, because a guest has it open.
    host.fs().write_file("home://f".into(), bytes(200)).await.unwrap();
    assert_eq!(charged.held(), 200);
    host.fs().drop_handle(f);
    let f = host.fs().open("home://f".into(), OpenMode::Write).await.unwrap();
    assert_eq!(charged.held(), 0);
    host.fs().drop_handle(f);
    for name in ["a", "d/b", "d/e/c"] {
        host.fs().mkdir_all("home://d/e".into()).await.unwrap();
        host.fs().write_file(format!("home://{name}"), bytes(100)).await.unwrap();
    }
    host.fs().rename("home://a".into(), "home://d/b".into()).await.unwrap();
    assert_eq!(charged.held(), 200);
    host.fs().hard_link("home://d/b".into(), "home://second".into()).await.unwrap();
    host.fs().append("home://second".into(), bytes(50)).await.unwrap();
    assert_eq!(charged.held(), 250);
    assert_eq!(arm(host.fs().remove_dir_all("home://d".into()).await), Ok(4));
    assert_eq!(charged.held(), 150, "the second name keeps its file");
    host.fs().unlink("home://second".into()).await.unwrap();
    assert_eq!(charged.held(), 0);
}

#[tokio::test]
async fn a_file_without_a_name_is_charged_until_it_is_closed() {
    let charged = Charged::new();
    let mut host = charged.host();
    let f = host.fs().open("home://f".into(), OpenMode::Write).await.unwrap();
    host.fs().write_at(&f, 0, bytes(600)).await.unwrap();
    host.fs().unlink("home://f".into()).await.unwrap();
    assert_eq!(arm(host.fs().write_file("home://g".into(), bytes(500)).await), FULL);
    host.fs().write_at(&f, 600, bytes(100)).await.unwrap();
    assert_eq!(charged.held(), 700);
    host.fs().drop_handle(f);
    // The file is closed on the pool, where one principal's jobs run side by side.
    while charged.held() != 0 {
        tokio::task::yield_now().await;
    }
    host.fs().write_file("home://g".into(), bytes(1000)).await.unwrap();
}

#[tokio::test]
async fn writers_side_by_side_never_hold_more_and_end_with_what_is_there() {
    let charged = Charged::new();
    let host = charged.host();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8_usize {
        let mut host = State { fake: FakeHost::builder().build(), ctx: host.ctx.clone() };
        tasks.spawn(async move {
            for round in 0..50_usize {
                let path = format!("home://{}", (task + round) % 3);
                let result = match round % 3 {
                    0 => host.fs().write_file(path, bytes(task * 40 + round)).await,
                    1 => host.fs().append(path, bytes(30)).await,
                    _ => host.fs().unlink(path).await,
                };
                assert!(matches!(arm(result), Ok(()) | Err(Arm::Quota | Arm::NotFound)));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let there = std::fs::read_dir(charged.place.at("home/alice")).unwrap();
    let there: u64 =
        there.map(|it| it.unwrap().metadata().unwrap()).filter(|it| it.is_file()).map(|it| it.len()).sum();
    assert_eq!(charged.held(), there);
}

#[tokio::test]
async fn what_a_home_already_holds_is_charged_when_it_is_opened() {
    let charged = Charged::new();
    let home = charged.place.at("home/alice/d");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("f"), bytes(700)).unwrap();
    std::fs::hard_link(home.join("f"), home.join("again")).unwrap();
    let mut host = charged.host();
    assert_eq!(arm(host.fs().write_file("home://x".into(), bytes(301)).await), FULL);
    assert_eq!(charged.held(), 700);
    // More than the budget: nothing can be added, everything can be taken away.
    std::fs::write(home.join("more"), bytes(900)).unwrap();
    drop(host);
    let mut host = charged.host();
    assert_eq!(arm(host.fs().append("home://x".into(), bytes(1)).await), FULL);
    host.fs().unlink("home://d/more".into()).await.unwrap();
    host.fs().append("home://x".into(), bytes(300)).await.unwrap();
    assert_eq!(charged.held(), LIMIT);
}
