//! Notes as a Markdown list.

use crate::store::Note;

/// The file, the only one that `Capsule.toml` grants.
pub const PATH: &str = "workspace://notes.md";

/// One item a note, in the order given; further lines of a text are indented below their item.
pub fn markdown(notes: &[Note]) -> String {
    let mut text = String::from("# Notes\n\n");
    for note in notes {
        let lines = note.text.lines().collect::<Vec<_>>().join("\n   ");
        text.push_str(&format!("{}. {lines}\n", note.id));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_is_one_item_of_the_list() {
        let note = |id, text: &str| Note { id, text: text.to_owned() };
        assert_eq!(markdown(&[]), "# Notes\n\n");
        let notes = [note(1, "buy milk"), note(3, "two\nlines")];
        assert_eq!(markdown(&notes), "# Notes\n\n1. buy milk\n3. two\n   lines\n");
    }
}
