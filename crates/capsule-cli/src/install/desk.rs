//! Approval and values from whoever sits at the terminal, or from nobody.

use astrid_capsule::{Answer, BoxFuture, InstallDesk, InstallStep, Proposal, Question};
use astrid_capsule_manifest::{EnvDefault, EnvKind};

use super::prompt;
use crate::error::one_line;
use crate::output;

/// Asks on the terminal, if there is one.
pub(super) struct Desk {
    /// Everything is approved, and nothing else is asked.
    yes: bool,
    asks: bool,
}

impl Desk {
    pub(super) fn new(yes: bool) -> Self {
        Self { yes, asks: !yes && prompt::can_ask() }
    }
}

impl InstallDesk for Desk {
    fn show(&self, proposal: &Proposal) {
        for warning in &proposal.warnings {
            output::warning(one_line(warning));
        }
        for conflict in &proposal.conflicts {
            output::warning(one_line(&conflict.to_string()));
        }
        if proposal.added.is_empty() || !(self.yes || self.asks) {
            return;
        }
        let Proposal { capsule, version, .. } = proposal;
        let more = if proposal.step == InstallStep::First { "" } else { " beyond what it was allowed" };
        output::diagnostic(&format!("{capsule} {version} asks to be allowed{more}:"));
        for line in proposal.added_lines() {
            output::diagnostic(&format!("  {}", one_line(&line)));
        }
    }

    fn approve<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if !self.asks {
                return self.yes;
            }
            let question =
                format!("allow {} that? [y] yes, anything else does not install it: ", proposal.capsule);
            let answer = prompt::line(&question).await.unwrap_or_default();
            matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
        })
    }

    fn value<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Option<Answer>> {
        Box::pin(async move { if self.asks { ask(question).await } else { None } })
    }
}

async fn ask(Question { key, env, .. }: &Question) -> Option<Answer> {
    if let Some(description) = &env.description {
        output::diagnostic(&one_line(description));
    }
    let request = env.request.as_deref().map_or_else(|| key.clone(), |request| format!("{key}: {request}"));
    let request = one_line(&request);
    let offered = if env.options_from.is_some() { &[][..] } else { env.enum_values.as_slice() };
    show_options(offered);
    let hint = match (&env.default, env.kind, &env.placeholder) {
        (Some(EnvDefault::Text(text)), ..) => format!(" [{}]", one_line(text)),
        (Some(EnvDefault::List(list)), ..) => format!(" [{}]", one_line(&list.join(", "))),
        (None, EnvKind::Secret, _) => " (not shown)".to_owned(),
        (None, EnvKind::Array, _) => " (commas between them)".to_owned(),
        (None, _, Some(example)) => format!(" (such as {})", one_line(example)),
        (None, ..) => String::new(),
    };
    let question = format!("{request}{hint}: ");
    let line = match env.kind {
        EnvKind::Secret => prompt::hidden(&question).await?,
        _ => prompt::line(&question).await?,
    };
    Some(meant(&line, env.kind, offered))
}

/// An option may be answered by its number.
fn meant(line: &str, kind: EnvKind, offered: &[String]) -> Answer {
    let text = line.trim();
    if text.is_empty() {
        return Answer::Blank;
    }
    if kind == EnvKind::Array {
        return Answer::List(elements(text));
    }
    Answer::Text(chosen(text, offered))
}

/// Each with its number.
pub(super) fn show_options(offered: &[String]) {
    for (number, option) in offered.iter().enumerate() {
        output::diagnostic(&format!("  {}) {}", number + 1, one_line(option)));
    }
}

/// The option of this number, where that is not itself an option; else the text.
pub(super) fn chosen(text: &str, offered: &[String]) -> String {
    let by_number = text.parse::<usize>().ok().and_then(|number| offered.get(number.checked_sub(1)?));
    let chosen = by_number.filter(|_| !offered.iter().any(|option| option == text));
    chosen.cloned().unwrap_or_else(|| text.to_owned())
}

/// What lies between commas.
pub(super) fn elements(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str, kind: EnvKind, offered: &[&str]) -> Option<String> {
        let offered: Vec<_> = offered.iter().map(|&option| option.to_owned()).collect();
        match meant(line, kind, &offered) {
            Answer::Blank => None,
            Answer::Text(text) => Some(text),
            Answer::List(list) => Some(list.join("|")),
        }
    }

    #[test]
    fn an_answer_is_a_text_an_option_or_a_list() {
        assert_eq!(text(" \t", EnvKind::Text, &[]), None);
        assert_eq!(text(" a b ", EnvKind::Text, &[]).as_deref(), Some("a b"));
        assert_eq!(text("a, b,,c", EnvKind::Array, &[]).as_deref(), Some("a|b|c"));
        assert_eq!(text("2", EnvKind::Select, &["x", "y"]).as_deref(), Some("y"));
        assert_eq!(text("y", EnvKind::Select, &["x", "y"]).as_deref(), Some("y"));
        // An option that is a number means itself.
        assert_eq!(text("2", EnvKind::Select, &["2", "1"]).as_deref(), Some("2"));
        for no_option in ["0", "3", "z"] {
            assert_eq!(text(no_option, EnvKind::Select, &["x", "y"]).as_deref(), Some(no_option));
        }
    }
}
