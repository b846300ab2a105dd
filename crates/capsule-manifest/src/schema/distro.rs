//! The shape of `Distro.toml`.

use super::Shape::{Bool, Count, Map, ScalarOrTexts, Table, Tables, Text, Texts, Word};
use super::{Schema, optional, required, schema};

pub(crate) static DISTRO: Schema = schema(&[
    required(&["schema-version"], Count),
    required(&["distro"], Table(&HEADER)),
    optional(&["variables"], Map(&Table(&VARIABLE))),
    optional(&["capsule"], Tables(&MEMBER)),
]);

static HEADER: Schema = schema(&[
    required(&["id"], Word),
    required(&["name"], Word),
    optional(&["pretty-name"], Text),
    required(&["version"], Word),
    optional(&["codename"], Text),
    optional(&["release-date"], Text),
    optional(&["description"], Text),
    optional(&["authors"], Texts),
    optional(&["maintainers"], Texts),
    optional(&["homepage"], Text),
    optional(&["support"], Text),
    optional(&["bug-tracker"], Text),
    optional(&["repository"], Text),
    optional(&["license"], Text),
    optional(&["astrid-version"], Text),
    optional(&["requires"], Map(&Map(&Text))),
]);

static VARIABLE: Schema = schema(&[
    optional(&["secret"], Bool),
    optional(&["description"], Text),
    optional(&["default"], ScalarOrTexts),
]);

static MEMBER: Schema = schema(&[
    required(&["name"], Text),
    required(&["source"], Word),
    optional(&["version"], Word),
    optional(&["role"], Word),
    optional(&["group"], Word),
    optional(&["env"], Map(&Text)),
]);
