//! The stable identifiers of everything that can be wrong with a manifest.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of fault or warning this is. The text of a code never changes once released, so scripts
        /// and documentation can refer to it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// The kebab-case spelling, for example `bad-topic`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The file cannot be opened or read.
    Unreadable = "unreadable",
    /// The file is larger than [`MAX_MANIFEST_BYTES`](crate::MAX_MANIFEST_BYTES).
    ManifestTooLarge = "manifest-too-large",
    /// The file holds a byte sequence that is not UTF-8.
    NotUtf8 = "not-utf8",
    /// The text is not TOML, gives a key twice, or nests too deeply.
    TomlSyntax = "toml-syntax",
    /// A known key has a value of another TOML type.
    WrongType = "wrong-type",
    /// A required key is absent.
    MissingKey = "missing-key",
    /// Two spellings of one key are both given.
    DuplicateKey = "duplicate-key",
    /// A value is not one of an enumerated set.
    BadEnum = "bad-enum",
    /// A number does not fit its range.
    OutOfRange = "out-of-range",
    /// A string that must say something is empty.
    EmptyValue = "empty-value",
    /// A list is longer than its limit.
    TooManyEntries = "too-many-entries",
    /// A path is absolute, climbs with `..`, names a Windows drive, or holds a NUL.
    PathEscape = "path-escape",
    /// A name does not fit the grammar of its section.
    BadName = "bad-name",
    /// A hash is not a BLAKE3 digest in the expected spelling.
    BadHash = "bad-hash",
    /// `package.name` is not a capsule id.
    BadCapsuleId = "bad-capsule-id",
    /// `package.version` is not a full SemVer version.
    BadVersion = "bad-version",
    /// `astrid-version` is not a SemVer requirement.
    BadAstridVersion = "bad-astrid-version",
    /// `astrid-version` asks for another runtime than this one.
    IncompatibleRuntime = "incompatible-runtime",
    /// Two components share an id.
    DuplicateComponent = "duplicate-component",
    /// `link` names no other component.
    UnknownLink = "unknown-link",
    /// More than one component is executable.
    MultipleExecutables = "multiple-executables",
    /// There are components, but all are libraries.
    NoExecutableComponent = "no-executable-component",
    /// An interface is given in both spellings.
    DuplicateInterface = "duplicate-interface",
    /// An interface key is not `namespace:interface`.
    BadInterfaceKey = "bad-interface-key",
    /// An import version is not a SemVer requirement.
    BadImportVersion = "bad-import-version",
    /// An export version is not an exact SemVer version.
    BadExportVersion = "bad-export-version",
    /// A capsule that holds `uplink` imports an interface.
    UplinkImports = "uplink-imports",
    /// A topic pattern does not fit the topic grammar.
    BadTopic = "bad-topic",
    /// More than one source pin is given.
    ConflictingPins = "conflicting-pins",
    /// `priority` is given for a topic without `handler`.
    PriorityWithoutHandler = "priority-without-handler",
    /// A `net` entry is not a host pattern.
    BadNetPattern = "bad-net-pattern",
    /// A socket entry is not `host:port`.
    BadEndpoint = "bad-endpoint",
    /// A `host_process` entry names no command.
    BadCommand = "bad-command",
    /// An `[env]` key is not an identifier.
    BadEnvKey = "bad-env-key",
    /// An `[env]` key is kept for the host.
    ReservedEnv = "reserved-env",
    /// A secret has a default.
    SecretDefault = "secret-default",
    /// A template has an unbalanced or empty placeholder.
    BadTemplate = "bad-template",
    /// A placeholder or `after` names an undeclared key.
    UnknownEnvRef = "unknown-env-ref",
    /// Env keys wait for each other.
    EnvCycle = "env-cycle",
    /// Two tools share a name.
    DuplicateTool = "duplicate-tool",
    /// Two commands share name and kind.
    DuplicateCommand = "duplicate-command",
    /// A cli command is named like a verb of the host's own program.
    ReservedCommand = "reserved-command",
    /// Two MCP servers share an id.
    DuplicateServer = "duplicate-server",
    /// Two uplinks share name and platform.
    DuplicateUplink = "duplicate-uplink",
    /// `[[uplink]]` is given without the capability.
    UplinkWithoutCapability = "uplink-without-capability",
    /// Two `[[topic]]` entries share name and direction.
    DuplicateTopic = "duplicate-topic",
    /// A dependency is not `prefix:body` with a known prefix.
    BadCapabilityRef = "bad-capability-ref",
    /// A cron schedule cannot be parsed or never fires.
    BadSchedule = "bad-schedule",
    /// Two cron jobs share a name.
    DuplicateCron = "duplicate-cron",
    /// Two `[[capsule]]` entries of a distro share a name.
    DuplicateCapsule = "duplicate-capsule",
    /// A `{{ variable }}` of a distro is not declared.
    UnknownVariable = "unknown-variable",
    /// Warning: a key that this version does not know.
    UnknownKey = "unknown-key",
    /// Warning: a key that is known and deliberately not honoured.
    RefusedKey = "refused-key",
    /// Warning: the manifest declares nothing to do.
    EmptyCapsule = "empty-capsule",
    /// Warning: more than five keywords or categories.
    TooManyTags = "too-many-tags",
    /// Warning: a topic pattern that matches every topic.
    BroadTopic = "broad-topic",
    /// Warning: a WIT reference of no known spelling, treated as opaque.
    UnresolvedWit = "unresolved-wit",
    /// Warning: `allow_persistent` without `host_process` does nothing.
    UselessPersistent = "useless-persistent",
    /// Warning: a legacy manifest's `[[uplink]]` counts as the capability.
    ImpliedUplink = "implied-uplink",
    /// Warning: an MCP server of a kind that is not started.
    ServerNotStarted = "server-not-started",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
