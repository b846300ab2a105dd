//! How a principal proves itself to the host: the table `[auth]`.

use toml::Value;

use crate::problem::Problem;
use crate::section::{Section, texts};

/// Proof by a signature with a registered key (net chapter §3.3).
const KEYPAIR: &str = "keypair";
/// The scope that narrows nothing.
const UNSCOPED: &str = "*";

/// What `[auth]` says as far as this host proves principals; its other keys are the daemon's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// `methods` lists `keypair`.
    pub keypair: bool,
    /// `public_keys`, and the `key` of each of `devices` that has no narrower `scopes`: as written,
    /// `ed25519:<64 hex>`. Whoever verifies skips those that are no keys.
    pub keys: Vec<String>,
}

impl Auth {
    pub(super) fn read(mut table: Section) -> Result<Self, Problem> {
        let any = |text: &str| Ok(text.to_owned());
        let methods = table.list("methods", any)?.unwrap_or_default();
        let mut keys = table.list("public_keys", any)?.unwrap_or_default();
        let path = table.at("devices");
        for device in tables(&path, table.take("devices"))? {
            keys.extend(device_key(Section::of(path.clone(), device))?);
        }
        Ok(Self { keypair: methods.iter().any(|method| method == KEYPAIR), keys })
    }
}

/// A device's key; `None` where its scopes give less than the principal has, which this host cannot hold
/// a connection to and so does not admit.
fn device_key(mut device: Section) -> Result<Option<String>, Problem> {
    let scopes = match device.take("scopes") {
        Some(value) => texts(&device.at("scopes"), value, |text| Ok(text.to_owned()))?,
        None => vec![UNSCOPED.to_owned()],
    };
    match device.take("key") {
        Some(Value::String(key)) => Ok(scopes.iter().any(|scope| scope == UNSCOPED).then_some(key)),
        _ => Err(Problem::key(device.at("key"), "is not a text").allowed("ed25519:<64 hex>")),
    }
}

fn tables(path: &str, value: Option<Value>) -> Result<Vec<toml::Table>, Problem> {
    let wrong = || Problem::key(path, "is not a list of tables").allowed("tables with key and scopes");
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(wrong()),
    };
    let table = |item| if let Value::Table(table) = item { Ok(table) } else { Err(wrong()) };
    items.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(text: &str) -> Result<Auth, Problem> {
        Auth::read(Section::parse(text).unwrap())
    }

    #[test]
    fn keys_are_those_of_the_principal_and_of_its_devices_that_are_not_narrowed() {
        let read = auth(concat!(
            "methods = [\"password\", \"keypair\"]\npublic_keys = [\"ed25519:aa\", \"rubbish\"]\nsecret = 1\n",
            "[[devices]]\nkey = \"ed25519:bb\"\nname = \"laptop\"\n",
            "[[devices]]\nkey = \"ed25519:cc\"\nscopes = [\"chat\"]\n",
            "[[devices]]\nkey = \"ed25519:dd\"\nscopes = [\"chat\", \"*\"]\n",
            "[[devices]]\nkey = \"ed25519:ee\"\nscopes = []\n",
        ));
        let keys = ["ed25519:aa", "rubbish", "ed25519:bb", "ed25519:dd"].map(str::to_owned).to_vec();
        assert_eq!(read.unwrap(), Auth { keypair: true, keys });
        assert_eq!(auth("").unwrap(), Auth::default());
        assert!(!auth("methods = [\"password\"]").unwrap().keypair);
    }

    #[test]
    fn a_table_of_the_wrong_shape_is_a_problem_that_names_its_key() {
        for (text, named) in [
            ("methods = \"keypair\"", "methods"),
            ("public_keys = [1]", "public_keys"),
            ("devices = 1", "devices"),
            ("devices = [1]", "devices"),
            ("[[devices]]\nscopes = [\"*\"]", "devices.key"),
            ("[[devices]]\nkey = \"k\"\nscopes = \"*\"", "devices.scopes"),
        ] {
            assert_eq!(auth(text).unwrap_err().key.as_deref(), Some(named), "{text}");
        }
    }
}
