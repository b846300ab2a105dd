//! Keeps short texts, one set for each principal that calls: the host scopes every key by principal and capsule.
//!
//! Four tools (`add_note`, `list_notes`, `search_notes`, `export_notes`), one event handler (`notes.v1.clear`), and one event of
//! its own (`notes.v1.added`).

mod export;
mod store;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::store::Note;

/// Longest text of a note in bytes. Notes are short texts, and a listing carries them whole.
const MAX_TEXT: usize = 4096;

/// The capsule; everything it knows is in the host's key-value store.
#[derive(Default)]
pub struct Notes;

/// The arguments of `add_note`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct AddNote {
    /// The text to keep, 1 to 4096 bytes.
    pub text: String,
}

/// The arguments of `search_notes`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct SearchNotes {
    /// What the text has to contain; upper and lower case are the same.
    pub query: String,
}

/// The answer of `add_note`, and the payload of `notes.v1.added`.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The number of the new note, counted from 1.
    pub id: u64,
    /// Its text.
    pub text: String,
}

/// The answer of `list_notes` and `search_notes`, in the order of ids.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// The notes.
    pub notes: Vec<Note>,
}

/// The arguments of `export_notes`: none.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct ExportNotes {}

/// The answer of `export_notes`.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The file as the capsule names it.
    pub path: &'static str,
    /// How many notes are in it.
    pub notes: usize,
}

/// Keeps short texts and finds them again.
#[capsule]
impl Notes {
    /// Keeps a text and answers its number.
    #[astrid::tool("add_note", mutable)]
    fn add_note(&self, args: AddNote) -> Result<Added, SysError> {
        let length = args.text.len();
        if length == 0 || length > MAX_TEXT {
            return Err(SysError::ApiError(format!("text has {length} bytes; allowed: 1 to {MAX_TEXT}")));
        }
        let id = store::add(&args.text)?;
        log::info(format!("note {id} added, {length} bytes"));
        let added = Added { id, text: args.text };
        ipc::publish_json("notes.v1.added", &added)?;
        Ok(added)
    }

    /// Lists all notes.
    #[astrid::tool("list_notes")]
    fn list_notes(&self) -> Result<Listing, SysError> {
        Ok(Listing { notes: store::all()? })
    }

    /// Lists the notes whose text contains a query.
    #[astrid::tool("search_notes")]
    fn search_notes(&self, args: SearchNotes) -> Result<Listing, SysError> {
        let mut notes = store::all()?;
        notes.retain(|note| note.contains(&args.query));
        Ok(Listing { notes })
    }

    /// Writes all notes to a file of the workspace.
    #[astrid::tool("export_notes", mutable)]
    fn export_notes(&self, _: ExportNotes) -> Result<Exported, SysError> {
        let notes = store::all()?;
        // Replaced as one step: whoever reads the file sees all of the old list or all of the new one.
        fs::write(export::PATH, export::markdown(&notes).as_bytes())?;
        log::info(format!("{} notes written to {}", notes.len(), export::PATH));
        Ok(Exported { path: export::PATH, notes: notes.len() })
    }

    /// Forgets all notes; numbers go on where they were.
    #[astrid::interceptor("clear")]
    fn clear(&self) -> Result<(), SysError> {
        let removed = store::clear()?;
        log::info(format!("{removed} notes cleared"));
        Ok(())
    }
}
