//! `capsule user`.

use serde_json::Value;

use crate::support::place::Place;
use crate::support::{Ended, run};

fn user(place: &Place, args: &[&str]) -> Ended {
    run(place.path(), &[&["user"], args, &["--home", "home"]].concat())
}

// identity case 22
#[test]
fn users_are_added_listed_and_deleted_by_their_ids() {
    let place = Place::new();
    assert_eq!(user(&place, &["list"]).good(), "");
    let id = user(&place, &["add", "default", "--name", "The operator"]).good();
    let id = id.trim_end();
    assert_eq!(user(&place, &["list"]).good(), format!("{id} default \"The operator\"\n"));
    let row: Value = serde_json::from_str(&user(&place, &["list", "--json"]).good()).unwrap();
    assert_eq!(
        (&row["id"], &row["principal"], &row["links"]),
        (&id.into(), &"default".into(), &Value::Array(vec![]))
    );
    user(&place, &["add", "default"]).refused(1, &["principal 'default'", "one for each principal"]);
    assert_eq!(user(&place, &["delete", id]).good(), format!("{id} deleted with 0 links\n"));
    user(&place, &["delete", id]).refused(1, &[id, "no user"]);
    assert_eq!(user(&place, &["list"]).good(), "");
}

#[test]
fn what_is_no_user_or_no_principal_is_said() {
    let place = Place::new();
    user(&place, &["delete", "x"]).refused(1, &["astrid-user-id is no UUID"]);
    user(&place, &["add", "a b"]).refused(1, &["a b"]);
    user(&place, &["add", "ada", "--name", ""]).refused(1, &["display-name is blank"]);
    user(&place, &["remove"]).refused(2, &["remove"]);
    run(place.path(), &["user", "list", "--socket", "nowhere"]).refused(1, &["nobody listens here"]);
}
