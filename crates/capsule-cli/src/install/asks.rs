//! What the hook of an installation asks, put to whoever sits at the terminal.

use std::convert::Infallible;

use astrid_capsule::{Field, Prompt, Prompts, Reply};

use super::desk::{chosen, elements, show_options};
use super::prompt;
use crate::error::one_line;
use crate::output;

/// Answers until it is dropped. Where nobody can be asked everything is declined, so that a hook does not wait
/// two minutes for nobody.
pub(super) async fn answer(mut prompts: Prompts, asks: bool) -> Infallible {
    while let Some(prompt) = prompts.next().await {
        let name = format!("{}: the install hook's question for {}", prompt.capsule(), prompt.key());
        let reply = if asks {
            ask(&prompt).await
        } else {
            output::warning(one_line(&format!("{name} was declined: there is nobody to ask")));
            Reply::declined()
        };
        // It may have waited for the line longer than the hook did.
        if let Err(error) = prompt.answer(reply) {
            output::warning(one_line(&format!("{name} was not answered: {error}")));
        }
    }
    std::future::pending().await
}

async fn ask(prompt: &Prompt) -> Reply {
    output::diagnostic(&format!("the install hook of {} asks:", prompt.capsule()));
    if let Field::Select { options, .. } = prompt.field() {
        show_options(options.as_slice());
    }
    let hint = match (prompt.field(), prompt.default()) {
        (_, Some(default)) => format!(" [{}]", one_line(default)),
        (Field::Secret, None) => " (not shown)".to_owned(),
        (Field::Array, None) => " (commas between them)".to_owned(),
        (Field::Text { .. } | Field::Select { .. }, None) => String::new(),
    };
    let question = format!("{}{hint}: ", one_line(prompt.text()));
    let line = match prompt.field() {
        Field::Secret => prompt::hidden(&question).await,
        Field::Text { .. } | Field::Select { .. } | Field::Array => prompt::line(&question).await,
    };
    line.map_or_else(Reply::declined, |line| meant(line, prompt.field(), prompt.default()))
}

/// Who just presses enter takes what is offered; texts and secrets are what was typed, blanks included.
fn meant(line: String, field: &Field, default: Option<&str>) -> Reply {
    match (field, default) {
        (Field::Text { .. } | Field::Select { .. }, Some(default)) if line.is_empty() => {
            Reply::value(default)
        }
        (Field::Text { .. } | Field::Secret, _) => Reply::value(line),
        (Field::Select { options, .. }, _) => Reply::value(chosen(line.trim(), options.as_slice())),
        (Field::Array, _) => Reply::values(elements(&line)),
    }
}
